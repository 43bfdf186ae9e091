# Several questions at once, within one limit of time.
use strict;
use warnings;
use Defang::Api;
use Defang::Dns;
use Defang::Server;
use Digest::MD5 qw(md5_hex);
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

Defang::Dns->start(
	'2.0.0.127.bl.test A' => ['127.0.0.2'],
	'2.0.0.127.silent.test A' => 'NOTHING',
	'2.0.0.127.broken.test A' => 'SERVFAIL',
	md5_hex('bad@x.test') . '.mail.test A' => ['127.0.0.5'],
	'x.test TXT' => ['"v=spf1 ip4:192.0.2.1 -all"', '"other"'],
	'silent.test TXT' => 'NOTHING',
	'x.test MX' => ['10 mx.x.test.'],
	'_dmarc.x.test TXT' => ['"v=DMARC1; p=reject; sp=none"'],
	's._domainkey.x.test TXT' => ['"v=DKIM1; p=abc"'],
	'1.2.0.192.in-addr.arpa PTR' => ['dsl-1.x.test.'],
);
my $api = Defang::Api->start('use Mail::MIMEDefang::Async; use Mail::MIMEDefang::Async::Checks; use Mail::MIMEDefang::Async::Results;');
my $message = "Subject: s\n\nDEFANG-TEST\n";

# --- The engine --------------------------------------------------------------------------------------------------------------------------
my $echo = Defang::Server->start(sub { my ($said) = @_; return $said =~ /\n/ ? "heard $said" : undef });
my $mute = Defang::Server->start(sub { return undef });
my $got = $api->values(<<"PERL");
md_async_init(global_timeout => 20, socket_timeout => 8, dns_timeout => 8, max_concurrency => 20);
md_async_run_checks([
	md_async_check_dnsbl(ip => '127.0.0.2', zone => 'bl.test'), md_async_check_dnsbl(ip => '127.0.0.2', zone => 'broken.test', name => 'broken'),
	md_async_check_dnsbl(ip => '127.0.0.2', zone => 'silent.test', name => 'silent'), md_async_check_dnsbl(ip => '127.0.0.9', zone => 'bl.test', name => 'clean'),
	md_async_check_spf_record(domain => 'x.test'), md_async_check_mx_exists(domain => 'x.test'), md_async_check_rdns(ip => '192.0.2.1'),
	md_async_check_dkim_record(selector => 's', domain => 'x.test'), md_async_check_dmarc_record(domain => 'x.test'),
	{ name => 'echo', type => 'socket', args => { where => '127.0.0.1:$echo->{port}', send => "hello\\n" } },
	{ name => 'mute', type => 'socket', args => { where => '127.0.0.1:$mute->{port}', send => "hello\\n" } },
	{ name => 'nobody', type => 'socket', args => { where => '/no/such/socket', send => '' } },
	{ name => 'cat', type => 'process', args => { command => ['cat'], input => 'x' x 300000 } },
	{ name => 'hangs', type => 'process', timeout => 1, args => { command => ['tail', '-f', '/dev/null'] } },
	{ name => 'none', type => 'process', args => { command => ['/no/such/program'] } },
	{ name => 'odd', type => 'telepathy', args => {} },
])
PERL
is(length delete $got->{results}{cat}, 300000, 'a program that reads and writes');
is_deeply([sort @{ $got->{results}{spf} }], ['other', 'v=spf1 ip4:192.0.2.1 -all'], 'TXT records');
delete $got->{results}{spf};
is_deeply($got->{results}, { 'dnsbl bl.test' => ['127.0.0.2'], clean => [], mx => ['mx.x.test'], rdns => ['dsl-1.x.test'], dkim => ['v=DKIM1; p=abc'],
	dmarc => ['v=DMARC1; p=reject; sp=none'], echo => "heard hello\n" }, 'results') or diag explain $got;
is_deeply([sort keys %{ $got->{errors} }], [qw(broken hangs mute nobody none odd silent)], 'errors');
is_deeply([@{ $got->{errors} }{qw(hangs mute none broken odd)}], ['timeout', 'timeout', 'cannot be executed', 'SERVFAIL', 'unknown type of check: telepathy'], '  and why');
my $begin = time;
$got = $api->values("md_async_init(max_concurrency => 1, global_timeout => 2, socket_timeout => 2); md_async_run_checks([map { { name => \$_, type => 'socket', args => { where => '127.0.0.1:$mute->{port}' } } } 1 .. 5])");
is_deeply($got->{errors}, { map { $_ => 'timeout' } 1 .. 5 }, 'those that never came to their turn');
cmp_ok(time - $begin, '<', 60, '  in time');
$api->values('md_async_init(max_concurrency => 10, global_timeout => 20, socket_timeout => 15)');

