#!/usr/bin/perl
# Ways to end, by each signal: what becomes of sessions in mid-message, escalation, workers that compute, stops that do not wait.
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until);
use Time::HiRes qw(time);

# Waits until the file `go' of its folder is there; then accepts. Computes all the while when there is a file `hot'.
my $dir = Defang::Test::temp_dir('defang-go');
my $filter = <<"FILTER";
sub filter_begin {
	if (-e "$dir/slow") {
		open my \$at, '>', "$dir/busy"; close \$at;
		until (-e "$dir/go") { if (-e "$dir/hot") { my \$x = 0; \$x += \$_ for 1 .. 100000 } else { select undef, undef, undef, 0.02 } }
	}
	return;
}
sub filter { return action_accept() }
1;
FILTER
chmod 0777, $dir;
my $pmx = Defang::Pmx->new(Policy => { filter => $filter, more => "abort_timeout = 20\nkill_timeout = 20\n" });

sub reset_go { unlink "$dir/$_" for qw(go slow busy hot); return }

sub started
{
	reset_go();
	my ($status, $out, $err) = $pmx->run('start');
	is $status, 0, 'it starts' or diag "$out$err";
	return $pmx->view('Policy');
}

# A message whose filter waits; milter-send in the background.
sub message_begin
{
	my (@files) = @_;
	spew("$dir/$_", '') for 'slow', @files;
	my $log = "$pmx->{dir}/message";
	unlink $log;
	my $program = Defang::Test::start_program($log, Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'), '--json',
		Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$dir/busy" }, 'the filter at work');
	return $program;
}

sub workers { my ($view) = @_; return grep { defined } map { $_->{pid} } @{ $view->{slots} } }

for my $how ([], ['-TERM']) {
	subtest "R15: the message in hand is finished: stop @$how" => sub {
		my $view = started();
		my $message = message_begin();
		my $stop = $pmx->begin('stop', @$how);
		wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the stop');
		wait_until(60, sub { !$pmx->connect('Policy') }, 'the port to be closed');
		pass 'a new connection is not served';
		my (undef, $out) = $pmx->run('status');
		like $out, qr/^milter Policy: stopping \(1 connection left, \d+s\)$/m, 'the status says what it waits for';
		like $out, qr/ flags=0x2 conns=1 /, '  the flag, too';
		ok !Defang::Test::has_ended($stop), 'the stop waits';
		spew("$dir/go", '');
		wait_until(60, sub { Defang::Test::has_ended($stop) }, 'the end of the stop');
		is $stop->{status}, 0, 'it has worked' or diag slurp($stop->{log});
		my $signal = @$how ? 'TERM' : 'HUP';
		like slurp($stop->{log}), qr/^Policy: stopping \($signal\), 1 connection open$/m, '  and said what it waited for';
		wait_until(60, sub { Defang::Test::has_ended($message) }, 'the verdict');
		is $message->{status}, 0, 'the message was accepted' or diag slurp($message->{log});
		ok !Defang::Pmx::is_alive($_), "process $_ is gone" for $view->{pid}, $view->{master}{pid}, workers($view);
		is_deeply [$pmx->left('Policy')], [], 'nothing is left';
	};
}

subtest 'R13, R14: the ways to write a signal' => sub {
	my $view = started();
	for my $word (qw(-USR1 -STOP -FOO -SIG -SIGHUP2 -0 -10 -64 -999 -1x -)) {
		my ($status, $out, $err) = $pmx->run('stop', $word, 'Policy');
		is $status, 2, "R14: stop $word is a usage error";
		like $err, qr/^pmx-milter: '\Q$word\E' does not stop a milter: use -HUP, -TERM, -INT, -QUIT or -KILL$/m, '  said so';
	}
	is +($pmx->run('stop', '-HUP', '-INT', 'Policy'))[0], 2, 'so are two of them';
	is +($pmx->run('stop', 'HUP'))[0], 2, 'R13: without a dash it is the name of a milter';
	my $after = $pmx->view('Policy');
	is_deeply [@$after{qw(state pid flags)}, $after->{master}{pid}], ['running', $view->{pid}, 0, $view->{master}{pid}], 'R14: nothing was signalled';
	is $pmx->send('Policy')->{verdict}, 'accept', '  and it takes mail';
	my %ways = (HUP => [qw(-HUP -SIGHUP -hup -1)], TERM => ['-15'], INT => ['-2'], QUIT => ['-Quit'], KILL => ['-9']);
	for my $signal (sort keys %ways) {
		for my $word (@{ $ways{$signal} }) {
			started() if $pmx->view('Policy')->{state} ne 'running';
			my ($status, $out, $err) = $pmx->run('stop', $word, 'Policy');
			is $status, 0, "R14: stop $word" or diag $err;
			like $out, qr/^Policy: stopping \($signal\)(?:, \d connections? open)?\nPolicy: stopped$/m, "  is $signal";
		}
	}
};

subtest 'race 20: workers that compute' => sub {
	started();
	my $message = message_begin('hot');
	my $stop = $pmx->begin('stop');
	my $begun = time;
	wait_until(60, sub { time - $begun > 20 }, 'twenty seconds');
	ok !Defang::Test::has_ended($stop), 'after 20 seconds the stop still waits';
	like slurp($stop->{log}), qr/^Policy: waiting, 1 connection open, \d+s of 300s$/m, '  and tells so';
	spew("$dir/go", '');
	wait_until(60, sub { Defang::Test::has_ended($stop) && Defang::Test::has_ended($message) }, 'the end');
	is_deeply [$stop->{status}, $message->{status}], [0, 0], 'the message was accepted';
};

subtest 'R16: INT aborts' => sub {
	started();
	my $message = message_begin();
	my ($status, $out, $err) = $pmx->run('stop', '-INT');
	is $status, 0, 'it ends' or diag $err;
	wait_until(60, sub { Defang::Test::has_ended($message) }, 'the end of the session');
	isnt $message->{status}, 0, 'the message got no verdict';
	is_deeply [$pmx->left('Policy')], [], 'nothing is left, no work directory either';
};

subtest 'R17: KILL kills all, and hinders no start' => sub {
	my $view = started();
	my $message = message_begin();
	$view = $pmx->view('Policy');
	my ($status, $out, $err) = $pmx->run('stop', '-9');
	is $status, 0, 'it ends' or diag $err;
	my @pids = ($view->{pid}, $view->{master}{pid}, workers($view));
	cmp_ok @pids, '>=', 3, 'there was a worker';
	ok !Defang::Pmx::is_alive($_), "process $_ is gone" for @pids;
	wait_until(60, sub { Defang::Test::has_ended($message) }, 'the end of the session');
	started();
	is $pmx->send('Policy')->{verdict}, 'accept', 'the next one works';
	is +($pmx->run('stop'))[0], 0, 'and stops';
};

subtest 'R18, race 11: HUP, then INT; HUP, then KILL' => sub {
	for my $signal (qw(INT KILL)) {
		started();
		my $message = message_begin();
		my $stop = $pmx->begin('stop');
		wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the stop');
		my $again = $pmx->begin('stop', '-HUP');
		my ($status, $out, $err) = $pmx->run('stop', "-$signal");
		is $status, 0, "$signal hurries it up" or diag $err;
		for my $other ($stop, $again) {
			wait_until(60, sub { Defang::Test::has_ended($other) }, 'the end of the gentle stop');
			is $other->{status}, 0, '  the gentle one ends, too' or diag slurp($other->{log});
		}
		wait_until(60, sub { Defang::Test::has_ended($message) }, 'the end of the session');
		isnt $message->{status}, 0, '  the message got no verdict';
	}
};

subtest 'R18, race 11: HUP, INT that gets stuck, KILL' => sub {
	my $view = started();
	my $message = message_begin();
	my $gentle = $pmx->begin('stop');
	wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the gentle stop');
	kill STOP => $view->{pid}; # so that INT has to wait
	my $abort = $pmx->begin('stop', '-INT');
	wait_until(60, sub { (slurp($abort->{log}) // '') =~ /stopping \(INT\)/ }, 'the abort');
	ok !Defang::Test::has_ended($_), 'both wait' for $gentle, $abort;
	my ($status, $out, $err) = $pmx->run('stop', '-KILL');
	is $status, 0, 'KILL ends it' or diag $err;
	for my $other ($gentle, $abort) {
		wait_until(60, sub { Defang::Test::has_ended($other) }, 'the end of another stop');
		is $other->{status}, 0, '  the others end, too' or diag slurp($other->{log});
	}
	wait_until(60, sub { Defang::Test::has_ended($message) }, 'the end of the session');
	ok !Defang::Pmx::is_alive($_), "process $_ is gone" for $view->{pid}, $view->{master}{pid};
};

subtest 'a second gentle stop aborts nothing' => sub {
	started();
	my $message = message_begin();
	my @stops = map { $pmx->begin('stop') } 1 .. 3;
	wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the stop');
	spew("$dir/go", '');
	wait_until(60, sub { !grep { !Defang::Test::has_ended($_) } @stops, $message }, 'the end of all');
	is_deeply [map { $_->{status} } @stops, $message], [0, 0, 0, 0], 'all are well, and the message is accepted';
};

subtest 'time is over: it goes on ending' => sub {
	for my $how (['--timeout', 1], ['--no-wait'], ['--timeout', 0]) {
		started();
		my $message = message_begin();
		my ($status, $out, $err) = $pmx->run('stop', @$how);
		if ($how->[1]) {
			is $status, 1, '--timeout: exit status 1';
			like $err, qr/^Policy: still draining after \d+s \(1 connection\); try: pmx-milter stop -INT Policy$/m, '  what to do';
		} else {
			is $status, 0, "@$how: exit status 0" or diag $err;
		}
		is $pmx->view('Policy')->{state}, 'stopping', '  it is stopping';
		spew("$dir/go", '');
		wait_until(60, sub { Defang::Test::has_ended($message) }, 'the verdict');
		is $message->{status}, 0, '  the message is accepted';
		wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopped' }, 'the end');
		pass '  and it has ended, controller and all';
	}
};

subtest 'R15: it is gone when its processes are gone, not when they have let go of their locks' => sub {
	my $slow = Defang::Pmx->new(Policy => { local => 1, more => "kill_timeout = 20\nabort_timeout = 1\n" });
	my $linger = "$slow->{dir}/linger";
	$slow->preload('linger.so', LINGER => $linger);
	for my $how ([], ['--timeout', 1, '--escalate']) {
		is +($slow->run('start'))[0], 0, 'it starts';
		my $view = $slow->view('Policy');
		spew($linger, '');
		my $stop = $slow->begin('stop', @$how);
		wait_until(60, sub { !-e "$slow->{run}/Policy/front.lock" }, 'the front end to let go of its lock');
		if (!@$how) {
			wait_until(60, sub { !-e "$slow->{run}/Policy/mux.lock" }, 'the controller to let go of its lock');
			ok !wait_until(1, sub { Defang::Test::has_ended($stop) }), 'the stop waits for what has no lock any more';
			unlink $linger;
		}
		wait_until(60, sub { Defang::Test::has_ended($stop) }, 'the end of the stop');
		is $stop->{status}, 0, "stop @$how: it ends" or diag slurp($stop->{log});
		ok !Defang::Pmx::is_alive($_), "  process $_ is gone" for $view->{pid}, $view->{master}{pid};
	}
};

subtest '--escalate' => sub {
	started();
	my $message = message_begin();
	my ($status, $out, $err) = $pmx->run('stop', '--escalate', '--timeout', 1);
	is $status, 0, 'it ends' or diag $err;
	wait_until(60, sub { Defang::Test::has_ended($message) }, 'the end of the session');
	is_deeply [$pmx->left('Policy')], [], 'nothing is left';
};
done_testing;
