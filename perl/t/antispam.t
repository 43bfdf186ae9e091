# Spam filters: SpamAssassin with a rule of our own, and daemons played by the test.
use strict;
use warnings;
use Defang::Api;
use Defang::Server;
use Defang::Test qw(spew temp_dir);
use JSON::PP;
use Test::More;

my $api = Defang::Api->start('');
my $message = "Subject: hello\nFrom: a\@example.org\n\nThis has the magic word DEFANGSPAM in it.\n";
my @envelope = ($message, 'S<s@example.org>', 'R<r@example.net>', 'I192.0.2.1', 'Hhost.example', 'Ehelo.example', '=auth_authen user');

# --- rspamd ----------------------------------------------------------------------------------------------------------------------
my $answer = encode_json({ score => 7.5, required_score => 5, action => 'add header', symbols => { B => { score => 1 }, A => { score => 2 } } });
my $server = Defang::Server->start(sub { my ($said) = @_; return $said =~ /\r\n\r\n.*\z/s && $said =~ /DEFANGSPAM/ ? "HTTP/1.1 200 OK\r\nContent-Length: " . length($answer) . "\r\nConnection: close\r\n\r\n$answer" : undef });
my $got = $api->scan([@envelope], begin => "rspamd_check('http://127.0.0.1:$server->{port}')");
is_deeply($got->{begin}[0], [7.5, 5, 'A,B', $answer, 'add header', 'true'], 'rspamd_check') or diag explain $got;
my $said = $server->said;
like($said, qr{\APOST /checkv2 HTTP/1\.0\r\n}, '  what it is asked');
for my $header ('From: s@example.org', 'IP: 192.0.2.1', 'Helo: helo.example', 'Hostname: host.example', 'Queue-Id: Q1', 'User: user', 'Rcpt: r@example.net') {
	like($said, qr/^\Q$header\E\r$/mi, "  $header");
}
my @none = (0, 0, '', '', 'soft reject', 'false');
is_deeply($api->scan([@envelope], begin => 'rspamd_check("http://127.0.0.1:1")')->{begin}[0], [@none], '  not there');
$server = Defang::Server->start(sub { return $_[0] =~ /DEFANGSPAM/ ? "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n" : undef });
$got = $api->scan([@envelope], begin => "rspamd_check('http://127.0.0.1:$server->{port}')");
is_deeply($got->{begin}[0], [@none], '  out of order');
like($got->{logged}[0], qr/^err Q1: rspamd_check: 500 Broken/, '  is told');

# --- spamd -----------------------------------------------------------------------------------------------------------------------
$server = Defang::Server->start(sub { return $_[0] =~ /DEFANGSPAM/ ? "SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: True ; 12.5 / 5.0\r\n\r\nthe rules" : undef });
$got = $api->scan([@envelope], begin => "md_spamc_check(md_spamc_init('127.0.0.1', $server->{port}, 'some body'))");
is_deeply($got->{begin}[0], ['12.5', '5.0', 'the rules', 1], 'md_spamc_check');
like($server->said, qr{\AREPORT SPAMC/1\.2\r\nContent-length: (\d+)\r\nUser: somebody\r\n\r\nReturn-Path: <s\@example\.org>\nReceived: from helo\.example}, '  what it is asked');
is_deeply($api->scan([@envelope], begin => "md_spamc_check(md_spamc_init('127.0.0.1', 1))")->{begin}[0], [0, 0, '', 0], '  not there');
is_deeply($api->scan([@envelope], begin => "md_spamc_check(md_spamc_init('127.0.0.1', 1, '', 10))")->{begin}[0], [0, 0, '', 0], '  too big');
is_deeply($api->values('md_spamc_init()'), { where => 'localhost:783', user => '', max => 0 }, 'md_spamc_init');
for my $case (["SPAMD/1.1 76 Bad header line\r\n\r\n", undef], ['', undef], ["SPAMD/1.1 0 EX_OK\r\n\r\n", undef],
	["SPAMD/1.1 0 EX_OK\r\nSpam: False ; -1.0 / 5.0\r\n\r\n", { is_spam => 0, score => '-1.0', threshold => '5.0', report => '' }]) {
	my ($text, $is) = @$case;
	is_deeply($api->values('Mail::MIMEDefang::Antispam::spamd_answer("' . $text =~ s/\r/\\r/gr =~ s/\n/\\n/gr . '")'), $is, 'an answer of spamd');
}

