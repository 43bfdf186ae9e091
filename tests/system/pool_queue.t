# Requests that wait: for a free worker, or for one that is starting.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(slurp wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
sub queued { return (split / /, $pool->ask('status'))[4] }
sub become_queued { my $n = shift; return wait_until(10, sub { queued() == $n }) }

my @patient = ('-x', 1, '-q', 3, '-Q', 100, '-b', 100, '-c', 5);
$pool->start(@patient);

subtest 'first in, first out' => sub {
	my $first = $pool->send_line("scan Q0 wait $dir/go ok");
	is $pool->states_become('B'), 'B', 'the worker is busy';
	is $pool->ask('free'), "0\n", 'none is free';
	my @waiting;
	for my $n (1 .. 3) {
		push @waiting, $pool->send_line("relayok 192.0.2.1 echo $n");
		ok become_queued($n), "$n queued";
	}
	is $pool->ask('scan Q4 echo no'), "error: No free workers\n", 'the queue is full';
	like $pool->ask('status'), qr/^B 0 1 3 3 /, 'status is answered all the time';
	spew("$dir/go", '');
	is $pool->reply($first), "ok\n", 'the first';
	is $pool->reply($waiting[$_ - 1]), "$_\n", "number $_" for 1 .. 3;
	ok become_queued(0), 'empty';
};

subtest 'who leaves does not wait' => sub {
	my $first = $pool->send_line("scan Q0 wait $dir/go2 ok");
	$pool->states_become('B');
	my $leaves = $pool->send_line("relayok 192.0.2.1 echo x");
	ok become_queued(1), 'one waits';
	my $stays = $pool->send_line('relayok 192.0.2.1 echo y');
	ok become_queued(2), 'two wait';
	close $leaves;
	ok become_queued(1), 'one has left';
	spew("$dir/go2", '');
	is $pool->reply($stays), "y\n", 'the other is served';
	is $pool->reply($first), "ok\n", 'and the first was';
};

subtest 'deadline' => sub {
	$pool->stop;
	$pool->start('-x', 1, '-q', 3, '-Q', 2, '-b', 8);
	my $first = $pool->send_line('scan Q0 half');
	$pool->states_become('B');
	my $begun = time;
	is $pool->ask('relayok 192.0.2.1 echo late'), "error: Queued request timed out\n", 'not longer than -Q';
	cmp_ok time - $begun, '>', 1.9, 'but that long';
	cmp_ok time - $begun, '<', 20, 'about';
	like $pool->reply($first), qr/^ERR Filter timed out/, 'the busy one timed out later';
	$pool->stop;
	$pool->start(@patient);
};

subtest 'any capacity will do' => sub {
	for my $end ('exit 1', 'close', 'two') {
		my $first = $pool->send_line("scan Q0 $end");
		my $waiting = $pool->send_line('relayok 192.0.2.1 echo served');
		ok defined $pool->reply($first), "$end: the first ends";
		is $pool->reply($waiting), "served\n", "$end: a worker is started for who waits";
	}
	my $first = $pool->send_line("scan Q0 wait $dir/never ok");
	$pool->states_become('B');
	my $waiting = $pool->send_line('relayok 192.0.2.1 echo served');
	ok become_queued(1), 'one waits';
	my ($pid) = $pool->ask('workers') =~ /^0 B (\d+)/;
	kill KILL => $pid;
	is $pool->reply($first), "ERR No response from worker\n", 'kill -9: an error for its request';
	is $pool->reply($waiting), "served\n", 'kill -9: a worker is started for who waits';
};

subtest 'waiting for a start' => sub {
	$pool->stop;
	spew($pool->{rules}, "await $dir/come\n");
	$pool->start('-x', 2, '-q', 1);
	my @waiting = map { $pool->send_line("relayok 192.0.2.1 echo $_") } 1 .. 2;
	ok wait_until(10, sub { $pool->ask('free') eq "0\n" }), 'workers that are waited for are not free';
	is $pool->states, 'SS', 'nor ready';
	is queued(), 0, 'the requests are not in the queue';
	push @waiting, $pool->send_line('relayok 192.0.2.1 echo 3');
	ok become_queued(1), 'the third is';
	is $pool->ask('scan Q echo no'), "error: No free workers\n", 'the fourth finds it full';
	spew("$dir/come", '');
	is $pool->reply($waiting[$_ - 1]), "$_\n", "number $_" for 1 .. 3;
};

