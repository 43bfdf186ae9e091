#!/usr/bin/perl
# Ends that somebody is in the way of: a stop while a restart or a start is at work, ends that nobody waits for, a configuration that only
# root may read, a run_dir that is full; and restarts that change what is said of the port, or are given up.
use strict;
use warnings;
use Test::More;
use POSIX ();
use Time::HiRes qw(time);
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until run_command stage free_port);

my ($go, $filter) = Defang::Pmx::held_filter();
my $pmx = Defang::Pmx->new(Policy => { filter => $filter, more => "abort_timeout = 20\nkill_timeout = 20\n" });
my $policy = $pmx->{milters}{Policy};
my $folder = "$pmx->{run}/Policy";

sub start_well { my ($status, $out, $err) = $pmx->run('start'); is $status, 0, 'it starts' or diag "$out$err"; return $pmx->view('Policy') }
sub await { my ($program, $what) = @_; wait_until(120, sub { Defang::Test::has_ended($program) }, $what); return $program->{status} >> 8 }
sub await_stopped { wait_until(120, sub { $pmx->view('Policy')->{state} eq 'stopped' }, 'the end of the milter'); return }
sub phase { return (slurp("$folder/state") // '') =~ /^phase=(\w+)/m ? $1 : '' }

sub message_begin
{
	unlink map { "$go/$_" } qw(go busy);
	spew("$go/slow", '');
	my $program = Defang::Test::start_program("$pmx->{dir}/message" . ++$pmx->{messages}, Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'),
		'--json', Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
	return $program;
}

sub message_end
{
	my ($message) = @_;
	spew("$go/go", '');
	is await($message, 'the verdict'), 0, '  the message is accepted';
	unlink map { "$go/$_" } qw(go slow busy);
	return;
}

subtest 'a stop while a restart starts it' => sub {
	for my $how ([], ['-INT'], ['-KILL'], ['--no-wait']) {
		start_well();
		my $restart = $pmx->begin('restart');
		wait_until(60, sub { phase() eq 'stopping' || Defang::Test::has_ended($restart) }, 'the restart at its stop');
		wait_until(60, sub { phase() eq 'starting' || Defang::Test::has_ended($restart) }, 'the restart at its start');
		my $begun = time;
		my ($status, $out, $err) = $pmx->run('stop', @$how);
		is $status, 0, "stop @$how: exit status 0" or diag "$out$err";
		cmp_ok time - $begun, '<', 60, '  it does not wait for its time to be over';
		await($restart, 'the end of the restart');
		await_stopped() if @$how && $how->[0] eq '--no-wait';
		is $pmx->view('Policy')->{state}, 'stopped', '  it is stopped' or diag slurp($restart->{log});
		is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	}
};

subtest 'a stop that does not wait, of a start' => sub {
	my $start = $pmx->begin('start');
	wait_until(60, sub { phase() eq 'starting' || Defang::Test::has_ended($start) }, 'the start at work');
	is +($pmx->run('stop', '--no-wait', 'Policy'))[0], 0, 'exit status 0';
	is await($start, 'the start'), 0, 'the start is brought to its end' or diag slurp($start->{log});
	await_stopped();
	is_deeply [$pmx->left('Policy')], [], 'it is stopped, and nothing is left';
};

subtest 'ends that nobody waits for' => sub {
	for my $signal (qw(HUP INT KILL)) {
		my $view = start_well();
		is +($pmx->run('stop', "-$signal", '--no-wait'))[0], 0, "$signal: exit status 0";
		await_stopped();
		ok !Defang::Pmx::is_alive($_), "  process $_ is gone" for $view->{pid}, $view->{master}{pid};
		is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	}
	start_well();
	my $message = message_begin();
	local $SIG{INT} = 'DEFAULT';
	my $stop = $pmx->begin('stop');
	wait_until(60, sub { (slurp($stop->{log}) // '') =~ /stopping \(HUP\)/ && phase() eq 'stopping' }, 'the stop');
	kill INT => $stop->{pid};
	is await($stop, 'the end of the stop'), 130, 'Control-C: exit status 130';
	like slurp($stop->{log}), qr/^Policy: not waiting any longer; it is still stopping$/m, '  said so';
	message_end($message);
	await_stopped();
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
};

subtest 'who is in the background holds nothing of the caller' => sub {
	start_well();
	my $message = message_begin();
	pipe my $reader, my $writer or die $!;
	my $from = Defang::Test::temp_dir('defang-from');
	chmod 0755, $from;
	my $stop = Defang::Test::start_prepared(sub { POSIX::dup2(fileno $writer, 9); chdir $from or die $! }, "$pmx->{dir}/held", $pmx->command('stop', '--no-wait'));
	close $writer;
	is await($stop, 'the stop'), 0, 'exit status 0';
	my $ready = '';
	vec($ready, fileno $reader, 1) = 1;
	ok select(my $got = $ready, undef, undef, 30) && sysread($reader, my $byte, 1) == 0, 'a pipe of the caller is closed';
	is $pmx->view('Policy')->{state}, 'stopping', '  while it stops';
	my ($who) = slurp("$folder/lock") =~ /^(\d+) stop/;
	is readlink("/proc/$who/cwd"), '/', '  nor is its folder in use';
	message_end($message);
	await_stopped();
};

subtest 'a stop that is killed leaves a controller' => sub {
	my $view = start_well();
	my $message = message_begin();
	my $stop = $pmx->begin('stop');
	wait_until(60, sub { !$pmx->connect('Policy') }, 'the front end has been told');
	kill KILL => $stop->{pid};
	await($stop, 'the end of the stop');
	is $pmx->view('Policy')->{state}, 'stopping', 'the front end goes on';
	message_end($message);
	wait_until(60, sub { !Defang::Pmx::is_alive($view->{pid}) }, 'its end');
	my ($status, $out) = $pmx->run('status');
	is $status, 150, 'then: exit status 150';
	like $out, qr/^milter Policy: degraded \(front-end is gone, controller $view->{master}{pid} still runs\)$/m, '  what is left is shown';
	is +($pmx->run('stop'))[0], 0, 'the next stop ends it';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
};

# A stop that was killed at an awkward moment has written that it stops the milter, and signalled nobody.
subtest 'a stop after one that was killed before it signalled' => sub {
	start_well();
	spew("$folder/state", slurp("$folder/state") =~ s/^phase=running$/phase=stopping/mr);
	is phase(), 'stopping', 'what the killed one has left';
	my ($status, $out, $err) = $pmx->run('stop', '--timeout', 120);
	is $status, 0, 'exit status 0' or diag "$out$err";
	is $pmx->view('Policy')->{state}, 'stopped', '  it is stopped';
};

SKIP: {
	skip 'needs root', 1 if $> != 0;
	subtest 'a configuration that only root may read' => sub {
		start_well();
		my $message = message_begin();
		chmod 0600, $pmx->{conf};
		my ($status, $out, $err) = $pmx->run('stop', '--timeout', 1);
		is $status, 1, 'time is over: exit status 1' or diag "$out$err";
		message_end($message);
		await_stopped();
		is_deeply [$pmx->left('Policy')], [], '  it ends, controller and all';
		chmod 0644, $pmx->{conf};
	};
}

SKIP: {
	skip 'needs root and unshare', 1 if $> != 0 || !-x '/usr/bin/unshare' || system('unshare', '-m', 'true') != 0;
	subtest 'a run_dir that is full' => sub {
		for my $signal (qw(HUP INT KILL)) {
			my $script = <<'SH';
mount -t tmpfs -o size=64k,nr_inodes=20,mode=755,uid=$(stat -c %u "$3") none "$3" && "$0" -c "$1" start || exit 99
cat /dev/zero > "$3/full"; i=0; while touch "$3/full$i"; do i=$((i+1)); done
"$0" -c "$1" stop -$2; status=$?
ls -I asked "$3/Policy"; "$0" -c "$1" status; exit $status
SH
			my ($status, $out, $err) = run_command(180, 'unshare', '-m', 'sh', '-c', $script, stage() . '/bin/pmx-milter', $pmx->{conf}, $signal, $pmx->{run});
			is $status >> 8, 0, "stop -$signal works" or diag "$out$err";
			like $out, qr/^Policy: stopped\nno milters are running$/m, '  and nothing is left' or diag $err;
		}
	};
	subtest 'a restart when run_dir is full' => sub {
		my $script = <<'SH';
mount -t tmpfs -o size=64k,mode=755,uid=$(stat -c %u "$2") none "$2" && "$0" -c "$1" start || exit 99
cat /dev/zero > "$2/full"; "$0" -c "$1" restart; status=$?
"$0" -c "$1" status; "$0" -c "$1" stop || exit 98; exit $status
SH
		my ($status, $out, $err) = run_command(180, 'unshare', '-m', 'sh', '-c', $script, stage() . '/bin/pmx-milter', $pmx->{conf}, $pmx->{run});
		is $status >> 8, 1, 'exit status 1' or diag "$out$err";
		like $err, qr/^Policy: restart refused: run_dir \S+: No space left on device\npmx-milter: nothing was stopped$/m, '  said so';
		like $out, qr/^milter Policy: running$/m, '  and it runs on';
	};
}

subtest 'a restart whose stop takes too long' => sub {
	my $pid = start_well()->{pid};
	my $message = message_begin();
	my ($status, $out, $err) = $pmx->run('restart', '--timeout', 10);
	is $status, 1, 'exit status 1';
	like $err, qr/^Policy: NOT restarted: it goes on stopping, and stays down$/m, '  said so';
	wait_until(60, sub { !$pmx->connect('Policy') }, 'the port to be closed');
	message_end($message);
	await_stopped();
	is_deeply [$pmx->left('Policy')], [], '  it ends, controller and all';
};

subtest 'a restart whose terminal is closed' => sub {
	my $pid = start_well()->{pid};
	local $SIG{HUP} = 'DEFAULT';
	my $restart = $pmx->begin('restart');
	wait_until(60, sub { phase() =~ /^st/ || Defang::Test::has_ended($restart) }, 'the restart at work');
	kill HUP => $restart->{pid};
	is await($restart, 'the restart'), 0, 'it is brought to its end' or diag slurp($restart->{log});
	my $view = $pmx->view('Policy');
	is $view->{state}, 'running', '  it runs';
	isnt $view->{pid}, $pid, '  another one';
	is +($pmx->run('stop'))[0], 0, 'it stops';
};

subtest 'a port on more addresses' => sub {
	my $old = $policy->{port};
	start_well();
	$policy->{port} = $old =~ s/127\.0\.0\.1/any/r;
	$pmx->write;
	my ($status, $out, $err) = $pmx->run('restart');
	is $status, 0, 'exit status 0' or diag "$out$err";
	like $out, qr/^Policy: the port is closed while it restarts: \S+\@any cannot be opened before \S+\@127\.0\.0\.1 is closed$/m, '  it is said that there is a gap';
	is $pmx->view('Policy')->{port}, $policy->{port}, '  the new port';
	is +($pmx->run('stop'))[0], 0, 'it stops';
	$policy->{port} = $old;
	$pmx->write;
};

subtest 'a local port that stays open' => sub {
	my $old = $policy->{port};
	my $path = "$pmx->{dir}/sock/policy.sock";
	$policy->{port} = "local:$path";
	$pmx->write;
	start_well();
	my @before = stat $path;
	is sprintf('%o', $before[2] & 0777), '750', 'the group is kept out';
	$pmx->{global} = "umask = 007\nlisten_queue_size = 77\n";
	$pmx->write;
	ok $pmx->view('Policy')->{config_changed}, 'another umask is a change';
	is +($pmx->run('restart'))[0], 0, 'restart';
	my @after = stat $path;
	is $after[1], $before[1], 'the same socket';
	is sprintf('%o', $after[2] & 0777), '770', '  and the group is let in';
	SKIP: {
		my ($queue) = grep { defined } map { (split)[2] } grep { /\Q$path\E/ } (run_command(20, 'ss', '-xlH'))[1] =~ /^.*$/mg if -x '/usr/bin/ss';
		skip 'no ss', 1 if !defined $queue;
		like +(run_command(20, 'ss', '-xlH'))[1], qr/\s77\s+\Q$path\E/, '  its queue is the new one';
	}
	is +($pmx->run('stop'))[0], 0, 'it stops';
	$pmx->{global} = '';

	$pmx->add(Broken => { filter => "sub filter {\n", disabled => 1 });
	$policy->{port} = $old;
	$pmx->write;
	is +($pmx->run('start', 'Policy'))[0], 0, 'it starts';
	$policy->{port} = "local:$path";
	$pmx->write;
	my ($status, $out, $err) = $pmx->run('restart', 'Policy', 'Broken');
	is $status, 1, 'a restart that is refused for another milter';
	ok !-e $path, '  leaves no socket of the new port';
	is +($pmx->run('stop'))[0], 0, 'it stops';
};

subtest 'times of the end are changes, too' => sub {
	start_well();
	ok !$pmx->view('Policy')->{config_changed}, 'none yet';
	$pmx->{global} = "stop_timeout = 10\n";
	$pmx->write;
	ok $pmx->view('Policy')->{config_changed}, 'stop_timeout: a stop takes that of the start';
	is +($pmx->run('stop'))[0], 0, 'it stops';
};
done_testing;