# --- SpamAssassin ------------------------------------------------------------------------------------------------------------------
is_deeply([$api->values('(spam_assassin_status(), spam_assassin_check(), spam_assassin_is_spam(), spam_assassin_mail())')], [undef, 0, undef], 'outside of a message');
{
	my $none = Defang::Api->start('BEGIN { $INC{"Mail/SpamAssassin.pm"} = undef }');
	$got = $none->scan([@envelope], begin => '(spam_assassin_check())');
	is_deeply($got->{begin}[0], [], 'without SpamAssassin');
	like($got->{logged}[0], qr/needs the Perl module Mail::SpamAssassin \(Debian: spamassassin\)/, '  is told');
}
SKIP: {
	skip 'needs SpamAssassin', 12 if !eval { require Mail::SpamAssassin; 1 };
	# No rules but ours: those of Debian take seconds to load.
	my $conf = temp_dir();
	mkdir "$conf/$_" or die $! for qw(rules site state);
	spew("$conf/rules/rule.pre", "loadplugin Mail::SpamAssassin::Plugin::Check\n");
	spew("$conf/rules/rule.cf", "body DEFANG /DEFANGSPAM/\nscore DEFANG 6.5\nbody OTHER /never/\nheader HAS_TO Apparently-To =~ /r.example/\nscore HAS_TO 0.5\nheader TRACE Received =~ /helo.example/\nscore TRACE 0.25\n"
		. "report _SUMMARY_\nuse_bayes 0\nuse_auto_welcomelist 0\n");
	spew("$conf/sa-mimedefang.cf", "required_score 6\n");
	my $sa = Defang::Api->start(<<"FILTER");
\$Features{'Path:CONFDIR'} = '$conf';
use Mail::SpamAssassin;
{
	no warnings 'redefine';
	my \$new = \\&Mail::SpamAssassin::new;
	*Mail::SpamAssassin::new = sub { my (\$class, \$o) = \@_; \$main::Options = { %\$o }; \$new->(\$class, { %\$o, rules_filename => '$conf/rules', site_rules_filename => '$conf/site', LOCAL_STATE_DIR => '$conf/state' }) };
}
FILTER
	$got = $sa->scan([@envelope], begin => '(spam_assassin_check(), $main::Options)');
	my ($score, $required, $tests, $report, $options) = @{ $got->{begin}[0] };
	is($score, 6.75, 'spam_assassin_check: score') or diag explain $got, $sa->{worker}->stderr;
	is($required, 6, '  required, from the settings found');
	is($tests, 'DEFANG,TRACE', '  tests');
	like($report, qr/DEFANG/, '  report');
	is_deeply($options, { local_tests_only => 1, dont_copy_prefs => 1, userprefs_filename => "$conf/sa-mimedefang.cf" }, '  how it is made');
	is_deeply($sa->scan([@envelope], begin => 'spam_assassin_is_spam("/other.cf")')->{begin}[0], [1], 'spam_assassin_is_spam');
	is_deeply($sa->scan('plain.eml', begin => 'spam_assassin_is_spam()')->{begin}[0], [0], '  is not');
	is_deeply($sa->scan([@envelope], begin => 'my $s = spam_assassin_status(); my @v = (ref $s, $s->get_score); $s->finish; @v')->{begin}[0], ['Mail::SpamAssassin::PerMsgStatus', 6.75], 'spam_assassin_status');
	is_deeply($sa->scan([@envelope], begin => '$AddApparentlyToForSpamAssassin = 1; (spam_assassin_check())[2]')->{begin}[0], ['DEFANG,HAS_TO,TRACE'], '$AddApparentlyToForSpamAssassin');
	is_deeply($sa->values('(ref spam_assassin_init(), $SASpamTester == spam_assassin_init())[0]'), 'Mail::SpamAssassin', 'spam_assassin_init');
	is_deeply($sa->scan([@envelope], begin => 'my $m = spam_assassin_mail(); my @v = (ref $m, $m->get_pristine_header("Return-Path")); $m->finish; @v')->{begin}[0], ['Mail::SpamAssassin::Message', "<s\@example.org>\n"], 'spam_assassin_mail');
	is($sa->stop, 0, 'ends well');
}
is($api->stop, 0, 'ends well');
done_testing;
