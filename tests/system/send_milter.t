#!/usr/bin/perl
# milter-send against milters that behave, and others: what it sends to whom, what it makes of each answer, its exit status.
use strict;
use warnings;
use Test::More;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(WNOHANG);
use Defang::Test qw(stage data temp_dir spew slurp run_command wait_until);

my $dir = temp_dir('send');
my $program = stage() . '/bin/milter-send';
my $message = spew("$dir/message.eml", "From: a\@example.org\nSubject:  two  blanks\nX-Folded: one\n\ttwo\n\nbody\n");

sub packet { return pack('N', length $_[0]) . $_[0] }
sub optneg { my ($version, $actions, $protocol) = @_; return pack 'aNNN', 'O', $version, $actions, $protocol }

# A milter for one or more connections, in a child: answers command LETTER with the packets $answers->{LETTER} (by default CONTINUE), and
# notes what it has heard. A code reference is called with the data, and returns the packets.
sub serve
{
	my ($listener, $answers, $heard) = @_;
	my %silent = map { $_ => 1 } qw(D A Q), @{ $answers->{silent} // [] };
	local $SIG{PIPE} = 'IGNORE';
	for (1 .. $answers->{connections} // 1) {
		my $client = $listener->accept;
		my $input = '';
		while (1) {
			while (length $input >= 4 && length $input >= 4 + unpack 'N', $input) {
				my $text = substr $input, 4, unpack 'N', $input;
				substr $input, 0, 4 + length $text, '';
				my ($letter, $data) = unpack 'a a*', $text;
				syswrite $heard, "$letter $data" =~ s/([^ -~])/sprintf '\\%02x', ord $1/ger . "\n";
				my $answer = $answers->{$letter} // ($letter eq 'O' ? [optneg(6, 0x1ff, $answers->{flags} // 0)] : $silent{$letter} ? [] : ['c']);
				$answer = $answer->($data) if ref $answer eq 'CODE';
				return if !defined $answer;    # hang up
				syswrite $client, ref $answer ? join('', map { packet($_) } @$answer) : $answer;
			}
			last unless sysread $client, $input, 65536, length $input;
		}
	}
	return;
}

# Run milter-send against such a milter: { status, stderr, heard => text, the JSON }.
sub ask
{
	my ($answers, @options) = @_;
	my ($socket, $file, $out) = map { "$dir/$_" } qw(milter.sock heard delivered);
	unlink $socket, $out;
	my $listener = IO::Socket::UNIX->new(Local => $socket, Listen => 20) or die "$socket: $!";
	open my $heard, '>', $file or die $!;
	my $pid = fork // die $!;
	if (!$pid) {
		serve($listener, $answers, $heard);
		POSIX::_exit(0);
	}
	close $listener;
	my $count = grep { /^--count/ } @options;
	my ($status, $stdout, $stderr) = run_command(60, $program, '-m', "unix:$socket", '--json', ($count ? () : ('-o', $out)), @options);
	# It ends when it has read the last byte.
	if (!wait_until(20, sub { waitpid($pid, WNOHANG) == $pid })) {
		kill KILL => $pid;
		waitpid $pid, 0;
		diag 'the milter had to be ended';
	}
	my $json = eval { decode_json($stdout) } // {};
	return { %$json, status => $status >> 8, signal => $status & 127, stderr => $stderr, heard => scalar slurp($file),
		delivered => scalar slurp($out) };
}

sub letters { return join '', $_[0]{heard} =~ /^([^D\n]) ?/mg }

subtest 'what is said' => sub {
	my $got = ask({}, '--queue-id', 'QID', '-r', 'b@example.com', '-r', '<c@example.com> NOTIFY=never', $message);
	is letters($got), 'OCHMRRTLLLNBEAAQ', 'all commands, as Postfix sends them';
	like $got->{heard}, qr/^C localhost\\004\\9c\x40127\.0\.0\.1\\00$/m, 'CONNECT';
	like $got->{heard}, qr/^R <b\@example\.com>\\00$/m, 'RCPT';
	like $got->{heard}, qr/^R <c\@example\.com>\\00NOTIFY=never\\00$/m, '  with a parameter';
	like $got->{heard}, qr/^L Subject\\00 two  blanks\\00$/m, 'a header, without one blank';
	like $got->{heard}, qr/^L X-Folded\\00one\\0a\\09two\\00$/m, '  a folded one';
	like $got->{heard}, qr/^B body\\0d\\0a$/m, 'the body';
	like $got->{heard}, qr/^D M\{mail_addr\}\\00sender\@example\.org\\00/m, 'no queue id at MAIL';
	is scalar(my @known = $got->{heard} =~ /^D Ri\\00QID/mg), 1, '  and from the second recipient on';
	$got = ask({}, '--like', 'sendmail', '--queue-id', 'QID', $message);
	is letters($got), 'OCHMRTLLLNBEQ', 'as Sendmail sends them';
	like $got->{heard}, qr/^D Mi\\00QID/m, '  with the queue id at MAIL';
	$got = ask({ flags => 0x100000 }, $message);
	like $got->{heard}, qr/^L Subject\\00  two  blanks\\00$/m, 'HDR_LEADSPC: the blank too';
	$got = ask({}, '--client-address', 'unknown', spew("$dir/empty", ''));
	like $got->{heard}, qr/^C unknown\\00U$/m, 'an unknown client';
	is letters($got), 'OCHMRTNEAAQ', 'an empty message';
	my @chunks = ask({}, spew("$dir/large", "\n" . "x" x 70000))->{heard} =~ /^B (x*(?:\\0d\\0a)?)$/mg;
	is join(' ', map { length } @chunks), '65535 ' . (70000 - 65535 + 6), 'pieces of body';
};

subtest 'flags' => sub {
	is letters(ask({ flags => 0x7f | 0x200 }, $message)), 'OEAAQ', 'nothing that is not wanted is sent';
	is letters(ask({ flags => 0x7f | 0x200 }, $message)), letters(ask({ flags => 0x7f | 0x200 | 0xff080 }, $message)), '  nor waited for';
	my $got = ask({ flags => 0xff080, silent => [qw(C H M R T L N B)] }, $message);
	is letters($got), 'OCHMRTLLLNBEAAQ', 'without replies';
	is "$got->{status} $got->{verdict}", '0 accept', '  the same comes out';
	is letters(ask({ O => [optneg(3, 0x3f, 0)] }, $message)), 'OCHMRLLLNBEAAQ', 'version 3 has no DATA';
	my $lists = optneg(6, 0x1ff, 0) . pack('N', 2) . "{mail_addr} own\0" . pack('N', 5) . "j\0";
	$got = ask({ O => [$lists] }, '--macro', 'own=x', $message);
	like $got->{heard}, qr/^D M\{mail_addr\}\\00sender\@example\.org\\00\{own\}\\00x\\00$/m, 'a list of macros asked for';
};

subtest 'verdicts' => sub {
	for my $case (
		# at, answer, exit status, verdict, what the client hears, commands
		[qw(C r), 1, 'reject', qr/^550 5\.7\.1 /, 'OCQ'],
		[qw(C t), 2, 'tempfail', qr/^451 4\.7\.1 /, 'OCQ'],
		[qw(C a), 0, 'accept', qr/^250 /, 'OCQ'],
		[qw(C d), 0, 'accept', qr/^250 /, 'OCHMRTLLLNBEAAQ'],
		["H", "y550 5.7.1 no\0", 1, 'reject', qr/^550 5\.7\.1 no$/, 'OCHQ'],
		["M", "y451 4.7.1 100%% later\0", 2, 'tempfail', qr/^451 4\.7\.1 100% later$/, 'OCHMAAQ'],
		[qw(M a), 0, 'accept', qr/^250 /, 'OCHMAAQ'],
		[qw(M d), 3, 'discard', qr/^250 /, 'OCHMAAQ'],
		[qw(R r), 1, 'reject', qr/^550 /, 'OCHMRAAQ'],
		[qw(R d), 3, 'discard', qr/^250 /, 'OCHMRAAQ'],
		[qw(T t), 2, 'tempfail', qr/^451 /, 'OCHMRTAAQ'],
		[qw(L a), 0, 'accept', qr/^250 /, 'OCHMRTLAAQ'],
		[qw(L s), 0, 'accept', qr/^250 /, 'OCHMRTLNBEAAQ'],
		[qw(N r), 1, 'reject', qr/^550 /, 'OCHMRTLLLNAAQ'],
		[qw(B s), 0, 'accept', qr/^250 /, 'OCHMRTLLLNBEAAQ'],
		[qw(B d), 3, 'discard', qr/^250 /, 'OCHMRTLLLNBAAQ'],
		[qw(E d), 3, 'discard', qr/^250 /, 'OCHMRTLLLNBEAAQ'],
		["E", "y550-5.7.1 one\r\n550 5.7.1 two\0", 1, 'reject', qr/^550-5\.7\.1 one\r\n550 5\.7\.1 two$/, 'OCHMRTLLLNBEAAQ'],
		["E", "y421 4.3.2 bye\0", 2, 'tempfail', qr/^421 4\.3\.2 bye$/, 'OCHMRTLLLNBEAAQ'],
		[qw(E 4), 2, 'tempfail', qr/^421 /, 'OCHMRTLLLNBEAAQ'],
		)
	{
		my ($at, $answer, $status, $verdict, $smtp, $commands) = @$case;
		my $got = ask({ $at => [$answer] }, $message);
		my $name = "$at: " . substr $answer, 0, 1;
		is "$got->{status} $got->{verdict}", "$status $verdict", $name;
		like $got->{smtp}, $smtp, '  SMTP reply';
		is letters($got), $commands, '  commands';
		is defined $got->{delivered}, $verdict eq 'accept' || '', '  delivered or not';
	}
	my $got = ask({ E => ["q" . "look at it\0", 'c'] }, $message);
	is "$got->{status} $got->{verdict} $got->{changes}[0]{reason}", '4 quarantine look at it', 'quarantine';
	my $n = 0;
	$got = ask({ R => sub { [++$n == 2 ? "y550 5.1.1 no\0" : 'c'] } }, '-r', 'a@b', '-r', 'c@d', '-r', 'e@f', $message);
	is_deeply $got->{recipients}, ['<a@b>', '<e@f>'], 'one of three recipients is refused';
	$got = ask({ E => [('p') x 3, 'a'] }, $message);
	is "$got->{status} $got->{verdict}", '0 accept', 'PROGRESS';
};

subtest 'changes' => sub {
	my @changes = (
		"hX-Add\0added\0", "i" . pack('N', 0) . "X-Top\0top\0", "m" . pack('N', 1) . "subject\0new\0", "m" . pack('N', 1) . "From\0\0",
		"bnew\r", "b\nbody", "+<new\@x>\0", "-<recipient\@example.com>\0", "e<other\@x>\0SIZE=1\0",
	);
	my $got = ask({ E => [@changes, 'c'] }, $message);
	is $got->{delivered}, "X-Top: top\nsubject: new\nX-Folded: one\n\ttwo\nX-Add: added\n\nnew\nbody\n", 'the delivered message';
	is "$got->{sender} @{ $got->{recipients} }", '<other@x> <new@x>', 'the envelope';
	is_deeply [map { $_->{change} } @{ $got->{changes} }],
		[qw(add-header insert-header change-header delete-header replace-body add-recipient delete-recipient change-sender)], 'the report';
	$got = ask({ E => [@changes, 'r'] }, $message);
	is_deeply $got->{changes}, [], 'those of a refused message do not count';
};

subtest 'broken milters' => sub {
	for my $case (
		['an unknown letter', { M => ['z'] }, qr/mail: an answer with the unknown letter 0x7a/],
		['data behind a verdict', { M => ["c\0"] }, qr/mail: a malformed CONTINUE/],
		['length 0', { M => "\0\0\0\0" }, qr/mail: a packet of length 0/],
		['length 2 GB', { M => "\x80\0\0\0c" }, qr/mail: a packet of more than/],
		['a code of 200', { M => ["y200 ok\0"] }, qr/mail: a malformed REPLYCODE/],
		['a change before the end', { T => ["hA\0b\0", 'c'] }, qr/data: ADDHEADER comes before the end/],
		['a split body', { E => ['bx', "hA\0b\0", 'by', 'c'] }, qr/another change lies between/],
		['version 7', { O => [optneg(7, 0, 0)] }, qr/version 6 was offered, 7 answered/],
		['too many actions', { O => [optneg(6, 0x2ff, 0)] }, qr/actions 0x1ff were offered, 0x2ff answered/],
		['no negotiation', { O => ['c'] }, qr/negotiate: an answer other than OPTNEG/],
		['a second one', { M => [optneg(6, 0, 0)] }, qr/mail: a second OPTNEG/],
		['CONN_FAIL', { M => ['f'] }, qr/mail: answered CONN_FAIL/],
		['hanging up', { B => sub { undef } }, qr/body: the filter closed the connection/],
		['half an answer', { M => "\0\0\0\5y5" }, qr/mail: no answer in time/],
		['silence', { M => '' }, qr/mail: no answer in time/],
		)
	{
		my ($name, $answers, $error) = @$case;
		my $got = ask($answers, '--timeout', $error =~ /in time/ ? 1 : 60, $message);
		is $got->{status}, 76, "$name: exit status";
		like $got->{stderr}, $error, '  is told';
		is $got->{verdict}, 'error', '  in JSON too';
		ok !defined $got->{delivered}, '  nothing is delivered';
	}
};

subtest 'load' => sub {
	my $got = ask({ connections => 4 }, '--count', 20, '--per-connection', 5, $message);
	is "$got->{status} $got->{verdicts}{accept} $got->{errors}", '0 20 0', 'twenty messages';
	is scalar(my @connections = $got->{heard} =~ /^O/mg), 4, '  over four connections';
	$got = ask({ connections => 4 }, '--count', 4, $message, spew("$dir/other.eml", "Subject: other\n\nother body\n"));
	is join(' ', $got->{heard} =~ /^B (\w+)/mg), 'body other body other', 'two messages in turn';
	my $n = 0;
	$got = ask({ connections => 4, E => sub { [++$n % 4 == 0 ? 'z' : 'r'] } }, '--count', 8, '--per-connection', 2, $message);
	is "$got->{status} $got->{verdicts}{reject} $got->{errors}", '76 6 2', 'with errors';
	like $got->{first_error}, qr/unknown letter/, '  the first of which is told';
};

subtest 'usage and files' => sub {
	for my $case (
		[64, qr/-m SOCKET is missing/],
		[64, qr/-m: `inet:x': /, '-m', 'inet:x'],
		[64, qr/--protocol: `7' is not a number of 2 to 6/, '-m', '/x', '--protocol', 7],
		[64, qr/--actions: `y' is not a mask/, '-m', '/x', '--actions', 'y'],
		[64, qr/--like: `exim' is neither/, '-m', '/x', '--like', 'exim'],
		[64, qr/--macro: `x' is not NAME=VALUE/, '-m', '/x', '--macro', 'x'],
		[64, qr/--client-address: `here'/, '-m', '/x', '--client-address', 'here'],
		[64, qr/-f: `<a' lacks/, '-m', '/x', '-f', '<a'],
		[64, qr/--concurrency and --per-connection need --count/, '-m', '/x', '--concurrency', 2],
		[64, qr/more than one file needs --count: `b'/, '-m', '/x', 'a', 'b'],
		[64, qr/unrecognized option/, '--unknown'],
		[66, qr/\Q$dir\E\/none: No such file/, '-m', '/x', "$dir/none"],
		[69, qr/\Q$dir\E\/no\.sock: No such file/, '-m', "$dir/no.sock", $message],
		)
	{
		my ($status, $error, @args) = @$case;
		my ($got, undef, $stderr) = run_command(20, $program, @args);
		is $got >> 8, $status, "@args: exit status";
		like $stderr, $error, '  is told';
	}
	my ($status, $out) = run_command(20, $program, '--version');
	like $out, qr/^milter-send version \d/, '--version';
	is ask({}, '-o', "$dir/no/such/file", $message)->{status}, 73, 'an output file that cannot be made';
};

done_testing;
