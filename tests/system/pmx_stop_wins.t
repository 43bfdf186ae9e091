#!/usr/bin/perl
# The last command counts: stops, and starts, that come while a restart or start has yet to reach the milter, or waits for something.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until);

my $go = Defang::Test::temp_dir('defang-go');
chmod 0777, $go;
my $pmx = Defang::Pmx->new(Policy => {}, Outbound => {});
$pmx->{global} = "log_to = pmx.log\n";
$pmx->write;
my $folder = "$pmx->{run}/Policy";

sub await { my ($program, $what) = @_; wait_until(120, sub { Defang::Test::has_ended($program) }, $what); return $program->{status} >> 8 }
sub state_of { my ($name) = @_; return $pmx->view($name)->{state} }
sub start_well { is +($pmx->run('start', @_))[0], 0, 'start'; return }
sub stop_well { is +($pmx->run('stop'))[0], 0, 'stop'; return }
sub said { my ($program, $re) = @_; wait_until(60, sub { (slurp($program->{log}) // '') =~ $re || Defang::Test::has_ended($program) }); return }

# A message in hand, which keeps the milter stopping: it is finished by the answer.
sub message { my $say = $pmx->session('Policy'); $say->('M', "<sender\@example.org>\0"); return $say }
sub finish { my ($say) = @_; return Defang::Pmx::finish_message($say) }

# The pmx-milter in the background that sees to the end: nobody has the control lock then.
sub kill_who_stops
{
	wait_until(60, sub { (slurp("$folder/lock") // '') =~ /^(\d+) stop/ && kill KILL => $1 }, 'who stops it');
	return;
}

# A restart of both that waits for the first one's message.
sub begin_restart
{
	my $restart = $pmx->begin('restart', 'Policy', 'Outbound');
	wait_until(60, sub { state_of('Policy') eq 'stopping' || Defang::Test::has_ended($restart) }, 'the restart at its first stop');
	return $restart;
}

subtest 'a milter is stopped that a restart has yet to reach' => sub {
	start_well();
	my $say = message();
	my $restart = begin_restart();
	is +($pmx->run('stop', 'Outbound'))[0], 0, 'stop Outbound';
	ok !$pmx->connect('Outbound'), '  its port is closed';
	like finish($say), qr{^[ac]$}, 'the message of Policy is accepted';
	is await($restart, 'the restart'), 1, 'restart: exit status 1' or diag slurp($restart->{log});
	like slurp($restart->{log}), qr/^Outbound: it was stopped meanwhile: not started again$/m, '  said so';
	is state_of('Outbound'), 'stopped', '  Outbound stays stopped';
	is state_of('Policy'), 'running', '  Policy runs';
};

subtest 'a milter is stopped and started that a restart has yet to reach' => sub {
	start_well();
	my $say = message();
	my $restart = begin_restart();
	is +($pmx->run('stop', 'Outbound'))[0], 0, 'stop Outbound';
	my ($status, $out, $err) = $pmx->run('start', 'Outbound');
	is $status, 0, 'start Outbound' or diag "$out$err";
	my $pid = $pmx->view('Outbound')->{pid};
	like finish($say), qr{^[ac]$}, 'the message of Policy is accepted';
	is await($restart, 'the restart'), 0, 'restart: exit status 0' or diag slurp($restart->{log});
	isnt $pmx->view('Outbound')->{pid}, $pid, '  Outbound is restarted';
	is $pmx->send($_)->{verdict}, 'accept', "  $_ takes mail" for qw(Policy Outbound);
	stop_well();
};

subtest 'a restart of one that is stopping' => sub {
	start_well('Policy');
	my $say = message();
	is +($pmx->run('stop', '--no-wait', 'Policy'))[0], 0, 'stop --no-wait';
	my $restart = $pmx->begin('restart', 'Policy');
	said($restart, qr/^Policy: waiting for pmx-milter pid \d+, which is doing stop$/m);
	finish($say);
	is await($restart, 'the restart'), 0, 'restart: exit status 0';
	unlike slurp($restart->{log}), qr/cannot be taken over/, '  nothing is said of a socket that was closed before';
	is $pmx->send('Policy')->{verdict}, 'accept', '  it takes mail';
	stop_well();
};

subtest 'a start that waits for the former one' => sub {
	for my $how ([], ['-INT']) {
		start_well('Policy');
		my $say = message();
		is +($pmx->run('stop', '--no-wait', 'Policy'))[0], 0, 'stop --no-wait';
		my $start = $pmx->begin('start', 'Policy');
		said($start, qr/^Policy: waiting for pmx-milter pid \d+, which is doing stop$/m);
		my $stop = $pmx->begin('stop', @$how, 'Policy');
		is await($start, 'the start'), 1, "stop @$how: start: exit status 1";
		like slurp($start->{log}), qr/^Policy: somebody has stopped it: not started$/m, '  said so';
		finish($say);
		is await($stop, 'the stop'), 0, '  stop: exit status 0' or diag slurp($stop->{log});
		wait_until(60, sub { state_of('Policy') eq 'stopped' }, 'the end');
		is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	}
};

subtest 'a start that has the lock, and waits for the former one' => sub {
	for my $how ([], ['-INT']) {
		start_well('Policy');
		my $say = message();
		is +($pmx->run('stop', '--no-wait', 'Policy'))[0], 0, 'stop --no-wait';
		kill_who_stops();
		my $start = $pmx->begin('start', '--timeout', 60, 'Policy');
		wait_until(60, sub { (slurp("$folder/lock") // '') =~ /start/ || Defang::Test::has_ended($start) }, 'the start has the lock');
		my $stop = $pmx->begin('stop', @$how, 'Policy');
		is await($start, 'the start'), 1, "stop @$how: start: exit status 1";
		like slurp($start->{log}), qr/^Policy: somebody has stopped it: not started$/m, '  said so';
		finish($say);
		is await($stop, 'the stop'), 0, '  stop: exit status 0' or diag slurp($stop->{log});
		is state_of('Policy'), 'stopped', '  it is stopped';
		is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	}
};

subtest 'a start with a longer --timeout waits longer' => sub {
	start_well('Policy');
	my $say = message();
	is +($pmx->run('stop', '--no-wait', 'Policy'))[0], 0, 'stop --no-wait';
	kill_who_stops();
	local $pmx->{milters}{Policy}{more} = "start_timeout = 1s\n";
	$pmx->write;
	my $start = $pmx->begin('start', '--timeout', 60, 'Policy');
	wait_until(60, sub { (slurp("$folder/lock") // '') =~ /start/ || Defang::Test::has_ended($start) }, 'the start has the lock');
	ok !wait_until(3, sub { Defang::Test::has_ended($start) }), 'it waits' or diag slurp($start->{log});
	finish($say);
	is await($start, 'the start'), 0, 'and starts' or diag slurp($start->{log});
	stop_well();
};
$pmx->write;

subtest 'a stop counts that is not the first one of a wait' => sub {
	start_well('Policy');
	my $say = message();
	my $stops = $pmx->stops('Policy');
	my @stop;
	for (1, 2) {
		push @stop, $pmx->begin('stop', 'Policy');
		wait_until(60, sub { $pmx->stops('Policy') > $stops + $#stop || Defang::Test::has_ended($stop[-1]) }, 'a stop at work');
		said($stop[-1], qr/^Policy: stopping/m);
	}
	my $start = $pmx->begin('start', 'Policy');
	said($start, qr/^Policy: waiting for pmx-milter pid \d+, which is doing stop$/m);
	push @stop, $pmx->begin('stop', 'Policy');
	is await($start, 'the start'), 1, 'start: exit status 1';
	like slurp($start->{log}), qr/^Policy: somebody has stopped it: not started$/m, '  said so';
	finish($say);
	is await($_, 'a stop'), 0, 'stop: exit status 0' or diag slurp($_->{log}) for @stop;
	wait_until(60, sub { state_of('Policy') eq 'stopped' }, 'the end');
};

# From here on, with starts that are held back.
$pmx->hold_back($_, "$go/$_") for qw(mimedefang mimedefang-multiplexor);

subtest 'an abrupt stop ends a start whose programs do not come up' => sub {
	for my $signal (qw(INT KILL)) {
		for my $program (qw(mimedefang-multiplexor mimedefang)) {
			for my $verb (qw(start restart)) {
				my $start = $pmx->begin_held($program, $verb, 'Policy');
				my ($status, $out, $err) = $pmx->run('stop', "-$signal", 'Policy');
				is $status, 0, "stop -$signal while $verb waits for $program" or diag "$out$err";
				is await($start, "the $verb"), 1, "  $verb: exit status 1";
				like slurp($start->{log}), qr/^Policy: start failed: somebody has stopped it$/m, '  the cause';
				is state_of('Policy'), 'stopped', '  it is stopped';
				is_deeply [$pmx->left('Policy')], [], '  nothing is left';
			}
		}
	}
};

subtest 'a stop of several, one of which is being started' => sub {
	$pmx->let_go;
	start_well('Outbound');
	my $start = $pmx->begin_held('mimedefang', 'start', 'Policy');
	my $stop = $pmx->begin('stop');
	wait_until(60, sub { state_of('Outbound') eq 'stopped' || Defang::Test::has_ended($stop) }, 'the other one is stopped');
	ok !Defang::Test::has_ended($start), 'without waiting for the start';
	like slurp($stop->{log}), qr/^Policy: being started by pid $start->{pid}, waiting$/m, 'said so';
	$pmx->let_go;
	is await($start, 'the start'), 0, 'start: exit status 0' or diag slurp($start->{log});
	is await($stop, 'the stop'), 0, 'stop: exit status 0' or diag slurp($stop->{log});
	is state_of($_), 'stopped', "$_ is stopped" for qw(Policy Outbound);
};

subtest 'a milter is stopped that a start has yet to reach' => sub {
	my $start = $pmx->begin_held('mimedefang', 'start');
	my $stop = $pmx->begin('stop');
	said($stop, qr/being started/);
	$pmx->let_go;
	is await($start, 'the start'), 1, 'start: exit status 1';
	like slurp($start->{log}), qr/^Outbound: somebody has stopped it: not started$/m, '  said so';
	is await($stop, 'the stop'), 0, 'stop: exit status 0' or diag slurp($stop->{log});
	is state_of($_), 'stopped', "$_ is stopped" for qw(Policy Outbound);
};

subtest 'a start that comes after a stop that waits for an earlier one' => sub {
	for my $how ([], ['--no-wait']) {
		my $start = $pmx->begin_held('mimedefang', 'start', 'Policy');
		my $stop = $pmx->begin('stop', @$how, 'Policy');
		said($stop, @$how ? qr/^Policy: stopping/m : qr/being started/);
		is await($stop, 'the stop'), 0, 'a stop that does not wait' if @$how;
		my $later = $pmx->begin('start', 'Policy');
		said($later, qr/^Policy: waiting for pmx-milter pid $start->{pid}, which is doing start$/m);
		if (!@$how) {
			is await($stop, 'the stop'), 1, 'stop: exit status 1';
			like slurp($stop->{log}), qr/^Policy: somebody has started it again: not stopped$/m, '  said so';
		}
		$pmx->let_go;
		is await($_, 'a start'), 0, 'start: exit status 0' or diag slurp($_->{log}) for $start, $later;
		is state_of('Policy'), 'running', 'it runs in the end';
		ok wait_until(60, sub { slurp("$pmx->{dir}/log/pmx.log") =~ /milter Policy: not stopped: somebody has started it again$/m }), '  the log tells' if @$how;
		stop_well();
	}
};

subtest 'Control-C while a stop waits for a start' => sub {
	local $SIG{INT} = 'DEFAULT';
	my $start = $pmx->begin_held('mimedefang', 'start', 'Policy');
	my $stop = $pmx->begin('stop', 'Policy');
	said($stop, qr/being started/);
	kill INT => $stop->{pid};
	is await($stop, 'the stop'), 130, 'exit status 130';
	like slurp($stop->{log}), qr/^Policy: not waiting any longer; it is still stopping$/m, '  said so';
	$pmx->let_go;
	is await($start, 'the start'), 0, 'the start is brought to its end' or diag slurp($start->{log});
	ok wait_until(60, sub { state_of('Policy') eq 'stopped' }), 'then it is stopped all the same';
};

subtest 'a restart without names starts nothing that has never run' => sub {
	local $SIG{INT} = 'DEFAULT';
	$pmx->let_go;
	start_well('Policy');
	my $start = $pmx->begin_held('mimedefang', 'start', 'Outbound');
	my $restart = $pmx->begin('restart');
	said($restart, qr/^Outbound: waiting for pmx-milter pid $start->{pid}, which is doing start$/m);
	kill INT => $start->{pid};
	is await($start, 'the start'), 130, 'the start is interrupted';
	$pmx->let_go;
	is await($restart, 'the restart'), 1, 'restart: exit status 1';
	like slurp($restart->{log}), qr/^Outbound: it was stopped meanwhile: not started again$/m, '  said so';
	is state_of('Outbound'), 'stopped', '  it stays down';
	is state_of('Policy'), 'running', '  the other one is restarted';
	stop_well();
};

subtest 'the log has everything once' => sub {
	$pmx->let_go;
	my $log = "$pmx->{dir}/log/pmx.log";
	my $before = length slurp($log);
	my $failures = sub { return scalar(() = substr(slurp($log), $before) =~ /milter Policy: start failed/g) };
	$pmx->script_before('mimedefang', 'exit 9');
	my ($status, $out, $err) = $pmx->run('start', '--no-wait', 'Policy');
	is $status, 0, 'a start in the background that fails' or diag "$out$err";
	wait_until(60, $failures, 'the line');
	wait_until(60, sub { state_of('Policy') eq 'stopped' }, 'its end');
	is $failures->(), 1, 'one line';
};

is +($pmx->run('stop'))[1], "no milters are running\n", 'a stop of nothing says so';
is +($pmx->run('restart'))[1], "no milters are running\n", 'a restart of nothing, too';
$pmx->let_go;
$pmx->script_before('mimedefang', 'true');
start_well('Outbound');
my $view = $pmx->view('Outbound');
kill KILL => $view->{pid}, $view->{master}{pid};
wait_until(60, sub { state_of('Outbound') eq 'dead' }, 'its death');
is +($pmx->run('restart'))[1], "no milters are running\n", '  also of one that has died';
is +($pmx->run('stop', 'Outbound'))[0], 0, 'which is cleaned up';
done_testing;
