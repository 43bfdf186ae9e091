# The lines that the controller logs of the life of its workers and of requests, with and without -l.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $no_response = "ERR No response from worker\n";
sub is_logged { my ($pattern, $name) = @_; return ok $pool->logged($pattern), $name // "$pattern" }
sub begin { unlink $pool->{log}; return $pool->start(@_) }

subtest 'a worker\'s life' => sub {
	begin('-d', '-x', 4, '-r', 3, '-c', 7, '-b', 20);
	is_logged qr/info: started; minWorkers=0, maxWorkers=4, maxRequests=3, maxLifetime=0, maxIdleTime=300, busyTimeout=20, clientTimeout=7$/m, 'start';
	$pool->ask("scan Q$_ echo ok") for 1 .. 3;
	is_logged qr/info: Starting worker 0 \(pid \d+\) \(1 running\): About to perform scan$/m;
	is_logged qr/info: Killing idle worker 0 \(pid \d+\) req=3 age=\d+ req_age=\d+: Worker has processed 3 requests$/m;
	is_logged qr/debug: Reap: worker 0 \(pid \d+\) exited normally with status 0$/m;
	is_logged qr/info: Worker 0 resource usage: req=3, scans=3, user=\d+\.\d{3}, sys=\d+\.\d{3}, nswap=0, majflt=\d+, minflt=\d+, maxrss=\d+, bi=\d+, bo=\d+$/m;
	is $pool->ask('x exit 3'), $no_response, 'one that dies';
	is_logged qr/error: Reap: worker 0 \(pid \d+\) exited normally with status 3 \(WORKER DIED UNEXPECTEDLY\)$/m;
	is_logged qr/error: Worker 0 died prematurely -- check your filter rules$/m;
	like $pool->log_text, qr/info: Starting worker 0 \(pid \d+\) \(1 running\): About to execute command 'x exit'$/m, 'started for a command';
	my $held = $pool->send_line("x wait $dir/never x");
	ok wait_until(10, sub { $pool->ask('busyworkers') }), 'busy';
	my ($pid) = $pool->ask('busyworkers') =~ /^\d B (\d+)/;
	kill SEGV => $pid;
	is $pool->reply($held), $no_response, 'one that is killed';
	is_logged qr/error: Reap: worker \d \(pid $pid\) exited due to signal 11 \(WORKER DIED UNEXPECTEDLY\)$/m;
	is $pool->ask('x complain Out%20of%20memory!'), "ok\n", 'one without memory';
	is_logged qr/error: Worker \d ran out of memory -- possible DoS attack due to complex MIME\?$/m;
	kill TERM => $pool->{pid};
	is_logged qr/info: Received SIGTERM: Stopping workers and terminating$/m;
	$pool->stop;
};

subtest 'ends by force' => sub {
	begin('-d', '-x', 1, '-b', 8, '-i', 1);
	like $pool->ask('scan Q half'), qr/^ERR Filter timed out/, 'busy timeout';
	is_logged qr/info: Killing busy worker 0 \(pid \d+\) req=1 age=\d+ req_age=\d+: Busy timeout$|info: Killing idle worker 0 .*: Busy timeout$/m, 'logged';
	is_logged qr/debug: Reap: worker 0 \(pid \d+\) exited due to SIGTERM\/SIGKILL as expected\.$/m;
	is $pool->ask('scan Q cling ok'), "ok\n", 'one that does not want to go';
	my ($pid) = $pool->log_text =~ /.*Starting worker 0 \(pid (\d+)\)/s;
	ok $pool->logged(qr/info: Worker 0 \(pid $pid\) taking too long to exit; sending SIGTERM$/m, 20), 'is sent SIGTERM in the end';
	is $pool->ask('scan Q echo other'), "other\n", 'another serves meanwhile';
	ok $pool->logged(qr/info: Worker 0 \(pid $pid\) taking way too long to exit; sending SIGKILL$/m, 20), 'then SIGKILL';
	ok wait_until(5, sub { !kill 0, $pid }), 'and is gone';
	$pool->stop;
};

subtest 'requests' => sub {
	begin('-d', '-x', 1, '-q', 1, '-c', 3);
	my $held = $pool->send_line("scan Q wait $dir/go ok");
	is $pool->states_become('B'), 'B', 'busy';
	my $queued = $pool->send_line('scan Q echo queued');
	is_logged qr/info: All workers are busy: Queueing request \(1 queued\)$/m;
	is $pool->ask('scan Q echo no'), "error: No free workers\n", 'one too many';
	is_logged qr/info: Cannot queue request: request queue is full$/m;
	is_logged qr/warning: No free workers$/m;
	$pool->reply($pool->send_raw('half'));
	is_logged qr/info: A client did not complete its request within 3 seconds$/m;
	spew("$dir/go", '');
	is $pool->reply($_), $_ == $held ? "ok\n" : "queued\n", 'served' for $held, $queued;
	$pool->stop;
	begin('-d', '-x', 1, '-W', 100);
	is $pool->ask('scan Q exit 0'), $no_response, 'it dies';
	is $pool->ask('scan Q echo no'), "error: Unable to activate worker\n", 'too soon for another';
	is_logged qr/debug: Did not start worker 0: Not enough time elapsed since last worker activation$/m;
	$pool->stop;
};

subtest 'without -l' => sub {
	local $pool->{quiet} = 1;
	begin('-x', 1);
	is $pool->ask('scan Q complain something'), "ok\n", 'a complaint';
	is $pool->ask('scan Q exit 1'), $no_response, 'a death';
	is_logged qr/error: Worker 0 died prematurely -- check your filter rules and use the '-l' flag on mimedefang-multiplexor to see Perl error messages$/m;
	$pool->stop;
	unlike $pool->log_text, qr/started;|Starting|Killing|Reap|resource usage|stderr|SIGTERM/, 'and nothing else of it';
};

subtest 'the label (-Y)' => sub {
	begin('-Y', 'a%slabel');
	$pool->stop;
	like $pool->log_text, qr/^a%slabel\[\d+\]: info: started; /, 'stands before each line';
};

done_testing;
