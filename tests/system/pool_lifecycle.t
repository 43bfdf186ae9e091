# When workers start, which one is chosen, and when they end.
use strict;
use warnings;
use lib 'tests/lib';
use POSIX ();
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
sub pid_of { my ($request) = @_; return $pool->ask("$request pid") }
sub starts { return (split / /, $pool->ask('status'))[2] }

# When a process was started, in seconds since the boot: what is seen of it is seen late on a busy machine.
sub started { my ($pid) = @_; return (split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr)[19] / POSIX::sysconf(POSIX::_SC_CLK_TCK()) }

subtest 'the minimum' => sub {
	$pool->start('-m', 3, '-x', 4, '-w', 2);
	is $pool->states_become('IIIS'), 'IIIS', 'as many as -m says';
	my @at = map { started($_) } $pool->{pid}, $pool->ask('workers') =~ /^\d I (\d+)/mg;
	cmp_ok $at[1] - $at[0], '<', 2, 'one at once';
	cmp_ok $at[$_] - $at[ $_ - 1 ], '>=', 1.98, 'the next after -w' for 2, 3;
	my ($pid) = $pool->ask('workers') =~ /^1 I (\d+)/m;
	kill KILL => $pid;
	ok $pool->logged(qr/Reap: worker 1 \(pid $pid\) .*WORKER DIED UNEXPECTEDLY/), 'one dies, which is logged, under the number that it had';
	is $pool->states_become('IIIS'), 'IIIS', 'and is replaced in its slot';
	my ($next) = $pool->ask('workers') =~ /^1 I (\d+)/m;
	isnt $next, $pid, 'by another one';
	cmp_ok started($next) - $at[3], '>=', 1.98, 'a pace later';
	$pool->stop;
};

subtest 'recycling' => sub {
	$pool->start('-x', 2, '-r', 2);
	my @pids = map { pid_of('x') } 1 .. 4;
	is $pids[0], $pids[1], 'two requests';
	isnt $pids[1], $pids[2], 'and no more';
	is $pids[2], $pids[3], 'as the next';
	ok $pool->logged(qr/Worker has processed 2 requests/), 'the reason is logged';
	$pool->stop;
	$pool->start('-x', 2, '-V', 1);
	my $pid = pid_of('x');
	ok wait_until(4, sub { $pool->states eq 'SS' }), 'an old one ends though nothing is asked of it';
	ok $pool->logged(qr/Worker has exceeded maximum lifetime of 1 seconds/), 'for its age';
	$pool->stop;
	$pool->start('-x', 2, '-i', 1);
	my $one = $pool->send_line("x wait $dir/two a");
	is $pool->ask('x echo b'), "b\n", 'two run';
	spew("$dir/two", '');
	$pool->reply($one);
	ok wait_until(4, sub { $pool->states eq 'SS' }), 'idle ones end';
	ok $pool->logged(qr/Idle timeout/), 'for idleness';
	$pool->stop;
	$pool->start('-m', 1, '-x', 2, '-i', 1);
	$one = $pool->send_line("x wait $dir/two-more a");
	is $pool->ask('x echo b'), "b\n", 'two run';
	spew("$dir/two-more", '');
	$pool->reply($one);
	ok wait_until(4, sub { $pool->states =~ /^(SI|IS)$/ }), 'down to the minimum';
	ok !wait_until(1.5, sub { $pool->states eq 'SS' }), 'not below';
	$pool->stop;
};

subtest 'recycling at the minimum' => sub {
	spew($pool->{rules}, "slow 0.3\n");
	$pool->start('-m', 3, '-x', 3, '-w', 1, '-r', 2);
	is $pool->states_become('III', 10), 'III', 'all ready';
	my %pids = map { pid_of('x') => 1 } 1 .. 6;
	my ($least, $most) = (9, 0);
	ok wait_until(15, sub {
		my $ready = () = $pool->states =~ /[IB]/g;
		my $starting = () = $pool->ask('workers') =~ /^[3-5] S/mg;
		$least = $ready if $ready < $least;
		$most = $starting if $starting > $most;
		return !grep { $pids{$_} } $pool->ask('workers') =~ /^[0-2] [IB] (\d+)/mg;
	}), 'worn workers are replaced though nothing is asked' or diag $pool->ask('workers');
	is $least, 3, 'never fewer than three are ready';
	cmp_ok $most, '<=', 1, 'one at a time';
	$pool->stop;
	spew($pool->{rules}, "good\n");
};

