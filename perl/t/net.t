# Addresses, and questions to a name server of our own.
use strict;
use warnings;
use Defang::Api;
use Defang::Dns;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha1_hex);
use Test::More;

my $v6 = join '.', reverse split //, '20010db8000000000000000000000001';
Defang::Dns->start(
	'2.0.0.127.one.test A' => ['127.0.0.2'],
	'2.0.0.127.two.test A' => ['127.0.0.3', '127.0.0.4'],
	'2.0.0.127.broken.test A' => 'SERVFAIL',
	'2.0.0.127.silent.test A' => 'NOTHING',
	'2.0.0.127.text.test TXT' => ['"x"'],
	"$v6.one.test A" => ['127.0.0.9'],
	md5_hex('bad@example.org') . '.mail.test A' => ['127.0.0.5'],
	sha1_hex('bad@example.org') . '.mail.test A' => ['127.0.0.6'],
	'mx.test MX' => ['20 b.mx.test.', '10 a.mx.test.'],
	'a.mx.test A' => ['8.8.8.8'],
	'b.mx.test A' => ['10.1.2.3'],
	'b.mx.test AAAA' => ['fe80::1'],
	'nomx.test A' => ['8.8.4.4'],
	'null.test MX' => ['0 .'],
	'null.test A' => ['8.8.4.4'],
	'4.4.8.8.in-addr.arpa PTR' => ['nomx.test.'],
	"$v6.ip6.arpa PTR" => ['six.test.'],
	'txt.test TXT' => ['"first"', '"second" " part"'],
	'_dmarc.dom.test TXT' => ['"other"', '"v=DMARC1; p=reject"'],
);
my $api = Defang::Api->start('');

for my $case (
	['expand_ipv6_address("::1")', '0000:0000:0000:0000:0000:0000:0000:0001'],
	['expand_ipv6_address("2001:DB8::a:0:1")', '2001:0db8:0000:0000:0000:000a:0000:0001'],
	['expand_ipv6_address("none")', 'none'],
	['reverse_ip_address_for_rbl("192.0.2.1")', '1.2.0.192'],
	['reverse_ip_address_for_rbl("2001:db8::1")', $v6],
	['reverse_ip_address_for_rbl("300.1.1.1")', undef],
	map({ ["is_public_ip4_address('$_')", 1] } qw(8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 192.167.1.1 223.255.255.255)),
	map({ ["is_public_ip4_address('$_')", 0] } qw(10.0.0.1 127.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1 224.0.0.1 239.1.1.1 240.0.0.1
		255.255.255.255 0.0.0.0 100.64.0.1 256.1.1.1 x ::1)),
	map({ ["is_public_ip6_address('$_')", 1] } qw(2a00:1450::1 2001:4860:4860::8888)),
	map({ ["is_public_ip6_address('$_')", 0] } qw(::1 :: fe80::1 fc00::1 fd12::1 ff02::1 2001:db8::1 ::ffff:10.0.0.1 x 8.8.8.8)),
	['relay_is_blacklisted("127.0.0.2", "one.test")', '127.0.0.2'],
	['Mail::MIMEDefang::Net::relay_is_blacklisted("2001:db8::1", "one.test")', '127.0.0.9'],
	['relay_is_blacklisted("127.0.0.3", "one.test")', 0],
	['relay_is_blacklisted("127.0.0.2", "broken.test")', 0],
	['relay_is_blacklisted("nonsense", "one.test")', 0],
	['email_is_blacklisted("<Bad\@Example.org>", "mail.test", "MD5")', '127.0.0.5'],
	['email_is_blacklisted("bad\@example.org", "mail.test", "SHA1")', '127.0.0.6'],
	['email_is_blacklisted("good\@example.org", "mail.test", "SHA1")', 0],
	['email_is_blacklisted("bad\@example.org", "mail.test", "CRC")', 0],
	['Mail::MIMEDefang::Net::get_ptr_record("8.8.4.4")', 'nomx.test'],
	['Mail::MIMEDefang::Net::get_ptr_record("2001:db8::1")', 'six.test'],
	['Mail::MIMEDefang::Net::get_ptr_record("8.8.4.5", Net::DNS::Resolver->new)', undef],
	['md_dns_txt(Net::DNS::Resolver->new, "txt.test")', 'first'],
	['md_dns_txt(Net::DNS::Resolver->new, "txt.test", qr/part/)', 'second part'],
	['md_dns_txt(Net::DNS::Resolver->new, "txt.test", "none")', undef],
	['md_get_dmarc_record("a.b.dom.test")', 'v=DMARC1; p=reject'],
	['md_get_dmarc_record("dom.test.")', 'v=DMARC1; p=reject'],
	['md_get_dmarc_record("txt.test")', undef],
) {
	my ($text, $is) = @$case;
	is($api->values($text), $is, $text);
}
is_deeply([$api->values('get_mx_ip_addresses("mx.test")')], ['8.8.8.8', '10.1.2.3', 'fe80:0:0:0:0:0:0:1'], 'get_mx_ip_addresses');
is_deeply([$api->values('get_mx_ip_addresses("nomx.test", Net::DNS::Resolver->new)')], ['8.8.4.4'], '  without MX');
is_deeply([$api->values('get_mx_ip_addresses("null.test")')], [], '  a null MX');
is_deeply([$api->values('md_get_bogus_mx_hosts("mx.test")')], ['10.1.2.3', 'fe80:0:0:0:0:0:0:1'], 'md_get_bogus_mx_hosts');

my $zones = '["one.test", "two.test", "broken.test", "silent.test", "text.test", "none.test"]';
my $begin = time;
is_deeply($api->values("relay_is_blacklisted_multi('127.0.0.2', 6, 0, $zones)"), {
	'one.test' => ['127.0.0.2'], 'two.test' => ['127.0.0.3', '127.0.0.4'], 'broken.test' => 'SERVFAIL', 'silent.test' => 'SERVFAIL',
	'text.test' => 'NXDOMAIN', 'none.test' => 'NXDOMAIN',
}, 'relay_is_blacklisted_multi');
cmp_ok(time - $begin, '<', 60, '  ends in time');
is_deeply([$api->values("relay_is_blacklisted_multi_list('127.0.0.2', 6, 0, $zones, Net::DNS::Resolver->new)")], ['one.test', 'two.test'], 'relay_is_blacklisted_multi_list');
is($api->values("relay_is_blacklisted_multi_count('127.0.0.2', 6, 0, $zones)"), 2, 'relay_is_blacklisted_multi_count');
is($api->values("relay_is_blacklisted_multi_count('127.0.0.2', 600, 1, $zones)"), 1, '  as many as are wanted, and no waiting');
is_deeply($api->values("relay_is_blacklisted_multi('nonsense', 2, 0, ['one.test'])"), { 'one.test' => 'SERVFAIL' }, 'no address');

# Without Net::DNS.
$api->values('local $INC{"Net/DNS.pm"} = undef; relay_is_blacklisted("127.0.0.2", "one.test")');
like(($api->logged)[0], qr/^err relay_is_blacklisted needs the Perl module Net::DNS \(Debian: libnet-dns-perl\)$/, 'a module that is missing is named');
is($api->stop, 0, 'ends well');
done_testing;