# --- One question --------------------------------------------------------------------------------------------------------------------------
for my $case (
	['md_async_relay_is_blacklisted("127.0.0.2", "bl.test")', '127.0.0.2'],
	['md_async_relay_is_blacklisted("127.0.0.3", "bl.test")', 0],
	['md_async_relay_is_blacklisted("127.0.0.2", "broken.test")', undef],
	['md_async_email_is_blacklisted("bad\@x.test", "mail.test", "MD5")', '127.0.0.5'],
	['md_async_email_is_blacklisted("good\@x.test", "mail.test", "MD5")', 0],
	['md_async_dmarc_verify("x.test")', 'v=DMARC1; p=reject; sp=none'],
	['md_async_dmarc_verify("y.test")', undef],
	['(md_async_spf_verify("a\@x.test", "192.0.2.1"))[0]', 'pass'],
	['(md_async_spf_verify("a\@x.test", "192.0.2.2"))[0]', 'fail'],
	['(md_async_spf_verify("a\@silent.test", "192.0.2.2"))[0]', 'temperror'],
) {
	my ($text, $is) = @$case;
	is($api->values($text), $is, $text);
}
my $clamd = Defang::Server->start(sub { my ($said, $end) = @_; return $said =~ /^PING/ ? "PONG\n" : $said =~ /\0\0\0\0\z/ ? $said =~ /DEFANG-TEST/ ? "stream: Test FOUND\n" : "stream: OK\n" : undef });
is_deeply($api->scan($message, begin => "(md_async_message_contains_virus_clamd('127.0.0.1:$clamd->{port}'), \$VirusName)")->{begin}[0], [1, 'virus', 'quarantine', 'Test'], 'clamd');
is_deeply($api->scan("Subject: s\n\nx\n", begin => "md_async_message_contains_virus_clamd('127.0.0.1:$clamd->{port}')")->{begin}[0], [0, 'ok', 'ok'], '  no virus');
is_deeply($api->scan($message, begin => 'md_async_message_contains_virus_clamd("127.0.0.1:1")')->{begin}[0], [999, 'cannot-execute', 'tempfail'], '  not there');
is($api->values("md_async_run_checks([md_async_check_clamd(where => '127.0.0.1:$clamd->{port}')])->{results}{clamd}"), "PONG\n", '  whether it is there');
is_deeply($api->scan($message, begin => '$Features{"Virus:CLAMDSCAN"} = "/bin/echo"; my @a = md_async_message_contains_virus_clamdscan(); $Features{"Virus:CLAMDSCAN"} = 0; (@a, md_async_message_contains_virus_clamdscan())')->{begin}[0],
	[999, 'cannot-execute', 'tempfail', 1, 'not-installed', 'tempfail'], 'clamdscan');
my $spamd = Defang::Server->start(sub { return $_[0] =~ /DEFANG-TEST/ ? "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7.5 / 5.0\r\n\r\n 4.0 RULE_A  words\n 3.5 RULE_B  more\n" : undef });
my $report = " 4.0 RULE_A  words\n 3.5 RULE_B  more\n";
is_deeply($api->scan($message, begin => "md_async_spamc_check(md_spamc_init('127.0.0.1', $spamd->{port}))")->{begin}[0], ['7.5', '5.0', $report, 1], 'spamd');
is_deeply($api->scan($message, begin => "md_async_spam_assassin_check('127.0.0.1:$spamd->{port}')")->{begin}[0], ['7.5', '5.0', 'RULE_A,RULE_B', $report], '  with tests');
is_deeply($api->scan($message, begin => 'md_async_spam_assassin_check("127.0.0.1:1")')->{begin}[0], [], '  not there');
my $json = encode_json({ score => 1, required_score => 5, action => 'no action', symbols => { A => {} } });
my $rspamd = Defang::Server->start(sub { return $_[0] =~ /DEFANG-TEST/ ? "HTTP/1.0 200 OK\r\n\r\n$json" : undef });
is_deeply($api->scan($message, begin => "md_async_rspamd_check('http://127.0.0.1:$rspamd->{port}')")->{begin}[0], [1, 5, 'A', $json, 'no action', 'false'], 'rspamd');
like($rspamd->said, qr{\APOST /checkv2 HTTP/1\.0\r\n.*\r\nFrom: sender\@example\.org\r\n}s, '  what it is asked');
is_deeply($api->scan($message, begin => 'md_async_rspamd_check("http://127.0.0.1:1")')->{begin}[0], [0, 0, '', '', 'soft reject', 'false'], '  not there');

