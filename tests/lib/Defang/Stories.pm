# What a mail server with our milter does with mail, told once for all of them: tests/system/chain_*.t run it on theirs. The filter is
# tests/system/filters/stories, which does what words in the mail ask for.
package Defang::Stories;
use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(basename);
use IO::Select;
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Defang::Dkim;
use Defang::Test qw(top slurp spew wait_until free_port end_program);

our @EXPORT_OK = qw(filter message body_of run);

my $from = '<sender@example.org>';
my $to = ['<rcpt@example.net>'];
my $serial = 0;

sub filter { return slurp(top() . '/tests/system/filters/stories') }

# A message with a text of its own in it, by which it is found at the sink.
sub message
{
	my ($subject, $body, @headers) = @_;
	my $token = sprintf 'token-%d-%04d', $$, ++$serial;
	my $head = join '', map { "$_\n" } 'From: sender@example.org', 'To: rcpt@example.net', "Subject: $subject", "X-Token: $token", @headers;
	return ($token, "$head\n$body");
}

sub body_of { return $_[0]{text} =~ s/\A.*?\n\n//sr }

my $attachment = join "\n", '--b', 'Content-Type: text/plain', '', 'Hello.', '--b',
	'Content-Type: application/octet-stream; name="run.exe"', 'Content-Disposition: attachment; filename="run.exe"',
	'Content-Transfer-Encoding: base64', '', encode_base64('MZ program'), '--b--', '';
my @multipart = ('MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b');

# --- Messages that are taken ---------------------------------------------------------------------------------------------------

# A message is taken, and what came to the sink, or nothing.
sub taken
{
	my ($mta, $port, $name, $rcpts, $token, $text) = @_;
	my ($code, $said) = $mta->submit($port, $from, $rcpts, $text);
	is $code, 250, "$name is taken" or diag $said;
	my @got = $mta->arrived($token);
	is scalar @got, 1, '  and arrives once';
	return $got[0];
}

sub test_plain
{
	my ($mta, $port) = @_;
	my $text = "plain\n\n.a dot\n..two\nK\xf6rper\n";
	my $got = taken($mta, $port, 'a message that is left alone', $to, message('alone', $text)) or return;
	is body_of($got), $text, '  with its body';
	unlike $got->{text}, qr/^X-Filter-Saw/m, '  without a header of the filter';
	return;
}

sub test_attachment
{
	my ($mta, $port) = @_;
	my $got = taken($mta, $port, 'a message with a forbidden attachment', $to, message('a program', $attachment, @multipart)) or return;
	unlike $got->{text}, qr/run\.exe"|TVog/, '  without the attachment';
	like $got->{text}, qr/^The attachment run\.exe is not here any more\.$/m, '  with a warning in its place';
	like $got->{text}, qr/^Hello\.$/m, '  with the rest of it';
	like $got->{text}, qr/^X-Filter-Saw: 1 recipients$/m, '  with the header of the filter';
	return;
}

sub test_headers
{
	my ($mta, $port) = @_;
	my @odd = ("X-Eight: \xc3\xa4 and \xe4", "X-Folded: one\n\ttwo\n  three", 'X-Twice: 1', 'X-Twice: 2', 'X-None:none', 'X-Two:  two', "X-Tab:\ttab");
	my $got = taken($mta, $port, 'a message with 8-bit and folded headers', $to, message('headers raw', "K\xf6rper\n", @odd)) or return;
	like $got->{text}, qr/^X-Eight: \xc3\xa4 and \xe4$/m, '  the 8-bit header as it was';
	like $got->{text}, qr/^X-Folded: one\n\ttwo\n  three$/m, '  the folded one too';
	like $got->{text}, qr/^X-None:none\nX-Two:  two\nX-Tab:\ttab$/m, '  and those with other blanks than one';
	like $got->{text}, qr/^X-Raw: \[X-None:none\]$/m, '  which INPUTMSG has exactly';
	like $got->{text}, qr/^Subject: changed\n\ton two lines$/m, '  with a new header of two lines';
	like $got->{text}, qr/^X-Twice: 1$/m, '  the first of two headers is there';
	unlike $got->{text}, qr/^X-Twice: 2$/m, '  the second is deleted';
	like $got->{text}, qr/\AX-Top: first\nReceived:/, '  with one on top of all, inserted at index 0';
	is body_of($got), "K\xf6rper\n", '  and its body';
	return;
}

sub test_numbers
{
	my ($mta, $port) = @_;
	my $got = taken($mta, $port, 'a message with five headers of a name', $to, message('numbers', "x\n", map { "X-Number: $_" } 1 .. 5)) or return;
	is_deeply [$got->{text} =~ /^X-Number: (.*)$/mg], [2, 'changed', 5], '  without the first and third, with the fourth changed';
	return;
}

sub test_envelope
{
	my ($mta, $port) = @_;
	my $got = taken($mta, $port, 'a message whose envelope is changed', ['<rcpt@example.net>', '<gone@example.net>'], message('envelope', "x\n")) or return;
	is $got->{from}, '<new-sender@example.org>', '  with the new sender';
	is_deeply $got->{rcpts}, ['<added@example.net>', '<rcpt@example.net>'], '  with a recipient more and one less';
	$got = taken($mta, $port, 'one whose changes have ESMTP parameters', $to, message('parameters', "x\n")) or return;
	is $got->{from}, '<quiet@example.org>', '  with the new sender';
	is_deeply $got->{rcpts}, ['<quiet@example.net>', '<rcpt@example.net>'], '  with the new recipient';
	return;
}

sub test_recipients
{
	my ($mta, $port) = @_;
	my @hundred = map { sprintf '<rcpt%03d@example.net>', $_ } 1 .. 100;
	my $got = taken($mta, $port, 'a message for 100 recipients', \@hundred, message('100 recipients', "x\n")) or return;
	is_deeply $got->{rcpts}, \@hundred, '  for all of them';
	like $got->{text}, qr/^X-Filter-Saw: 100 recipients$/m, '  whom the filter has seen';
	return;
}

sub test_large
{
	my ($mta, $port) = @_;
	my $body = join '', map { sprintf "%07d %s\n", $_, 'x' x 66 } 1 .. 20 * 1024 * 1024 / 75;
	my $got = taken($mta, $port, 'a message of 20 MB', $to, message('20 MB', $body)) or return;
	ok body_of($got) eq $body, '  whole';
	return;
}

sub test_quarantine
{
	my ($mta, $port) = @_;
	my ($token, $text) = message('quarantine', "x\n");
	my ($code) = $mta->submit($port, $from, $to, $text);
	is $code, 250, 'a message for the quarantine is taken';
	my @held = $mta->held_files;
	is scalar @held, 1, '  and held';
	ok !$mta->delivered($token), '  not delivered';
	unlink @held;
	return;
}

# --- Signatures ----------------------------------------------------------------------------------------------------------------

sub test_signature
{
	my ($mta, $port) = @_;
	my $reason = Defang::Dkim::cannot();
	plan skip_all => $reason if $reason;
	my @odd = ('X-None:none', 'X-Two:  two', "X-Tab:\ttab", "X-Folded: a\n\tb", 'X-End: blank ');
	for my $case ([alone => 'pass', 'left alone'], [word => 'pass', 'with headers added'], [headers => 'fail', 'with a signed header changed']) {
		my ($word, $result, $name) = @$case;
		my ($token, $text) = message($word, "body  \n\n with blanks \n", @odd, 'Date: Sat, 21 Nov 2026 07:00:00 +0000', "Message-ID: <$serial\@example.org>");
		my $signed = Defang::Dkim::sign($text);
		is Defang::Dkim::verify($signed), 'pass', "a message that will be $name: signed (simple/simple)";
		my $got = taken($mta, $port, '  it', $to, $token, $signed) or next;
		is Defang::Dkim::verify($got->{text}), $result, "  $name: the signature " . ($result eq 'pass' ? 'holds' : 'is broken');
	}
	return;
}

# --- Messages that are not -----------------------------------------------------------------------------------------------------

sub test_refusals
{
	my ($mta, $port) = @_;
	my (undef, $text) = message('bounce', "x\n");
	my ($code, $reply) = $mta->submit($port, $from, $to, $text);
	is "$code $reply", "552 5.3.4 Not 100% wanted\n", 'a message is refused with code and text of the filter';
	(undef, $text) = message('tempfail', "x\n");
	($code, $reply) = $mta->submit($port, $from, $to, $text);
	is "$code $reply", "452 4.3.1 Come back later\n", 'and one is refused for now';
	return;
}

# A verdict of the filter at each stage, and what the client is told there. At CONNECT no words can be had.
my %code = (reject => '554', tempfail => '454');
my %dsn = (reject => '5.7.9', tempfail => '4.7.9');

sub lines_of
{
	my ($code, $dsn) = @_;
	return "$code-$dsn Not 100% wanted\n$code $dsn %s is the second line";
}

sub greeted
{
	my ($mta, $port, $helo, $address) = @_;
	my $talk = $mta->talk($port, $address);
	$talk->say('EHLO ' . ($helo // 'client.example.org'));
	return $talk;
}

sub test_stage_connect
{
	my ($mta, $port) = @_;
	my $talk = greeted($mta, $port, undef, '127.0.0.2');
	like $talk->{greeting}, qr/^554 /, 'REJECT at CONNECT: the greeting says so';
	like $talk->say("MAIL FROM:$from"), qr/^550 5/, '  a sender is refused';
	like $talk->say("RCPT TO:$to->[0]"), qr/^5/, '  and what follows';
	$talk = greeted($mta, $port, undef, '127.0.0.3');
	like $talk->{greeting}, qr/^220 /, 'TEMPFAIL at CONNECT: the client is greeted';
	like $talk->say("MAIL FROM:$from"), qr/^451 4/, '  a sender is refused for now';
	return;
}

sub test_stages
{
	my ($mta, $port) = @_;
	for my $word (qw(reject tempfail)) {
		my $refusal = lines_of($code{$word}, $dsn{$word});
		my $talk = greeted($mta, $port, "$word.example.org");
		is $talk->say("MAIL FROM:$from"), $refusal, "$word at HELO: a sender is refused, with both lines and their `%'";
		$talk = greeted($mta, $port);
		is $talk->say("MAIL FROM:<$word\@example.org>"), $refusal, '  at MAIL';
		like $talk->say("MAIL FROM:$from"), qr/^250 /, '    another sender is taken';
		is $talk->say("RCPT TO:<$word\@example.net>"), $refusal, '  at RCPT';
		like $talk->say("RCPT TO:$to->[0]"), qr/^250 /, '    another recipient is taken';
		my ($token, $text) = message($word eq 'reject' ? 'bounce-lines' : 'tempfail-lines', "x\n");
		like $talk->say('DATA'), qr/^354 /, '    and the message is asked for';
		$talk->write($talk->content($text));
		is $talk->reply, $word eq 'reject' ? lines_of('552', '5.3.4') : lines_of('452', '4.3.1'), '  at the end of the message';
		ok !$mta->delivered($token), '    which arrives nowhere';
	}
	return;
}

# A message of a client that the filter lets do what it wants; the replies are all good ones.
sub send_by
{
	my ($mta, $port, $word, $stage) = @_;
	my %at = ($stage => $word);
	my %address = (discard => '127.0.0.4', unseen => '127.0.0.5');
	my $talk = greeted($mta, $port, ($at{helo} // 'client') . '.example.org', $at{connect} && $address{$word});
	my ($token, $text) = message($at{data} // 'x', "x\n");
	my @replies = map { $talk->say($_) } 'MAIL FROM:<' . ($at{mail} // 'sender') . '@example.org>', 'RCPT TO:<' . ($at{rcpt} // 'rcpt') . '@example.net>', 'DATA';
	$talk->write($talk->content($text));
	push @replies, $talk->reply;
	$talk->say('QUIT');
	is join(' ', map { substr $_, 0, 3 } @replies), '250 250 354 250', "$word at $stage: all looks well to the client";
	return $token;
}

sub test_discard
{
	my ($mta, $port) = @_;
	ok !$mta->delivered(send_by($mta, $port, discard => $_)), '  the message arrives nowhere' for qw(connect helo mail rcpt data);
	return;
}

sub test_unseen
{
	my ($mta, $port) = @_;
	for my $stage (qw(connect helo mail rcpt)) {
		my $got = $mta->delivered(send_by($mta, $port, unseen => $stage));
		ok $got && $got->{text} !~ /^X-Filter-Saw/m, '  the message arrives as it is';
	}
	return;
}

# --- Conversations -------------------------------------------------------------------------------------------------------------

sub test_two
{
	my ($mta, $port) = @_;
	my $smtp = $mta->client($port);
	my @messages = map { [message("number $_ in one conversation", "body $_\n")] } 1 .. 2;
	for my $message (@messages) {
		my ($code) = $mta->say_message($smtp, $from, $to, $message->[1]);
		is $code, 250, 'one of two messages in a conversation is taken';
	}
	$smtp->quit;
	for my $n (1 .. 2) {
		my $got = $mta->delivered($messages[$n - 1][0]) or return fail 'it arrives';
		is body_of($got), "body $n\n", '  and arrives with its own body';
	}
	return;
}

sub test_pipelining
{
	my ($mta, $port) = @_;
	my ($token, $text) = message('in two writes', "x\n");
	my ($second, $other) = message('behind it', "y\n");
	my $talk = greeted($mta, $port);
	my @lines = ("MAIL FROM:$from", 'RCPT TO:<one@example.net>', 'RCPT TO:<nobody@example.net>', 'RCPT TO:<two@example.net>', 'DATA');
	is join(' ', map { substr $_, 0, 3 } $talk->say(@lines)), '250 250 550 250 354', 'pipelined commands are answered in their order';
	$talk->write($talk->content($text), map { "$_\r\n" } @lines[0, 1, 4]);
	is join(' ', map { substr $talk->reply, 0, 3 } 1 .. 4), '250 250 250 354', '  those behind a message too';
	$talk->write($talk->content($other), "QUIT\r\n");
	is join(' ', map { substr $talk->reply, 0, 3 } 1 .. 2), '250 221', '  and the second message';
	my ($got, $behind) = map { $mta->delivered($_) } $token, $second;
	is_deeply $got->{rcpts}, ['<one@example.net>', '<two@example.net>'], 'the first arrives, without the refused recipient';
	like $got->{text}, qr/^X-Filter-Saw: 2 recipients$/m, '  as the filter saw it';
	is_deeply $behind->{rcpts}, ['<one@example.net>'], 'so does the second';
	return;
}

sub test_reset
{
	my ($mta, $port) = @_;
	my ($token, $text) = message('after RSET', "x\n");
	my $talk = greeted($mta, $port);
	my @given_up = (['MAIL FROM:<first@example.org>'], ['MAIL FROM:<second@example.org>', 'RCPT TO:<gone@example.net>'], []);
	for my $lines (@given_up) {
		like $_, qr/^250 /, 'a message is begun' for map { $talk->say($_) } @$lines;
		like $talk->say('RSET'), qr/^250 /, '  and given up';
	}
	$talk->say("MAIL FROM:$from", "RCPT TO:$to->[0]", 'DATA');
	$talk->write($talk->content($text));
	like $talk->reply, qr/^250 /, 'the next one is taken';
	my $got = $mta->delivered($token) or return fail 'it arrives';
	is_deeply [@$got{qw(from rcpts)}], [$from, $to], '  with its own envelope';
	like $got->{text}, qr/^X-Filter-Saw: 1 recipients$/m, '  which is what the filter saw';
	$talk->say("MAIL FROM:$from", "RCPT TO:$to->[0]", 'DATA');
	$talk->write('Subject: the client goes away');
	close $talk->{socket};
	return; # the work directory must go all the same
}

# --- A pool that dies ----------------------------------------------------------------------------------------------------------

sub test_dead_pool
{
	my ($mta, $port, $chain) = @_;
	my ($token, $text) = message('while the pool is dead', "x\n");
	end_program(delete $chain->{pool}, 'KILL');
	my ($code) = $mta->submit($port, $from, $to, $text);
	is $code, 451, 'while the pool is dead the client is told to come back';
	ok !$mta->delivered($token), '  and nothing is delivered';
	$chain->start_pool;
	my $got = taken($mta, $port, 'once it is back the message', $to, $token, $text);
	like $got && $got->{text}, qr/^X-Filter-Saw:/m, '  filtered';
	return;
}

# The controller is killed while it has the question of a stage.
sub test_killed_pool
{
	my ($mta, $port, $chain) = @_;
	for my $stage (qw(mail data)) {
		my ($token, $text) = message($stage eq 'data' ? 'hang' : 'x', "x\n");
		spew("$chain->{spool}/hang", '');
		unlink "$chain->{spool}/hung";
		my $talk = greeted($mta, $port);
		if ($stage eq 'mail') {
			$talk->write("MAIL FROM:<hang\@example.org>\r\n");
		} else {
			$talk->say("MAIL FROM:$from", "RCPT TO:$to->[0]", 'DATA');
			$talk->write($talk->content($text));
		}
		ok wait_until(60, sub { -e "$chain->{spool}/hung" }), "the filter is at work at $stage";
		end_program(delete $chain->{pool}, 'KILL');
		unlink "$chain->{spool}/hang";
		like $talk->reply, qr/^451 /, '  the controller is killed: the client is told to come back';
		$chain->start_pool;
		my $got = taken($mta, $port, '  once it is back the message', $to, $token, $text);
		like $got && $got->{text}, qr/^X-Filter-Saw:/m, '  filtered';
	}
	return;
}

# --- Many messages, workers that are killed ------------------------------------------------------------------------------------

# One client: sends messages until each is taken, and says so in lines `TOKEN TRIES`.
sub send_all
{
	my ($mta, $port, $out, @messages) = @_;
	for my $message (@messages) {
		my ($token, $text) = @$message;
		my ($tries, $code, $end) = (0, 0, time + 240);
		while ($code != 250 && time < $end) {
			$tries++;
			($code) = eval { $mta->submit($port, $from, $to, $text) };
			$code = 0 unless defined $code && $code =~ /^\d+$/;
		}
		syswrite $out, "$token $tries $code\n";
	}
	return;
}

sub start_clients
{
	my ($mta, $port, $clients, @messages) = @_;
	pipe my $in, my $out or die "pipe: $!\n";
	my @pids = map {
		my $n = $_;
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			send_all($mta, $port, $out, @messages[grep { $_ % $clients == $n } 0 .. $#messages]);
			POSIX::_exit(0);
		}
		$pid;
	} 0 .. $clients - 1;
	return ($in, @pids);
}

sub kill_a_worker
{
	my ($chain) = @_;
	my @workers = map { /(\d+)/ } `pgrep -P $chain->{pool}{pid}`;
	return @workers && kill KILL => $workers[rand @workers];
}

# { TOKEN => tries } of those that were taken, and how many workers were killed meanwhile.
sub taken_while_killing
{
	my ($chain, $in) = @_;
	my %taken;
	my ($killed, $next) = (0, 5);
	while (defined(my $line = readline $in)) {
		my ($token, $tries, $code) = split ' ', $line;
		$taken{$token} = $tries if $code == 250;
		next if keys(%taken) < $next;
		$killed += kill_a_worker($chain);
		$next += 1 + int rand 15;
	}
	return (\%taken, $killed);
}

sub test_killed_workers
{
	my ($mta, $port, $chain) = @_;
	my $seed = $ENV{DEFANG_TEST_SEED} // int rand 1e6;
	srand $seed;
	my @messages = map { [message('headers and a program', $attachment, @multipart, 'X-Twice: 1', 'X-Twice: 2', 'X-Bulk: bulk')] } 1 .. 500;
	my ($in, @pids) = start_clients($mta, $port, 4, @messages);
	my ($taken, $killed) = taken_while_killing($chain, $in);
	waitpid $_, 0 for @pids;
	is scalar keys %$taken, 500, '500 messages are taken';
	note "seed $seed: $killed workers killed, " . grep({ $_ > 1 } values %$taken) . ' messages needed more than one try';
	cmp_ok $killed, '>=', 20, '  while workers are killed';
	my %arrived;
	for my $got ($mta->arrived('X-Bulk: bulk')) {
		my ($token) = $got->{text} =~ /^X-Token: (.*)$/m;
		push @{ $arrived{$token} }, $got->{text};
	}
	is scalar(my @queued = $mta->queue_files), 0, '  none is left in the queue';
	is_deeply [grep { !$arrived{$_} } sort keys %$taken], [], '  none is lost';
	is_deeply [grep { @{ $arrived{$_} } > 1 } sort keys %arrived], [], '  none arrives twice';
	is_deeply [grep { !$taken->{$_} } sort keys %arrived], [], '  none arrives that was not taken';
	is_deeply [grep { !is_changed($arrived{$_}[0]) } sort keys %arrived], [], '  none is changed by halves';
	return;
}

# All that the filter does to such a message.
sub is_changed
{
	my ($text) = @_;
	return $text =~ /\AX-Top: first\n/ && $text =~ /^Subject: changed\n\ton two lines$/m && $text !~ /^X-Twice: 2$/m
		&& $text =~ /^X-Filter-Saw: 1 recipients$/m && $text =~ /^The attachment run\.exe is not here any more\.$/m && $text !~ /TVog/
		&& $text =~ /^Hello\.$/m && $text =~ /^--b--\s*\z/m;
}

# --- All of it -----------------------------------------------------------------------------------------------------------------

my @stories = (
	[plain => \&test_plain], [attachment => \&test_attachment], [headers => \&test_headers], [numbers => \&test_numbers],
	[envelope => \&test_envelope], [recipients => \&test_recipients], [large => \&test_large], [quarantine => \&test_quarantine],
	[signature => \&test_signature], [refusals => \&test_refusals], ['refusal at CONNECT' => \&test_stage_connect],
	['refusals at each stage' => \&test_stages], [discard => \&test_discard], [unseen => \&test_unseen], [two => \&test_two],
	[pipelining => \&test_pipelining], [reset => \&test_reset], ['dead pool' => \&test_dead_pool], ['killed pool' => \&test_killed_pool],
);
my @long = (['killed workers' => \&test_killed_workers]);

my @milter = qw(-r -H -s -t -q);
my @how = (filter => filter(), pool => [qw(-q 100)], milter => \@milter);

# Two chains, with the milter on a UNIX-domain socket, and with -N on a TCP port. An administrator would put the mail server's user into the group of
# the socket and give -G.
sub chains
{
	my %chains = (unix => Defang::Test->chain(@how), inet => Defang::Test->chain(@how, milter => [@milter, '-N'], listen => 'inet:' . free_port() . '@127.0.0.1'));
	chmod 0777, $chains{unix}{listen} =~ s/^unix://r or die "chmod: $!";
	return %chains;
}

# Run a driver's server through all stories, then through those that are its own: [ NAME => sub { my ($mta, \%chains) = @_; .. } ], the chains by the
# names of their milters.
sub run
{
	my ($class, @own) = @_;
	my $reason = $class->cannot;
	plan skip_all => $reason if $reason;
	my %chains = chains();
	my $mta = $class->start(first => 'unix', milters => { map { $_ => $chains{$_}{listen} } keys %chains });
	for my $name (sort keys %chains) {
		my ($chain, $port) = ($chains{$name}, $mta->{smtp}{$name});
		for my $story (@stories, $name eq 'unix' ? @long : ()) {
			subtest "$name: $story->[0]" => sub {
				$story->[1]->($mta, $port, $chain);
				ok $chain->spool_is_clean, 'no work directory is left';
			};
		}
	}
	for my $story (@own) {
		subtest $story->[0] => sub { $story->[1]->($mta, \%chains) };
	}
	$mta->stop;
	ok $_->stop, 'all ends well' for values %chains;
	diag substr($mta->maillog, -20000), map { $_->logs } values %chains if !Test::More->builder->is_passing;
	done_testing;
	return;
}

1;
