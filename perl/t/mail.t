# Sending: what sendmail is given. Asking another mail server: against one that plays all kinds. A message as text.
use strict;
use warnings;
use Defang::Api;
use Defang::Test qw(slurp spew free_port);
use IO::Socket::INET;
use Test::More;

my $api = Defang::Api->start('');
my @flags = qw(-Ac -oi --);

# --- Sending ---------------------------------------------------------------------------------------------------------------------
is($api->values('send_mail("<from\@x>", "Full Name", "<to\@y; touch z>", "Subject: s\n\nbody", "-odq")'), 1, 'send_mail');
my @mails = $api->mails;
is_deeply(\@mails, [{ args => ['-ffrom@x', '-FFull Name', '-odq', @flags, 'to@y; touch z'], text => "Subject: s\n\nbody\n" }], '  without a shell') or diag explain \@mails;
$api->values('send_mail("<>", "", "to\@y", "x\n", "-bs")');
is_deeply([$api->mails]->[0]{args}, ['-f<>', '-odd', @flags, 'to@y'], '  no sender, no name, no other modes');
spew("$api->{dir}/fail", '');
is($api->values('send_mail("a\@x", "", "to\@y", "x\n")'), 0, '  sendmail fails');
like(($api->logged)[0], qr/^err .*sendmail: (?:status 75, signal 0|cannot write to it: Broken pipe)/, '  is told'); # it may be quicker than we are
is($api->scan('plain.eml', begin => 'resend_message("a\@b")')->{begin}[0][0], 0, '  for resend_message too');
unlink "$api->{dir}/fail";
is($api->values('local $Features{"Path:SENDMAIL"} = "/no/such"; send_mail("a\@x", "", "to\@y", "x" x 200000)'), 0, '  or is not there');
like(($api->logged)[0], qr{^err .*cannot run /no/such}, '  is told');

$api->values('$AdminName = "Ann \"A.\" Admin"; $AdminAddress = "ann\@x"; send_admin_mail("Hello\nX-Evil: 1", "t\xc3\xa4xt\n")');
my ($mail) = $api->mails;
is_deeply($mail->{args}, ['-fmailer-daemon@localhost', '-FMIMEDefang', '-odd', @flags, 'ann@x'], 'send_admin_mail');
like($mail->{text}, qr/^To: "Ann \\"A\.\\" Admin" <ann\@x>\nSubject: Hello X-Evil: 1\nDate: .*\nMessage-ID: <.*>\n/m, '  fields');
like($mail->{text}, qr/charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nt\xc3\xa4xt\n\z/, '  text');
is($api->values('send_multipart_mail("f\@x", "F", "t\@y", "Sub", "plain", "<p>html</p>", { "X-Own" => "v" })'), 1, 'send_multipart_mail');
($mail) = $api->mails;
is_deeply($mail->{args}, ['-ff@x', '-FF', '-odd', @flags, 't@y'], '  arguments');
like($mail->{text}, qr{X-Own: v\n.*text/plain.*plain.*text/html.*<p>html</p>}s, '  both forms');
like($mail->{text}, qr{^Content-Type: multipart/alternative}m, '  in an alternative');

my $original = "Subject: s\n.\nFrom: x\n\nbody\n.\nend\n";
my @envelope = ($original, 'S<s@example.org>', 'R<a@x>', 'R<b@y>', 'R<c@X>');
for my $case (
	['resend_message("<a\@x>", "b\@y")', '-odd', 'a@x', 'b@y'],
	['resend_message_specifying_mode("-odb", ["a\@x"])', '-odb', 'a@x'],
	['resend_message_one_recipient("<a\@x>")', '-odd', 'a@x'],
	['resend_message_one_recipient("<a\@x>", "-odi")', '-odi', 'a@x'],
) {
	my ($text, $mode, @rcpts) = @$case;
	is($api->scan([@envelope], begin => $text)->{begin}[0][0], 1, $text);
	($mail) = $api->mails;
	is_deeply($mail->{args}, ['-fs@example.org', $mode, @flags, @rcpts], '  arguments');
	like($mail->{text}, qr/\AReceived: [^\n]*\n\t[^\n]*\n\Q$original\E\z/, '  the message as it came, behind a trace');
}
is($api->scan([@envelope], begin => 'resend_message()')->{begin}[0][0], 0, 'to nobody');
is($api->values('resend_message("a\@b")'), 0, 'outside of a message');

