# Daemons, mail servers and name servers that are broken or hostile: silence, half answers, answers without an end, binary, huge numbers, a
# byte at a time. Whatever comes, a function returns in time, with a result that is none, and without a warning of ours.
use strict;
use warnings;
use Defang::Api;
use Defang::Dns;
use Defang::Server;
use Defang::Test qw(slurp spew temp_dir wait_until);
use IO::Socket::INET;
use Test::More;

my $long = join '.', map { "l$_" } 1 .. 20;
Defang::Dns->start(
	'many.test MX' => [map { "10 mx$_.silent.test." } 1 .. 60],
	map({ ("mx$_.silent.test A" => 'NOTHING', "mx$_.silent.test AAAA" => 'NOTHING') } 1 .. 60),
	'spf.test TXT' => ['"v=spf1 include:silent.test -all"'],
	'silent.test TXT' => 'NOTHING',
	'_dmarc.dom.test TXT' => ['"v=DMARC1; p=reject"'],
	'key._domainkey.x.test TXT' => ['"v=DKIM1; p="'],
);
my $patience = join '', map { "\$Mail::MIMEDefang::${_}::Patience = 1;" } qw(Net Smtp ScanDaemons Antispam);
my $api = Defang::Api->start("use Mail::MIMEDefang::Async; use Mail::MIMEDefang::Async::Checks; use Mail::MIMEDefang::SPF; use Mail::MIMEDefang::DKIM; require Mail::MIMEDefang::Smtp; require Mail::MIMEDefang::ScanDaemons; $patience");
my @message = ("Subject: s\n\nbody\n", 'S<s@x.test>', 'R<r@x.test>');

