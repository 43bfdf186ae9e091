# The requests that the controller answers, on both sockets, and lines that are none.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $open = "$pool->{dir}/open.sock";
$pool->start('-x', 3, '-c', 3, '-q', 5, '-a', $open);

subtest 'answered without a worker' => sub {
	like $pool->ask('version'), qr/^\d[\d.]*$/, 'version has no LF';
	is $pool->ask('free'), "3\n", 'free counts stopped workers';
	like $pool->ask('status'), qr/^SSS 0 0 5 0 \d+\n$/, 'status';
	is $pool->ask('msgs'), "0\n", 'msgs';
	like $pool->ask('workers'), qr/^0 S ago=\d+\n1 S ago=\d+\n2 S ago=\d+\n$/, 'workers';
	is $pool->ask('busyworkers'), undef, 'nobody is busy';
	like $pool->ask('workerinfo 1'),
		qr/^Worker 1\nState Stopped\nPID -1\nNumRequests 0\nNumScans 0\nAge -1\nFirstReqAge -1\nLastStateChangeAge \d+\nStatusTag \n$/,
		'workerinfo';
	is $pool->ask('workerinfo x'), "error: Invalid worker number\n", 'not a number';
	is $pool->ask('workerinfo 6'), "error: Worker number out of range\n", 'out of range';
	is $pool->ask('workerinfo -1'), "error: Worker number out of range\n", 'negative';
	is $pool->ask('tick'), "error: External agents may not invoke 'tick'\n", 'tick';
	is $pool->ask('foo_no_such_command'), "error: Unknown command\n", 'end marker';
	my $help = $pool->ask('help');
	like $help, qr/^reread           -- /m, 'help lists reread';
	is scalar(grep { !/^[a-z0-9-]{1,16} +-- \S/ || index($_, '-- ') != 17 } split /\n/, $help), 0, 'a line a request, padded to 17 columns';
	is $pool->ask("load1 $_"), "error: Invalid 'back' amount (must be 10-600)\n", "load1 $_" for '9', '601', 'x', '', '-10', '10x';
	like $pool->ask("load1 $_"), qr/^(?:\S+ ){21}$_ 0 0 0 0\n\z/, "load1 $_" for 10, 600;
	is $pool->ask('reread x'), "error: Invalid option of reread (must be -n)\n", 'reread with something else';
	is $pool->ask("free\r"), "3\n", 'a CR before the LF is dropped';
	is $pool->ask("free\0x"), "3\n", 'a NUL ends the line';
	like $pool->states, qr/^SSS$/, 'no worker was started';
};

subtest 'answered by a worker' => sub {
	is $pool->ask('relayok 192.0.2.7 echo hello'), "hello\n", 'the line as it is';
	is $pool->ask('scan Q1 echo ok'), "ok\n", 'scan';
	is $pool->ask($_), "error: Unknown command\n", "'$_' is a request to a worker"
		for ' free', 'free ', 'load1', 'load1 10 10', 'tick 0', 'rawstatus', 'jsonload1 60', 'autoscale x', 'snapshot 1', 'reread -n x';
	is $pool->ask("free\r\r"), "error: Unknown command\n", 'only one CR is dropped';
	is $pool->ask(''), "error: empty\n", 'and so is an empty line';
	is $pool->ask('ping'), "PONG\n", 'ping';
	is $pool->ask('map echo key'), "key\n", 'map';
	is $pool->ask("x echo \x80\xe4\xff"), "\x80\xe4\xff\n", 'bytes over 126 pass as they are';
	is $pool->ask('FREE'), "error: Unknown command\n", 'requests are matched in their case';
	is $pool->ask('status x'), "error: Unknown command\n", 'and as whole lines';
	is $pool->ask('x argv'), "-f $pool->{rules} -server\n", 'arguments of a worker';
	is $pool->ask('x echo a%20b%FF'), "a b\xff\n", 'encoded words reach the worker encoded';
	is $pool->ask('workerinfo'), "error: Unknown command\n", 'workerinfo without a number is not built in';
	is $pool->ask('msgs'), "1\n", 'one scan';
	like $pool->ask('status'), qr/^ISS 1 1 5 0 \d+\n$/, 'one worker did it all';
	like $pool->ask('workers'), qr/^0 I \d+ last=scan ago=\d+\n1 S/, 'last measured class';
};

subtest 'busy' => sub {
	my $scan = $pool->send_line("scan QID%20123 wait $pool->{dir}/go ok");
	my $recip = $pool->send_line("recipok %3Ca\@b.c%3E wait $pool->{dir}/go ok");
	is $pool->states_become('BBS'), 'BBS', 'two are busy';
	my $busy = $pool->ask('busyworkers');
	like $busy, qr/^\d B \d+ scan last=scan ago=\d+ \(scan QID 123\)$/m, 'class and tag';
	like $busy, qr/^\d B \d+ recipok last=recipok ago=\d+ \(recipok <a\@b\.c>\)$/m, 'decoded tag';
	is $pool->ask('busyslaves'), $busy, 'older word';
	is $pool->ask('slaves'), $pool->ask('workers'), 'older word';
	like $pool->ask('slaveinfo 0'), qr/^Worker 0\nState Busy\nPID \d+\n/, 'older word, new answer';
	is $pool->ask('free'), "1\n", 'one more could start';
	spew("$pool->{dir}/go", '');
	is $pool->reply($scan), "ok\n", 'scan';
	is $pool->reply($recip), "ok\n", 'recipok';
	is $pool->states_become('IIS'), 'IIS', 'idle again';
	is $pool->ask('free'), "3\n", 'all free';
};