# --- In pieces -------------------------------------------------------------------------------------------------------------------
my $got = $api->scan([@envelope], begin => 'stream_by_domain()', filter => '1');
is_deeply([$got->{begin}[0][0], @{ $got->{filter} }, @{ $got->{results} }], [1, 'D', 'F'], 'stream_by_domain: the original is thrown away');
is_deeply([map { [@{ $_->{args} }[5 .. $#{ $_->{args} }]] } $api->mails], [['a@x', 'c@X'], ['b@y']], '  one mail a domain');
$got = $api->scan([$original, 'S<s@x>', 'R<a@Dom.example>', 'R<b@dom.EXAMPLE>'], begin => '(stream_by_domain(), $Domain)', filter => '$Domain');
is_deeply([@{ $got->{begin}[0] }, $got->{filter}[0][0], @{ $got->{results} }], [0, 'dom.example', 'dom.example', 'F'], '  one domain goes on');
$got = $api->scan([@envelope], begin => 'stream_by_recipient()');
is_deeply([$got->{begin}[0][0], @{ $got->{results} }], [1, 'D', 'F'], 'stream_by_recipient');
is_deeply([map { $_->{args}[-1] } $api->mails], ['a@x', 'b@y', 'c@X'], '  one mail a recipient');
$got = $api->scan([$original, 'S<s@x>', 'R<a@x>'], begin => 'stream_by_recipient()');
is_deeply([$got->{begin}[0][0], @{ $got->{results} }, $api->mails], [0, 'F'], '  one recipient goes on');
spew("$api->{dir}/fail", '');
is($api->scan([@envelope], begin => 'stream_by_domain()')->{reply}, 'error: stream_by_domain: cannot resend the message', 'what cannot be resent is tried again later');
unlink "$api->{dir}/fail";

# --- Another mail server -----------------------------------------------------------------------------------------------------------
# One that says what it is told to: a reply for each command, by its begin; undef hangs up.
my $port = free_port();
sub serve_once
{
	my (%reply) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 5, ReuseAddr => 1) or die "listen: $!";
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	my $client = $listener->accept or POSIX::_exit(1);
	my $said = '';
	my $banner = $reply{banner} // '220 other.example.net ESMTP';
	print {$client} "$banner\r\n" if $banner ne 'none';
	while ($banner ne 'none' && defined(my $line = <$client>)) {
		$said .= $line;
		my ($key) = grep { index($line, $_) == 0 } keys %reply;
		my $answer = defined $key ? $reply{$key} : '250 2.0.0 fine';
		last if $answer eq 'none';
		print {$client} $answer =~ s/\n/\r\n/gr, "\r\n";
	}
	spew("$api->{dir}/said", $said);
	POSIX::_exit(0);
}
sub ask
{
	my (%reply) = @_;
	my $pid = serve_once(%reply);
	my @got = $api->values("md_check_against_smtp_server('<s\@x>', \"<r\\\@y>\\r\\nDATA\", 'me.example', '127.0.0.1', $port)");
	waitpid $pid, 0;
	return \@got;
}
is_deeply(ask(), ['CONTINUE', 'OK', '250', '2.1.5'], 'md_check_against_smtp_server');
is(slurp("$api->{dir}/said") =~ s/\r//gr, "EHLO me.example\nMAIL FROM:<s\@x>\nRCPT TO:<<r\@y>DATA>\nQUIT\n", '  what it says, a line a command');
my $lost = '127.0.0.1: connection lost';
for my $case (
	['no such user', [RCPT => '550-5.1.1 No such\n550 5.1.1 user' =~ s/\\n/\n/r], ['REJECT', 'No such user', '550', '5.1.1']],
	['a code alone', [RCPT => '550 no'], ['REJECT', 'no', '550', '5.7.1']],
	['not now', [RCPT => '451 4.2.1 busy'], ['TEMPFAIL', 'busy', '451', '4.2.1']],
	['the sender is refused', [MAIL => '553 5.1.8 you'], ['REJECT', 'you', '553', '5.1.8']],
	['no EHLO', [EHLO => '502 what'], ['CONTINUE', 'OK', '250', '2.1.5']],
	['neither', [EHLO => '502 what', HELO => '501 no'], ['REJECT', 'no', '501', '5.7.1']],
	['it is we', [banner => '220 ' . $api->values('get_host_name()') . ' ESMTP'], ['REJECT', 'Verification server loop: 127.0.0.1 is this host', '554', '5.4.6']],
	['closed', [banner => '421 4.3.2 closing'], ['TEMPFAIL', 'closing', '421', '4.3.2']],
	['no server of mail', [banner => 'HTTP/1.1 400'], ['TEMPFAIL', '127.0.0.1: not the reply of an SMTP server', '451', '4.3.0']],
	['hangs up at once', [banner => 'none'], ['TEMPFAIL', $lost, '451', '4.3.0']],
	['hangs up', [RCPT => 'none'], ['TEMPFAIL', $lost, '451', '4.3.0']],
) {
	my ($name, $reply, $is) = @$case;
	is_deeply(ask(@$reply), $is, "  $name");
}
is_deeply([$api->values("md_check_against_smtp_server('s', 'r', 'h', '127.0.0.1', $port)")]->[0], 'TEMPFAIL', '  nobody there');
like(($api->logged)[0], qr/^warning cannot connect to 127\.0\.0\.1, port $port/, '  is told');

my $reader = 'use IO::Handle; sub from { my $t = shift; open my $fh, "<", \$t; return bless $fh, "IO::Handle" } 1';
$api->values($reader);
is_deeply([$api->values('get_smtp_return_code(from("250-2.1.5 a\r\n250 2.1.5 b\r\n"), "r", "s")')], ['CONTINUE', '250', '2.1.5', 'a b'], 'get_smtp_return_code');
is_deeply([$api->values('get_smtp_return_code(from("554 no\r\n"), "r", "s")')], ['REJECT', '554', '', 'no'], '  refused');
is_deeply([$api->values('get_smtp_extensions(from("250-me hello\r\n250-SIZE 100\r\n250-starttls\r\n250 HELP\r\n"), "s")')], ['CONTINUE', '250', '', { SIZE => '100', STARTTLS => '', HELP => '' }], 'get_smtp_extensions');

# --- As text -----------------------------------------------------------------------------------------------------------------------
$got = $api->scan('exe.eml', begin => '(pretty_print_mail($_[0], 10000), pretty_print_mail($_[0], 7))');
like($got->{begin}[0][0], qr{\S\n\[application/octet-stream: \S+\]\n\z}, 'pretty_print_mail');
is($got->{begin}[0][1], substr($got->{begin}[0][0], 0, 7), '  cut');
is($api->stop, 0, 'ends well');
done_testing;
