#!/usr/bin/perl
# The whole chain behind a real Postfix: SMTP client, smtpd, front end, controller, Perl filter, and back to a sink. Everything twice: with
# the milter on a UNIX-domain socket and on a TCP port.
use strict;
use warnings;
use Test::More;
use MIME::Base64 qw(encode_base64);
use Defang::Test qw(wait_until free_port);
use Defang::Postfix;

my $reason = Defang::Postfix::cannot();
plan skip_all => $reason if $reason;

# What the filter does is asked for by words in the message.
my $filter = <<'PERL';
sub filter_sender {
	my ($sender) = @_;
	return $sender =~ /refused/ ? ('REJECT', 'We know you', '553', '5.1.8') : ('CONTINUE', 'ok');
}
sub filter_recipient {
	my ($recipient) = @_;
	return $recipient =~ /nobody/ ? ('REJECT', 'No such user here', '550', '5.1.1') : ('CONTINUE', 'ok');
}
sub filter_begin {
	my $words = $Subject // '';
	return action_bounce("Not 100% wanted", '552', '5.3.4') if $words =~ /bounce/;
	return action_discard() if $words =~ /discard/;
	return action_tempfail('Come back later', '452', '4.3.1') if $words =~ /tempfail/;
	if ($words =~ /envelope/) {
		change_sender('<new-sender@example.org>');
		delete_recipient('<gone@example.net>');
		add_recipient('<added@example.net>');
	}
	action_change_header('Subject', "changed\n\ton two lines") if $words =~ /headers/;
	action_delete_header('X-Twice', 2) if $words =~ /headers/;
	action_insert_header('X-Top', 'first', 0) if $words =~ /headers/;
	return;
}
sub filter {
	my ($entity, $name, $ending, $type) = @_;
	return action_replace_with_warning("The attachment $name is not here any more.\n") if re_match_ext($entity, '^\.exe$');
	return action_accept();
}
sub filter_end { action_add_header('X-Filter-Saw', scalar(@Recipients) . ' recipients'); return }
1;
PERL

my %chains = (
	unix => Defang::Test->chain(filter => $filter, milter => [qw(-s -t)]),
	inet => Defang::Test->chain(filter => $filter, milter => [qw(-s -t)], listen => 'inet:' . free_port() . '@127.0.0.1'),
);
# An administrator would put user postfix into the group of the socket and give -G.
chmod 0777, $chains{unix}{listen} =~ s/^unix://r or die "chmod: $!";
my $postfix = Defang::Postfix->start(
	first => 'unix',
	milters => {
		unix => $chains{unix}{listen},
		inet => $chains{inet}{listen} =~ s/^inet:(\d+)@(.*)/inet:$2:$1/r,
	},
);
my $from = '<sender@example.org>';
my $to = ['<rcpt@example.net>'];
my $serial = 0;

# A message with a text of its own in it, by which it is found at the sink.
sub message
{
	my ($subject, $body, @headers) = @_;
	my $token = sprintf 'token-%d-%04d', $$, ++$serial;
	my $head = join '', map { "$_\n" } 'From: sender@example.org', 'To: rcpt@example.net', "Subject: $subject", "X-Token: $token", @headers;
	return ($token, "$head\n$body");
}

my $attachment = join "\n", '--b', 'Content-Type: text/plain', '', 'Hello.', '--b',
	'Content-Type: application/octet-stream; name="run.exe"', 'Content-Disposition: attachment; filename="run.exe"',
	'Content-Transfer-Encoding: base64', '', encode_base64('MZ program'), '--b--', '';
my @multipart = ('MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b');