subtest 'lines' => sub {
	my $long = 'x' x 65000;
	ok $pool->ask("x echo $long") eq "$long\n", 'a long line, and a long answer';
	is $pool->ask('y' x 65537), "error: Command too long\n", 'longer than the limit';
	is $pool->ask('y' x 3_000_000), "error: Command too long\n", 'far longer than the limit';
	is $pool->reply($pool->send_raw("free\nreread\nfree\n")), "3\n", 'what follows the line is ignored';
	is $pool->reply($pool->send_raw('free')), undef, 'a line that does not end in time gets no reply';
	my $half = $pool->send_raw('free');
	shutdown $half, 1;
	is $pool->reply($half, 5), undef, 'half a line is not a request';
	my $whole = $pool->send_line('scan Q slow 0.1 ok');
	shutdown $whole, 1;
	is $pool->reply($whole), "ok\n", 'who has said all it has to say still gets its reply';
	my $many = join ' ', 'x', 'echo', 1 .. 400;
	like $pool->ask($many), qr/^1 2 .* 400\n$/, 'any number of words';
};

subtest 'slow clients' => sub {
	my $drips = $pool->send_raw('fr');
	my $closed = sub { my $ready = ''; vec($ready, fileno $drips, 1) = 1; select($ready, undef, undef, 0) == 1 };
	my $sent = 0;
	local $SIG{PIPE} = 'IGNORE';
	until ($closed->() || $sent > 50) {
		syswrite $drips, 'e';
		$sent++;
		wait_until(0.2, $closed);
	}
	ok $closed->(), 'one that sends its request byte by byte is hung up on';
	is $pool->reply($drips, 1), undef, 'without a reply';
	my $many = Defang::Pool->new;
	$many->start('-x', 3000, '-c', 2);
	my ($before, $whole) = ($many->descriptors, length $many->ask('snapshot'));
	my @deaf = map { $many->send_line('snapshot') } 1 .. 20;
	ok defined $many->ask('version'), 'clients that do not read their replies hold up nobody';
	ok wait_until(20, sub { $many->descriptors <= $before }), 'in the end they are hung up on';
	is scalar(grep { length $many->reply($_) == $whole } @deaf), 0, 'with a part of the reply';
	$many->stop;
};

subtest 'what stays of a worker that has ended' => sub {
	my $one = Defang::Pool->new;
	$one->start('-x', 1);
	$one->ask($_) for 'scan Q echo ok', 'relayok 192.0.2.1 echo ok';
	my ($pid) = $one->ask('workers') =~ /^0 I (\d+) last=relayok/;
	kill KILL => $pid;
	is $one->states_become('S'), 'S', 'stopped';
	like $one->ask('workers'), qr/^0 S last=relayok ago=\d+\n\z/, 'the last class';
	like $one->ask('workerinfo 0'), qr/^Worker 0\nState Stopped\nPID -1\nNumRequests 2\nNumScans 1\nAge -1\n/, 'its counts';
	$one->ask('x echo new');
	like $one->ask('workers'), qr/^0 I \d+ ago=\d+\n\z/, 'until another has its place';
	like $one->ask('workerinfo 0'), qr/^NumRequests 1\nNumScans 0$/m, 'with counts of its own';
	$one->stop;
};

subtest 'the socket for everybody' => sub {
	my $refused = "error: Attempt to use privileged command on unprivileged socket\n";
	is $pool->ask('free', $open), "3\n", 'free';
	is $pool->ask($_, $open), $refused, "'$_' is refused" for 'reread', 'scan Q dir', 'ping', '', 'no_such';
	is $pool->ask('foo_no_such_command', $open), "error: Unknown command\n", 'end marker';
	unlike $pool->ask('help', $open), qr/^(reread|scan) /m, 'its help lists only what it takes';
	is sprintf('%o', (stat $open)[2] & 0777), '777', 'mode';
	is sprintf('%o', (stat $pool->{socket})[2] & 0777), '750', 'mode of the other one';
	my @held = map { $pool->send_raw('', $open) } 1 .. 20;
	ok wait_until(1, sub { !defined $pool->ask('free', $open) }), 'a 21st client is turned away';
	@held = ();
	ok wait_until(10, sub { defined $pool->ask('free', $open) }), 'until one leaves';
};

is $pool->stop < 9, 1, 'ends';
is $pool->{status}, 0, 'exit status';
done_testing;