# What the client says first; nothing is worth waiting for longer than a test's deadline.
sub hear { my ($client) = @_; sysread $client, my $said, 65536; return $said // '' }
sub write_to { my ($client, $text) = @_; return defined syswrite $client, $text }

# Without an end: the client has to see to it.
sub flood { my ($client, $begin) = @_; write_to($client, $begin); 1 while write_to($client, 'x' x 65536); return }
sub drip { my ($client, $begin) = @_; write_to($client, $begin); select undef, undef, undef, 0.1 while write_to($client, '.'); return }
sub mute { my ($client) = @_; 1 while sysread $client, my $said, 65536; return }

my $binary = join '', map { chr } 0 .. 255;
my %manner = (
	'nothing' => sub { },
	'NULs' => sub { write_to($_[0], "\0" x 5_000 . "\n") },
	'binary' => sub { write_to($_[0], $binary x 100 . "\n") },
	'a huge number' => sub { write_to($_[0], '9' x 100_000 . "\n") },
	'a line without an end' => sub { flood($_[0], '') },
	'a byte at a time' => sub { drip($_[0], '') },
	'silence' => \&mute,
);
sub peer
{
	my ($serve) = @_;
	return Defang::Server->start(undef, serve => sub {
		my ($client) = @_;
		return write_to($client, "PONG\n") if hear($client) eq "PING\n";
		return $serve->($client);
	});
}

# --- Daemons -------------------------------------------------------------------------------------------------------------------------
my @scanners = qw(clamd sophie trophie fprotd fprotd_v6);
for my $how (sort keys %manner) {
	my $server = peer($manner{$how});
	my $where = "127.0.0.1:$server->{port}";
	for my $name (@scanners) {
		my $got = $api->scan([@message], filter => "(entity_contains_virus_$name(\$_[0], '$where'))[1, 2]");
		like("@{ $got->{filter}[0] // [$got->{reply}] }", qr/^(?:swerr|cannot-execute) tempfail\z/, "$name: $how");
	}
	my $got = $api->scan([@message], begin => "(md_spamc_check(md_spamc_init('127.0.0.1', $server->{port})))");
	is_deeply($got->{begin}[0], [0, 0, '', 0], "spamd: $how");
	$got = $api->scan([@message], begin => "rspamd_check('http://$where')");
	is_deeply($got->{begin}[0], [0, 0, '', '', 'soft reject', 'false'], "rspamd: $how");
	my $first = Defang::Server->start(undef, serve => $manner{$how}); # here it is the server that speaks first
	is_deeply([$api->scan([@message], filter => "(entity_contains_virus_carrier_scan(\$_[0], '127.0.0.1:$first->{port}'))[1, 2]")->{filter}[0]], [['cannot-execute', 'tempfail']], "CarrierScan: $how");
	is(($api->values("md_check_against_smtp_server('<s\@x>', '<r\@y>', 'me', '127.0.0.1', $first->{port})"))[0], 'TEMPFAIL', "a mail server: $how");
}
# These say what they have to say, and are given the time for it.
$api->values('$Mail::MIMEDefang::ScanDaemons::Patience = $Mail::MIMEDefang::Smtp::Patience = 20; 1');
for my $case (
	['carrier_scan', "220 x\n", 'cannot-execute'], ['carrier_scan', "220 x\n2\n230 fine\n", 'swerr'], ['carrier_scan', "220 x\n2\n230 fine\n-1\n", 'swerr'],
	['carrier_scan', "220 x\n2\n230 fine\n99999999999999999999\n", 'virus'], ['fprotd_v6', '0 <clean', 'swerr'], ['fprotd_v6', "99999999999999999999 <x> y\n", 'swerr'],
	['fprotd_v6', '', 'cannot-execute'], ['fprotd', '<summary>infected', 'swerr'], ['fprotd', '<name>x</name>', 'swerr'], ['sophie', '-1', 'swerr'], ['sophie', "\n", 'swerr'],
	['clamd', "x: OK\nx: Broken ERROR\n", 'swerr'], ['clamd', 'stream: OK', 'ok'], ['clamd', "FOUND\n", 'swerr'],
) {
	my ($name, $says, $is) = @$case;
	my $server = $name eq 'carrier_scan' ? Defang::Server->start(undef, serve => sub { write_to($_[0], $says); hear($_[0]) }) : peer(sub { write_to($_[0], $says) });
	my $got = $api->scan([@message], filter => "(entity_contains_virus_$name(\$_[0], '127.0.0.1:$server->{port}'))[1]");
	is($got->{filter}[0][0], $is, "$name: " . $says =~ s/\n/ /gr);
}
is_deeply($api->scan([@message], begin => 'scan_file_using_fprotd_v6("/x\n/y", "127.0.0.1:1")')->{begin}[0], [999, 'cannot-execute', 'tempfail'], 'a path of two lines is not asked about');
for my $head ('True ; 1.2.3 / 5.0', 'True ; 9999999999999999999999 / 5', 'True ; nan / inf', 'True ; / 5', 'True', '') {
	is($api->values("Mail::MIMEDefang::Antispam::spamd_answer(\"SPAMD/1.1 0 EX_OK\\r\\nSpam: $head\\r\\n\\r\\nx\")"), undef, "spamd: $head");
}
for my $json ('{"score":', '{"score":[1]}', '{"score":1e999}', '{"score":"nan"}', '[' x 100_000, '{"score":1,"required_score":{}}', '{}', 'null', '"x"', '') {
	my $server = peer(sub { write_to($_[0], "HTTP/1.1 200 OK\r\nContent-Length: " . length($json) . "\r\nConnection: close\r\n\r\n$json") });
	for my $name ('rspamd_check', 'md_async_rspamd_check') {
		is_deeply($api->scan([@message], begin => "$name('http://127.0.0.1:$server->{port}')")->{begin}[0], [0, 0, '', '', 'soft reject', 'false'], "$name: " . substr $json, 0, 40);
	}
}
my $slow = temp_dir() . '/slow';
{
	local $ENV{DEFANG_BUSY_MS} = 6000;
	my $timed = Defang::Api->start("no warnings 'redefine'; my \$log = \\&Mail::MIMEDefang::log_line; *Mail::MIMEDefang::log_line = sub { if (\$_[1] =~ /slow:/) { open my \$fh, '>', '$slow' } \$log->(\@_) };");
	for my $what (['clamd', "x: OK\n", 'ok'], ['sophie', "0\n", 'ok'], ['fprotd_v6', "0 <clean> x\n", 'ok']) {
		my ($name, $says, $is) = @$what;
		unlink $slow;
		my $server = peer(sub { wait_until(20, sub { -e $slow }); write_to($_[0], $says) });
		is($timed->scan([@message], filter => "(entity_contains_virus_$name(\$_[0], '127.0.0.1:$server->{port}'))[1]")->{filter}[0][0], $is, "$name, which takes more than half of the time");
		ok(-e $slow, '  the slow log has told of it');
	}
	$timed->stop;
}

# --- Mail servers --------------------------------------------------------------------------------------------------------------------
for my $case (
	["220-a\r\n" x 1000, 'TEMPFAIL'], ['220-' . 'x' x 100_000 . "\r\n", 'TEMPFAIL'], ["220 \0\0\r\n999 x\r\n", 'TEMPFAIL'], ["220 x\r\n2", 'TEMPFAIL'], ["100 x\r\n", 'TEMPFAIL'],
	["220 x\r\n250 a\r\n250 b\r\n550 5.1.1 no \x1b[2J\xff user\r\n", 'REJECT'], ["22\x{b2} x\r\n", 'TEMPFAIL'],
) {
	my ($says, $is) = @$case;
	my $server = Defang::Server->start(undef, serve => sub { write_to($_[0], $says); shutdown $_[0], 1; mute($_[0]) });
	my @got = $api->values("md_check_against_smtp_server('<s\@x>', '<r\@y>', 'me', '127.0.0.1', $server->{port})");
	is($got[0], $is, 'a mail server: ' . substr($says, 0, 20) =~ s/[^ -~]+/ /gr);
	like($got[1], qr/\A[\t -~]*\z/, '  whose text can be handed on');
}
is(($api->values('md_check_against_smtp_server("s", "r", "h")'))[0], 'TEMPFAIL', 'no server at all');
is(($api->values('md_check_against_smtp_server("s", "r", "h", "\x{263a}")'))[0], 'TEMPFAIL', '  or one of no name');

# --- Name servers, and names that are none -------------------------------------------------------------------------------------------
is_deeply([$api->values('get_mx_ip_addresses("many.test")')], [], 'a domain with many silent exchangers');
for my $name ('', '.', 'a..b', '.x', 'x' x 64 . '.test', 'a.' x 200 . 'test', '\x{263a}.test', "gr\\xc3\\xbc.test", 'a b.test', 'a\\nb', 'a\\0b', 'a\\\\b') {
	my @calls = map { "$_(\"$name\")" } qw(md_get_bogus_mx_hosts get_mx_ip_addresses md_get_dmarc_record md_async_dmarc_verify);
	for my $call (@calls, "md_dns_txt(undef, \"$name\")", "relay_is_blacklisted('127.0.0.1', \"$name\")", "email_is_blacklisted('a\@b', \"$name\", 'MD5')", "md_async_relay_is_blacklisted('127.0.0.1', \"$name\")") {
		my @got = eval { $api->values("($call)") };
		is_deeply([$@, grep { $_ } @got], [''], substr $call, 0, 60);
	}
}
is_deeply($api->values('relay_is_blacklisted_multi("127.0.0.1", 2, 0, ["a..b", "\x{263a}"])'), { 'a..b' => 'SERVFAIL', "\x{263a}" => 'SERVFAIL' }, 'lists of no name');
for my $address ('\x{263a}', '', 'a\nb', '1.2.3.4\0', '::1%lo', '9' x 1000) {
	is_deeply([$api->values("(reverse_ip_address_for_rbl(\"$address\"), is_public_ip4_address(\"$address\"), is_public_ip6_address(\"$address\"))")], [undef, 0, 0], 'no address: ' . substr $address, 0, 20);
}
is($api->values("md_get_dmarc_record('$long.dom.test')"), 'v=DMARC1; p=reject', 'a name of many labels');
is(($api->values('$Mail::MIMEDefang::SPF::Patience = 0; (md_spf_verify("a\@spf.test", "192.0.2.1"))'))[0], 'temperror', 'SPF, when its time is over');
is(($api->values('$Mail::MIMEDefang::SPF::Patience = 20; (md_spf_verify("a\@spf.test", "192.0.2.1"))'))[0], 'temperror', 'SPF and a silent name server');
my $signed = "DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=key; h=From; bh=AAAA; b=AAAA\nFrom: a\@x.test\n\nx\n";
isnt($api->scan($signed, begin => '$Mail::MIMEDefang::DKIM::Patience = 0; md_dkim_verify()')->{begin}[0][0], 'pass', 'DKIM, when its time is over');

# --- Several at once -----------------------------------------------------------------------------------------------------------------
# A listener that takes no more connections: whoever comes now gets no answer at all.
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "listen: $!";
my @queue = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 8;
my $echo = Defang::Server->start(sub { my ($said) = @_; return $said =~ /\n/ ? "heard $said" : undef });
my ($flood, $drip) = map { peer($manner{$_}) } 'a line without an end', 'a byte at a time';
my $got = $api->values(<<"PERL");
md_async_init(global_timeout => 12, socket_timeout => 9, max_concurrency => 30);
md_async_run_checks([
	(map { { name => "full \$_", type => 'socket', args => { where => '127.0.0.1:${\ $full->sockport}', send => "x\\n" } } } 1 .. 10),
	{ name => 'echo', type => 'socket', args => { where => 'localhost:$echo->{port}', send => "hello\\n" } },
	{ name => 'drip', type => 'socket', args => { where => '127.0.0.1:$drip->{port}', send => "x\\n" } },
	{ name => 'flood', type => 'socket', args => { where => '127.0.0.1:$flood->{port}', send => "x\\n" } },
	{ name => 'refused', type => 'socket', args => { where => '127.0.0.1:1' } }, { name => 'nowhere', type => 'socket', args => {} },
	{ name => 'closes', type => 'process', args => { command => ['sh', '-c', 'echo done; exec >&-; exec tail -f /dev/null'] } },
	{ name => 'words', type => 'process', args => { command => 'true' } }, { name => 'label', type => 'dns', args => { name => 'a..b', type => 'A' } },
	{ name => 'same', type => 'process', args => { command => ['cat'], input => 'a' } }, { name => 'same', type => 'process', args => { command => ['cat'], input => 'a' } },
	{ type => 'process', args => { command => ['echo', 'nameless'] } }, {},
])
PERL
is_deeply($got->{results}, { echo => "heard hello\n", closes => "done\n", same => 'a', process => "nameless\n" }, 'those that answer are not held up by those that do not') or diag explain $got;
is_deeply({ map { $_ => $got->{errors}{$_} } grep { !/full|flood|refused/ } keys %{ $got->{errors} } }, { drip => 'timeout', nowhere => 'cannot connect to : Invalid argument',
	words => 'no command', label => 'not a name', '' => 'unknown type of check: none' }, 'errors');
is_deeply([map { $got->{errors}{"full $_"} } 1 .. 10], [('timeout') x 10], '  no connection');
like($got->{errors}{refused}, qr/^cannot connect to 127\.0\.0\.1:1: Connection refused/, '  refused');
like($got->{errors}{flood}, qr/^(?:answer too long|timeout)\z/, '  an answer without an end');
close $_ for @queue;

unlike($api->{worker}->stderr, qr{(?:uninitialized|numeric|Wide character|Malformed).*/MIMEDefang}, 'no warning of ours') or diag $api->{worker}->stderr;
is($api->stop, 0, 'ends well');
done_testing;