sub body_of { return $_[0]{text} =~ s/\A.*?\n\n//sr }

# --- The stories -------------------------------------------------------------------------------------------------------------

sub test_attachment
{
	my ($port) = @_;
	my ($token, $text) = message('a program', $attachment, @multipart);
	my ($code) = $postfix->submit($port, $from, $to, $text);
	is $code, 250, 'a message with a forbidden attachment is taken';
	my $got = $postfix->delivered($token) or return fail 'it arrives';
	unlike $got->{text}, qr/run\.exe"|TVog/, '  without the attachment';
	like $got->{text}, qr/^The attachment run\.exe is not here any more\.$/m, '  with a warning in its place';
	like $got->{text}, qr/^Hello\.$/m, '  with the rest of it';
	like $got->{text}, qr/^X-Filter-Saw: 1 recipients$/m, '  with the header of the filter';
	return;
}

sub test_refusals
{
	my ($port) = @_;
	my (undef, $text) = message('bounce', "x\n");
	my ($code, $reply) = $postfix->submit($port, $from, $to, $text);
	is "$code $reply", "552 5.3.4 Not 100% wanted\n", 'a message is refused with code and text of the filter';
	(undef, $text) = message('tempfail', "x\n");
	($code, $reply) = $postfix->submit($port, $from, $to, $text);
	is "$code $reply", "452 4.3.1 Come back later\n", 'and one is refused for now';
	($code, $reply) = $postfix->submit($port, '<refused@example.org>', $to, $text);
	is "$code $reply", "553 5.1.8 We know you\n", 'a sender is refused';
	my $smtp = $postfix->client($port);
	$smtp->mail($from);
	ok !$smtp->to('<nobody@example.net>'), 'a recipient is refused';
	is $smtp->code . ' ' . $smtp->message, "550 5.1.1 No such user here\n", '  with the text of the filter';
	ok $smtp->to('<rcpt@example.net>'), '  and the next one is taken';
	$smtp->quit;
	return;
}

sub test_discard
{
	my ($port) = @_;
	my ($token, $text) = message('discard', "x\n");
	my ($code) = $postfix->submit($port, $from, $to, $text);
	is $code, 250, 'a discarded message looks taken';
	ok !$postfix->delivered($token), '  and arrives nowhere';
	return;
}

sub test_dead_pool
{
	my ($port, $chain) = @_;
	my ($token, $text) = message('while the pool is dead', "x\n");
	Defang::Test::end_program(delete $chain->{pool}, 'KILL');
	my ($code) = $postfix->submit($port, $from, $to, $text);
	is $code, 451, 'while the pool is dead the client is told to come back';
	ok !$postfix->delivered($token), '  and nothing is delivered';
	$chain->start_pool;
	($code) = $postfix->submit($port, $from, $to, $text);
	is $code, 250, 'once the pool is back the message is taken';
	my $got = $postfix->delivered($token);
	like $got && $got->{text}, qr/^X-Filter-Saw:/m, '  and arrives filtered';
	return;
}

# --- Messages of all kinds ---------------------------------------------------------------------------------------------------

sub test_headers
{
	my ($port) = @_;
	my ($token, $text) = message('headers', "K\xf6rper\n", "X-Eight: \xc3\xa4 and \xe4", "X-Folded: one\n\ttwo\n  three", 'X-Twice: 1', 'X-Twice: 2');
	my ($code) = $postfix->submit($port, $from, $to, $text);
	is $code, 250, 'a message with 8-bit and folded headers is taken';
	my $got = $postfix->delivered($token) or return fail 'it arrives';
	like $got->{text}, qr/^X-Eight: \xc3\xa4 and \xe4$/m, '  the 8-bit header as it was';
	like $got->{text}, qr/^X-Folded: one\n\ttwo\n  three$/m, '  the folded one too';
	like $got->{text}, qr/^Subject: changed\n\ton two lines$/m, '  with a new header of two lines';
	like $got->{text}, qr/^X-Twice: 1$/m, '  the first of two headers is there';
	unlike $got->{text}, qr/^X-Twice: 2$/m, '  the second is deleted';
	like $got->{text}, qr/^X-Top: first\n(.*\n)*X-Token/m, '  with one on top';
	is body_of($got), "K\xf6rper\n", '  and its body';
	return;
}

sub test_envelope
{
	my ($port) = @_;
	my ($token, $text) = message('envelope', "x\n");
	my ($code) = $postfix->submit($port, $from, ['<rcpt@example.net>', '<gone@example.net>'], $text);
	is $code, 250, 'a message whose envelope is changed is taken';
	my $got = $postfix->delivered($token) or return fail 'it arrives';
	is $got->{from}, '<new-sender@example.org>', '  with the new sender';
	is_deeply $got->{rcpts}, ['<added@example.net>', '<rcpt@example.net>'], '  with a recipient more and one less';
	return;
}

sub test_recipients
{
	my ($port) = @_;
	my @fifty = map { sprintf '<rcpt%02d@example.net>', $_ } 1 .. 50;
	my ($token, $text) = message('fifty recipients', "x\n");
	my ($code) = $postfix->submit($port, $from, \@fifty, $text);
	is $code, 250, 'a message for 50 recipients is taken';
	my $got = $postfix->delivered($token) or return fail 'it arrives';
	is_deeply $got->{rcpts}, \@fifty, '  and goes to all of them';
	like $got->{text}, qr/^X-Filter-Saw: 50 recipients$/m, '  whom the filter has seen';
	return;
}

sub test_large
{
	my ($port) = @_;
	my $body = join '', map { sprintf "%07d %s\n", $_, 'x' x 66 } 1 .. 20 * 1024 * 1024 / 75;
	my ($token, $text) = message('20 MB', $body);
	my ($code) = $postfix->submit($port, $from, $to, $text);
	is $code, 250, 'a message of 20 MB is taken';
	my $got = $postfix->delivered($token) or return fail 'it arrives';
	ok body_of($got) eq $body, '  whole';
	return;
}

sub test_two
{
	my ($port) = @_;
	my $smtp = $postfix->client($port);
	my @messages = map { [message("number $_ in one conversation", "body $_\n")] } 1 .. 2;
	for my $message (@messages) {
		my ($code) = $postfix->say_message($smtp, $from, $to, $message->[1]);
		is $code, 250, 'one of two messages in a conversation is taken';
	}
	$smtp->quit;
	for my $n (1 .. 2) {
		my $got = $postfix->delivered($messages[$n - 1][0]) or return fail 'it arrives';
		is body_of($got), "body $n\n", '  and arrives with its own body';
	}
	return;
}

for my $name (sort keys %chains) {
	my ($chain, $port) = ($chains{$name}, $postfix->{smtp}{$name});
	for my $test (
		[attachment => \&test_attachment], [refusals => \&test_refusals], [discard => \&test_discard],
		[headers => \&test_headers], [envelope => \&test_envelope], [recipients => \&test_recipients],
		[large => \&test_large], [two => \&test_two], ['dead pool' => \&test_dead_pool],
		)
	{
		subtest "$name: $test->[0]" => sub {
			$test->[1]->($port, $chain);
			ok $chain->spool_is_clean, 'no work directory is left';
		};
	}
}

# Mail that lies in a queue already: Postfix keeps it, tries again by itself, and it arrives.
subtest 'queued while the pool is dead' => sub {
	my $chain = $chains{unix};
	my ($token, $text) = message('waits in the queue', "x\n");
	Defang::Test::end_program(delete $chain->{pool}, 'KILL');
	my ($code) = $postfix->submit($postfix->{queued}, $from, $to, $text);
	is $code, 250, 'the first hop takes it';
	ok wait_until(60, sub { $postfix->maillog =~ /status=deferred .*451/ }), 'the second defers it';
	is scalar(my @files = $postfix->queue_files), 1, 'it stays in the queue';
	$chain->start_pool;
	my $got = $postfix->delivered($token);
	like $got && $got->{text}, qr/^X-Filter-Saw:/m, 'it arrives, filtered, when the pool is back';
	ok $chain->spool_is_clean, 'no work directory is left';
};

$postfix->stop;
ok $_->stop, 'all ends well' for values %chains;
diag $postfix->maillog, map { $_->logs } values %chains if !Test::More->builder->is_passing;
done_testing;