subtest 'shutting down' => sub {
	my $busy = $pool->send_line("scan Q hold $dir/finish ok"); # deaf: both have 3 s from the signal on, not 1
	my $stuck = $pool->send_line('scan Q mute');
	is $pool->states_become('BB'), 'BB', 'both at work';
	my $waiting = $pool->send_line('scan Q echo no');
	ok become_queued(1), 'one waits';
	my @late = map { $pool->send_raw('') } 1 .. 3;
	$pool->ask('version'); # so they have been let in
	my $begun = time;
	kill TERM => $pool->{pid};
	is $pool->reply($waiting), "ERR Shutting down\n", 'who waits is told at once';
	cmp_ok time - $begun, '<', 4, 'really';
	for my $line ('scan Q echo no', 'reread', 'reread -n') {
		my $late = shift @late;
		syswrite $late, "$line\n";
		is $pool->reply($late), "ERR Shutting down\n", "so is who asks only now: $line";
	}
	spew("$dir/finish", '');
	is $pool->reply($busy), "ok\n", 'who is served is served';
	is $pool->reply($stuck), "ERR Shutting down\n", 'and who cannot be gets an error';
};
subtest 'a long queue' => sub {
	$pool->stop;
	spew($pool->{rules}, "good\n");
	$pool->start('-x', 1, '-q', 300, '-Q', 60);
	my $first = $pool->send_line("scan Q0 wait $dir/go-long ok");
	is $pool->states_become('B'), 'B', 'busy';
	my @waiting = map { $pool->send_line("relayok 192.0.2.1 echo $_") } 1 .. 300;
	ok become_queued(300), 'many wait';
	is $pool->ask('scan Q echo no'), "error: No free workers\n", 'one more does not';
	spew("$dir/go-long", '');
	is $pool->reply($first), "ok\n", 'the first';
	is scalar(grep { ($pool->reply($waiting[$_ - 1]) // '') eq "$_\n" } 1 .. 300), 300, 'each gets its answer';
};

subtest 'requests that cannot be handed over' => sub {
	$pool->stop;
	$pool->start('-x', 1, '-c', 1, '-b', 30);
	my $untold = "error: Error talking to worker process\n";
	is $pool->ask('x deafen ok'), "ok\n", 'a worker';
	my ($pid) = $pool->ask('workers') =~ /^0 I (\d+)/;
	ok wait_until(10, sub { !-e "/proc/$pid/fd/0" }), 'closes its standard input';
	is $pool->ask('x echo y'), $untold, 'the next request';
	is $pool->ask('x echo y'), "y\n", 'and the one after it';
	($pid) = $pool->ask('workers') =~ /^0 I (\d+)/;
	kill STOP => $pid;
	ok wait_until(10, sub { (slurp("/proc/$pid/stat") // '') =~ /\) T / }), 'one that stands still';
	my $begun = time;
	is $pool->ask('x' x 65536), $untold, 'a worker that does not take all of a request within -c';
	cmp_ok time - $begun, '>', 0.9, 'is waited for so long';
	ok $pool->logged(qr/: Error talking to worker process$/m), 'and ended';
};

subtest 'timeouts of many' => sub {
	$pool->stop;
	$pool->start('-m', 5, '-x', 5, '-w', 1, '-b', 5);
	is $pool->states_become('IIIII', 30), 'IIIII', 'all are ready';
	my @stuck = map { $pool->send_line("scan Q$_ half") } 1 .. 5;
	my @replies = map { $pool->reply($_) } @stuck;
	is scalar(grep { /^ERR Filter timed out - / } @replies), 5, 'all time out';
	ok scalar(grep { $_ eq "ERR Filter timed out - system may be overloaded (consider increasing busy timeout)\n" } @replies),
		'with more than three busy it is put down to load';
};

subtest 'recipients of one domain, no limit' => sub {
	$pool->stop;
	$pool->start('-x', 2, '-y', 2);
	my @held = map { $pool->send_line("recipok <$_\@slow.example> wait $dir/go-domain $_") } 1, 2;
	is $pool->states_become('BB'), 'BB', 'as many as there are workers';
	spew("$dir/go-domain", '');
	is $pool->reply($held[$_ - 1]), "$_\n", 'served' for 1, 2;
};

subtest 'recipients of one domain' => sub {
	$pool->stop if $pool->{pid};
	$pool->start('-x', 3, '-y', 1, '-q', 5);
	my $limited = "ok -1 Per-domain%20recipok%20limit%20hit;%20please%20try%20again%20later\n";
	my $go = "$pool->{dir}/domain";
	my $first = $pool->send_line("recipok <a\@slow.example> wait $go first");
	is $pool->states_become('BSS'), 'BSS', 'one at work';
	is $pool->ask('recipok <b@SLOW.example> echo second'), $limited, 'no other of the domain, in any case of letters';
	is $pool->ask('recipok <b@fast.example> echo second'), "second\n", 'one of another domain';
	is $pool->ask('recipok <postmaster> echo third'), "third\n", 'one of none';
	is $pool->ask('senderok <b@slow.example> echo fourth'), "fourth\n", 'senders are not counted';
	ok $pool->logged(qr/Hit per-domain recipok limit \(1\) for domain SLOW\.example/), 'it is logged';
	spew($go, '');
	is $pool->reply($first), "first\n", 'the first is served';
	is $pool->ask('recipok <b@slow.example> echo fifth'), "fifth\n", 'then the next';
};

cmp_ok $pool->stop, '<', 9, 'ends';
is $pool->{status}, 0, 'exit status';
# Until a worker that ended before its first answer has been waited for, its job waits too; that makes no queued job disappear.
subtest 'a worker that is killed while it starts, and a queue behind it' => sub {
	spew($pool->{rules}, "await $dir/come-all\n");
	$pool->start('-x', 2, '-q', 10, '-Q', 60);
	my @held = map { $pool->send_line("scan Q echo $_") } 1 .. 4;
	ok wait_until(20, sub { $pool->log_text =~ /Queueing request \(2 queued\)/ }), 'two workers start, two requests are queued';
	my ($pid) = $pool->log_text =~ /.*Starting worker 1 \(pid (\d+)\)/s;
	kill KILL => $pid;
	spew("$dir/come-all", '');
	is $pool->reply($held[$_ - 1]), "$_\n", "request $_ is answered" for 1 .. 4;
	$pool->stop;
	spew($pool->{rules}, "hush\n");
	$pool->start('-x', 1, '-q', 10, '-Q', 60);
	my $begun = time;
	is $pool->ask('scan Q echo x'), "error: Unable to activate worker\n", 'one whose output ends, and that stays, is not waited for';
	cmp_ok time - $begun, '<', 20, '  for long';
	$pool->stop;
	spew($pool->{rules}, "good\n");
};

done_testing;