subtest 'the choice' => sub {
	$pool->start('-x', 2);
	my @held = map { $pool->send_line("$_ wait $dir/all ok") } 'scan Q', 'relayok 192.0.2.1';
	is $pool->states_become('BB'), 'BB', 'two at work';
	spew("$dir/all", '');
	$pool->reply($_) for @held;
	is $pool->states_become('II'), 'II', 'both idle';
	my %pid = map { $_ => pid_of($_ eq 'scan' ? 'scan Q' : 'relayok 192.0.2.1') } qw(scan relayok);
	isnt $pid{scan}, $pid{relayok}, 'different work, different worker';
	is pid_of('scan Q'), $pid{scan}, 'the same work goes to the worker that did it last' for 1 .. 3;
	is pid_of('relayok 192.0.2.1'), $pid{relayok}, 'and so does the other' for 1 .. 3;
	is starts(), 2, 'an idle worker always beats a start';
	$pool->stop;
};

subtest 'workers that do not start' => sub {
	spew($pool->{rules}, "die no such module\n");
	$pool->start('-x', 2);
	my $refused = "error: Unable to activate worker\n";
	is $pool->ask('scan Q echo x'), $refused, 'the request that it was started for';
	is $pool->ask('scan Q echo x'), $refused, 'another try';
	is starts(), 2, 'two tries';
	ok wait_until(20, sub { $pool->ask('scan Q echo x'); starts() >= 4 }), 'each further one comes later: after the fourth nobody tries for 4 s';
	my $tries = starts();
	is $pool->ask('scan Q echo x'), $refused, 'who asks at once is refused';
	is starts(), $tries, 'without a try';
	ok $pool->logged(qr/2 workers in a row did not start/), 'which is logged';
	ok $pool->logged(qr/Worker \d stderr: no such module/), 'as is what the filter said';
	spew($pool->{rules}, "good\n");
	ok wait_until(10, sub { $pool->ask('scan Q echo x') eq "x\n" }), 'in the end it is tried again';
	$pool->stop;
	spew($pool->{rules}, "good\n");
	$pool->start('-x', 2, '-W', 100);
	my $first = $pool->send_line("x wait $dir/spaced ok");
	is $pool->states_become('BS'), 'BS', 'one';
	is $pool->ask('x echo y'), $refused, 'no second start within -W';
	spew("$dir/spaced", '');
	is $pool->reply($first), "ok\n", 'the first is served';
	$pool->stop;
};

subtest 'status tags and standard error' => sub {
	$pool->start('-x', 1, '-Z');
	is $pool->ask('x argv'), "-f $pool->{rules} -serveru\n", 'started with -serveru';
	my $scan = $pool->send_line("scan Q1 tag In%20filter%0Aroutine $dir/tagged");
	ok wait_until(10, sub { $pool->ask('workers') =~ /\(In filter\) *$|\(In filter routine\)|\(routine\)/m }), 'the tag is shown'
		or diag $pool->ask('workers');
	spew("$dir/tagged", '');
	is $pool->reply($scan), "ok\n", 'scan';
	is $pool->ask('scan Q2 complain something%20odd'), "ok\n", 'a complaint';
	ok $pool->logged(qr/Q2: Worker 0 stderr: something odd/), 'is logged with the queue id';
	ok wait_until(10, sub { $pool->ask('workerinfo 0') =~ /^Stderr something odd$/m }), 'and kept';
};

cmp_ok $pool->stop, '<', 9, 'ends';
is $pool->{status}, 0, 'exit status';
done_testing;