# --- What it means -----------------------------------------------------------------------------------------------------------------------------
for my $case (
	['dnsbl(records => ["127.0.0.2"], zone => "z")', { listed => 1, code => '127.0.0.2', reason => 'listed by z (127.0.0.2)' }],
	['dnsbl(records => [], zone => "z")', { listed => 0, code => undef, reason => 'not listed by z' }],
	['dnsbl(zone => "z", error => "timeout")', { listed => 0, code => undef, reason => 'z: no answer', error => 'timeout' }],
	['spamassassin(raw => "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7.5 / 5.0\r\n\r\n 4.0 RULE_A  words\n", threshold => 8)', { is_spam => 0, score => '7.5', threshold => 8, symbols => ['RULE_A'], reason => 'score 7.5, spam from 8 on' }],
	['spamassassin(error => "timeout")', { is_spam => 0, score => 0, threshold => 5, symbols => [], reason => 'no answer: timeout' }],
	['clamav(raw => "stream: X FOUND\n")', { available => 1, virus => 1, name => 'X', reason => 'virus X' }],
	['clamav(raw => "PONG\n")', { available => 1, virus => 0, name => '', reason => 'no virus' }],
	['clamav(error => "timeout")', { available => 0, virus => 0, name => '', reason => 'no answer: timeout' }],
	['rdns(records => ["dsl-1.x"], ip => "i")', { has_rdns => 1, ptr => 'dsl-1.x', dynamic => 1, reason => 'i is dsl-1.x, which looks dynamic' }],
	['rdns(records => ["mail.x"], ip => "i")', { has_rdns => 1, ptr => 'mail.x', dynamic => 0, reason => 'i is mail.x' }],
	['rdns(records => [], ip => "i")', { has_rdns => 0, ptr => undef, dynamic => 0, reason => 'i has no name' }],
	['spf_txt(records => ["x", "v=spf1 -all"], domain => "d")', { has_spf => 1, record => 'v=spf1 -all', reason => 'd has SPF' }],
	['spf_txt(records => ["v=spf10"], domain => "d")', { has_spf => 0, record => undef, reason => 'd has no SPF' }],
	['dmarc("v=DMARC1; p=Reject; pct=50; rua=mailto:a\@b; adkim=s")', { has_dmarc => 1, policy => 'reject', subdomain_policy => 'reject', pct => 50, rua => 'mailto:a@b', ruf => undef, adkim => 's', aspf => 'r', reason => 'DMARC policy reject' }],
	['dmarc(undef)', { has_dmarc => 0, reason => 'no DMARC policy', map { $_ => undef } qw(policy subdomain_policy pct rua ruf adkim aspf) }],
) {
	my ($text, $is) = @$case;
	is_deeply($api->values("md_async_interpret_$text"), $is, "md_async_interpret_$text" =~ s/\\[rn]/ /gr =~ s/\s+/ /gr);
}
my $interpreted = 'interpreted => { bl => { listed => 1, reason => "listed" }, rdns => { has_rdns => 0, reason => "nameless" }, sa => { is_spam => 0, reason => "ham" } }';
is_deeply($api->values("md_async_score_results($interpreted)"), { score => 6, action => 'PASS', reasons => ['listed', 'nameless'] }, 'md_async_score_results');
is($api->values("md_async_score_results($interpreted, reject_at => 5)->{action}"), 'REJECT', '  reject_at');
is($api->values("md_async_score_results($interpreted, tempfail_at => 5)->{action}"), 'TEMPFAIL', '  tempfail_at');
is($api->values("md_async_score_results($interpreted, weights => { listed => 9 })->{score}"), 11, '  weights');
is($api->stop, 0, 'ends well');
done_testing;
