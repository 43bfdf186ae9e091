# Signatures and policies of senders: DKIM, ARC, SPF, Authentication-Results, BIMI, MTA-STS, DANE. Keys are made here, the DNS is our own.
use strict;
use warnings;
use Defang::Api;
use Defang::Dns;
use Defang::Test qw(slurp spew temp_dir run_command);
use Digest::SHA qw(sha256_hex sha512_hex);
use Test::More;

for my $module (qw(Mail::DKIM Mail::SPF Mail::AuthenticationResults Mail::DMARC)) {
	plan skip_all => "needs $module" if !eval "require $module; 1";
}
my $dir = temp_dir();
my ($made) = run_command(60, 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', "$dir/key.pem", '-out', "$dir/cert.pem", '-subj', '/CN=mx.example.org', '-days', 30);
$made == 0 or die 'openssl';
my $public = `openssl rsa -in $dir/key.pem -pubout 2>/dev/null` =~ s/-----[^\n]*\n|\n//gr;
my $der = `openssl x509 -in $dir/cert.pem -outform DER`;
my $spki = `openssl x509 -in $dir/cert.pem -noout -pubkey | openssl pkey -pubin -outform DER`;
my @txt = map { '"v=DKIM1; k=rsa; p=' . substr($_, 0, 200) . '" "' . substr($_, 200) . '"' } $public;
Defang::Dns->start(
	'sel._domainkey.example.org TXT' => [@txt],
	'default._domainkey.example.org TXT' => [@txt],
	'example.org TXT' => ['"v=spf1 ip4:192.0.2.0/24 a:other.example.org -all"'],
	'example.org MX' => ['10 mx.example.org.'],
	'other.example.org A' => ['198.51.100.1'],
	'helo.example.org TXT' => ['"v=spf1 ip4:192.0.2.1 -all"'],
	'soft.example.org TXT' => ['"v=spf1 ~all"'],
	'broken.example.org TXT' => ['"v=spf1 nonsense"'],
	'_dmarc.example.org TXT' => ['"v=DMARC1; p=reject"'],
	'default._bimi.example.org TXT' => ['"v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/vmc.pem"'],
	'brand._bimi.example.org TXT' => ['"v=BIMI1; l=; a="'],
	'_mta-sts.example.org TXT' => ['"v=STSv1; id=20260101;"'],
	'_25._tcp.mx.example.org TLSA' => ['3 1 1 ' . sha256_hex($spki), '2 0 1 ' . sha256_hex($der)],
);
my $api = Defang::Api->start(join '', map { "use Mail::MIMEDefang::$_;\n" } qw(DKIM DKIM::ARC SPF Authres BIMI TLS));
my $message = "From: Author <a\@example.org>\nTo: b\@example.net\nSubject: signed\nDate: Sat, 21 Nov 2026 08:00:00 +0000\nMessage-ID: <1\@example.org>\n\nThe body.\n";

# --- DKIM ------------------------------------------------------------------------------------------------------------------------------
my %signed;
for my $case (
	['defaults', "'$dir/key.pem'", qr{a=rsa-sha1; c=relaxed/simple; d=example\.org; h=from:to:.*; s=default}],
	['sha256', "'$dir/key.pem', 'rsa-sha256', 'simple', 'example.org', 'sel'", qr{a=rsa-sha256.*c=simple}],
	['headers', "'$dir/key.pem', 'rsa-sha256', 'relaxed', 'example.org', 'sel', 'X-Own'", qr{d=example\.org}],
	['on one line', "'$dir/key.pem', 'rsa-sha256', 'relaxed/relaxed', 'example.org', 'sel', undef, 0", qr{\A[^\n]*\z}],
) {
	my ($name, $args, $looks) = @$case;
	my $got = $api->scan($message, begin => "md_dkim_sign($args)");
	my ($header, $value) = @{ $got->{begin}[0] };
	is($header, 'DKIM-Signature', "md_dkim_sign: $name") or diag explain $got;
	like($value, $looks, '  as asked for');
	$signed{$name} = "$header: $value\n$message";
	is_deeply([@{ $api->scan($signed{$name}, begin => 'md_dkim_verify()')->{begin}[0] }[0 .. 2]], ['pass', 'example.org', 2048], '  md_dkim_verify')
		or diag $value;
}
like($signed{sha256}, qr/b=[^\n]*\n\t/, '  folded');
is_deeply($api->scan($signed{sha256} =~ s/The body/Another body/r, begin => 'md_dkim_verify()')->{begin}[0][0], 'fail', '  a body that was changed');
is_deeply($api->scan($signed{sha256} =~ s/s=sel/s=gone/r, begin => 'md_dkim_verify()')->{begin}[0][0], 'invalid', '  a key that is gone');
is_deeply($api->scan($message, begin => 'md_dkim_verify()')->{begin}[0], ['none', undef, undef, undef], '  none');
is_deeply($api->scan($signed{sha256}, begin => 'my $v = md_dkim_verify(); (ref $v, $v->result)')->{begin}[0], ['Mail::DKIM::Verifier', 'pass'], '  as an object');
like($api->scan($signed{sha256}, begin => '(md_dkim_verify())[3]')->{begin}[0][0], qr{\A[A-Za-z0-9+/=]{300,}\z}, '  the signature');
my $got = $api->scan($message, begin => 'md_dkim_sign("/no/such/key")');
is_deeply($got->{begin}[0], [], 'a key that is not there');
like($got->{logged}[0], qr/^err .*md_dkim_sign: /, '  is told');
is_deeply([$api->values('(md_dkim_sign("k"), md_dkim_verify())')], [], 'outside of a message');

# --- ARC -------------------------------------------------------------------------------------------------------------------------------
my $with_results = "Authentication-Results: mx.example.org; arc=none; dkim=pass header.d=example.org\n$message";
my @arc = ("'$dir/key.pem'", 'undef', "'ar'", "'example.org'", "'mx.example.org'", "'sel'");
$got = $api->scan($with_results, begin => 'my %h = md_arc_sign(' . join(', ', @arc) . '); \%h');
is_deeply([sort keys %{ $got->{begin}[0][0] }], ['ARC-Authentication-Results', 'ARC-Message-Signature', 'ARC-Seal'], 'md_arc_sign') or diag explain $got;
like($got->{begin}[0][0]{'ARC-Seal'}, qr/i=1;.*a=rsa-sha256;.*cv=none;.*d=example\.org;.*s=sel/s, '  the seal');
{
	require Mail::DKIM::ARC::Verifier;
	my $verifier = Mail::DKIM::ARC::Verifier->new;
	my $sealed = join('', map { "$_: $got->{begin}[0][0]{$_}\n" } qw(ARC-Seal ARC-Message-Signature ARC-Authentication-Results)) . $with_results;
	$verifier->PRINT($sealed =~ s/\n/\r\n/gr);
	$verifier->CLOSE;
	is($verifier->result, 'pass', '  is good');
}
$got = $api->scan($message, begin => 'my %h = md_arc_sign(' . join(', ', @arc) . '); \%h');
is_deeply([keys %{ $got->{begin}[0][0] }], ['error'], '  without results to seal');
is_deeply([keys %{ $api->scan($message, begin => 'my %h = md_arc_sign("/no/key", undef, "none", "x.org"); \%h')->{begin}[0][0] }], ['error'], '  without a key');
is_deeply({ $api->values('md_arc_sign("k")') }, { error => 'not in a message' }, '  outside of a message');

# --- SPF -------------------------------------------------------------------------------------------------------------------------------
for my $case (
	['<a@example.org>', '192.0.2.9', undef, 'pass', undef, 'v=spf1 ip4:192.0.2.0/24 a:other.example.org -all', undef],
	['a@example.org', '198.51.100.1', undef, 'pass', undef, 'v=spf1 ip4:192.0.2.0/24 a:other.example.org -all', undef],
	['a@example.org', '203.0.113.1', undef, 'fail', undef, 'v=spf1 ip4:192.0.2.0/24 a:other.example.org -all', undef],
	['a@soft.example.org', '203.0.113.1', undef, 'softfail', undef, 'v=spf1 ~all', undef],
	['a@none.example.org', '203.0.113.1', undef, 'none', undef, undef, undef],
	['a@broken.example.org', '203.0.113.1', undef, 'permerror', undef, undef, undef],
	['a@example.org', '192.0.2.1', 'helo.example.org', 'pass', 'pass', 'v=spf1 ip4:192.0.2.0/24 a:other.example.org -all', 'v=spf1 ip4:192.0.2.1 -all'],
	['<>', '192.0.2.1', 'helo.example.org', 'pass', 'pass', 'v=spf1 ip4:192.0.2.1 -all', 'v=spf1 ip4:192.0.2.1 -all'],
	['a@example.org', '192.0.2.1', '[192.0.2.1]', 'pass', undef, 'v=spf1 ip4:192.0.2.0/24 a:other.example.org -all', undef],
	['<>', '192.0.2.1', undef, 'invalid', undef, undef, undef],
	['a@example.org', 'nonsense', undef, 'invalid', undef, undef, undef],
) {
	my ($address, $ip, $helo, $code, $helo_code, $record, $helo_record) = @$case;
	my $args = join ', ', map { defined ? "q($_)" : 'undef' } $address, $ip, $helo;
	my @got = $api->values("md_spf_verify($args)");
	is_deeply([@got[0, 2, 4, 5]], [$code, $helo_code, $record, $helo_record], "md_spf_verify($args)") or diag explain \@got;
	like($got[1], qr/\S/, '  a text');
}
my $spf = $api->values('scalar md_spf_verify("a\@example.org", "203.0.113.1", "helo.example.org")');
is_deeply([@$spf{qw(code helo_code dns_lookups helo_dns_lookups)}], ['fail', 'fail', 1, 0], '  with numbers of look-ups') or diag explain $spf;

# --- Authentication-Results --------------------------------------------------------------------------------------------------------------
$got = $api->scan($signed{sha256}, begin => '(md_authres("<a\@example.org>", "192.0.2.9", "mx.example.net"), md_authres("<>", "192.0.2.1", "mx.example.net", "helo.example.org"),'
	. 'md_authres("a\@example.org", "192.0.2.9", "mx.example.net", undef, "example.org"), md_authres("a\@example.org", "192.0.2.9", "mx.example.net", undef, "other.test"))');
my @results = map { s/\s+/ /gr } @{ $got->{begin}[0] };
like($results[0], qr{^mx\.example\.net; dkim=pass header\.d=example\.org header\.b=\S{8,10}; spf=pass smtp\.mailfrom=a\@example\.org\z}, 'md_authres') or diag explain $got;
like($results[1], qr{spf=pass smtp\.helo=helo\.example\.org\z}, '  of an empty sender');
like($results[2], qr{; bimi=pass header\.d=example\.org\z}, '  with BIMI');
unlike($results[3], qr{bimi}, '  not of a domain without a policy');
is($api->values('md_authres("a", "b", "c")'), undef, '  outside of a message');

# --- BIMI --------------------------------------------------------------------------------------------------------------------------------
is_deeply($api->values('md_bimi_lookup("example.org")'), { record => 'v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/vmc.pem', version => 'BIMI1',
	location => 'https://example.org/logo.svg', authority => 'https://example.org/vmc.pem', domain => 'example.org', selector => 'default' }, 'md_bimi_lookup');
is($api->values('md_bimi_lookup("other.example.org")'), undef, '  none');
for my $case (['"pass", "reject"', 'pass'], ['"pass", "quarantine"', 'pass'], ['"pass", "none"', 'fail'], ['"fail", "reject"', 'fail'], ['"pass", "reject", "brand"', 'fail'], ['"pass", "reject", "gone"', 'fail']) {
	my ($args, $is) = @$case;
	is($api->values("md_bimi_verify('example.org', $args)"), $is, "md_bimi_verify: $args");
}
for my $case (["BIMI-Selector: v=BIMI1; s=brand1;\n", 'brand1'], ["BIMI-Selector: v=BIMI2; s=brand1;\n", 'default'], ["BIMI-Selector: v=BIMI1; s=../x\n", 'default'], ['', 'default']) {
	my ($field, $is) = @$case;
	is($api->scan("${field}Subject: s\n\nx\n", begin => 'md_bimi_get_selector($_[0])')->{begin}[0][0], $is, 'md_bimi_get_selector');
}
is($api->values('md_bimi_get_selector(undef)'), 'default', '  of nothing');

# --- MTA-STS -----------------------------------------------------------------------------------------------------------------------------
my $policy = 'version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmx: *.example.NET\r\nmax_age: 86400\r\n';
my $fetch = "no warnings; local *Mail::MIMEDefang::TLS::fetch = sub { \@Fetched = \@_; return \"$policy\" };";
is_deeply($api->values("$fetch md_check_mta_sts('example.org', 3)"), { version => 'STSv1', mode => 'enforce', mx => ['mx.example.org', '*.example.net'], max_age => 86400, id => '20260101' }, 'md_check_mta_sts');
is_deeply([$api->values('@Fetched')], ['https://mta-sts.example.org/.well-known/mta-sts.txt', 3], '  asks there');
is($api->values("$fetch md_check_mta_sts('other.example.org')"), undef, '  no record');
is($api->values('md_check_mta_sts("example.org", 2)'), undef, '  no policy');
for my $text ('', 'mode: enforce', 'version: STSv1\nmode: often\nmx: a\nmax_age: 1', 'version: STSv1\nmode: enforce\nmax_age: 1', 'version: STSv1\nmode: enforce\nmx: a\nmax_age: x') {
	is($api->values("Mail::MIMEDefang::TLS::policy_parse(\"$text\")"), undef, '  a policy that is none');
}
my $mx = '{ mx => ["mx.example.org", "*.example.net"] }';
is_deeply([map { $api->values("md_verify_sts_mx('$_', $mx)") } qw(MX.example.org. a.example.net a.b.example.net example.net other.org)], [1, 1, 0, 0, 0], 'md_verify_sts_mx');
is($api->values('md_verify_sts_mx("x", undef)'), 0, '  without a policy');

# --- DANE --------------------------------------------------------------------------------------------------------------------------------
is_deeply($api->values('md_check_dane_tlsa("mx.example.org", 25)'), [{ usage => 3, selector => 1, matching => 1, data => sha256_hex($spki), secure => 0 },
	{ usage => 2, selector => 0, matching => 1, data => sha256_hex($der), secure => 0 }], 'md_check_dane_tlsa');
is($api->values('md_check_dane_tlsa("none.example.org", 25)'), undef, '  none');
for my $case (
	['3, 1, 1', sha256_hex($spki), 1], ['3, 1, 2', sha512_hex($spki), 1], ['3, 1, 0', unpack('H*', $spki), 1], ['3, 0, 1', sha256_hex($der), 1], ['1, 0, 2', uc sha512_hex($der), 1],
	['3, 0, 1', sha256_hex($spki), 0], ['2, 0, 1', sha256_hex($der), 0], ['3, 1, 9', sha256_hex($spki), 0],
) {
	my ($kind, $data, $is) = @$case;
	my ($usage, $selector, $matching) = split /, /, $kind;
	spew("$dir/der", $der);
	is($api->values("md_verify_dane_cert(read_text('$dir/der'), [{ usage => $usage, selector => $selector, matching => $matching, data => '$data' }])"), $is, "md_verify_dane_cert: $kind");
}
is($api->values("md_verify_dane_cert(substr(read_text('$dir/der'), 0, $_), [{ usage => 3, selector => 1, matching => 1, data => 'x' }])"), 0, "  $_ bytes") for 0, 1, 5, 100, 300;
is($api->stop, 0, 'ends well');
done_testing;
