#!/usr/bin/perl
# Races and failures: two starts, start during a drain, stop during a start, files that lie, halves that were killed, sessions in
# mid-message, a full or unwritable spool, a controller that is stopped.
use strict;
use warnings;
use Test::More;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time);
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until);

my ($go, $filter) = Defang::Pmx::held_filter();
my $pmx = Defang::Pmx->new(Policy => { filter => $filter, more => "kill_timeout = 20\nabort_timeout = 20\n" });
my $folder = "$pmx->{run}/Policy";

sub start_well { my ($status, $out, $err) = $pmx->run('start'); is $status, 0, 'it starts' or diag "$out$err"; return $pmx->view('Policy') }
sub stop_well { my ($status, $out, $err) = $pmx->run('stop'); is $status, 0, 'it stops' or diag "$out$err"; return }
sub await { my ($what, @programs) = @_; wait_until(120, sub { !grep { !Defang::Test::has_ended($_) } @programs }, $what); return }

# A process of the user of the milters that has nothing to do with them.
sub bystander
{
	my $pid = fork // die $!;
	if (!$pid) {
		if ($> == 0) { my ($uid, $gid) = (getpwnam 'nobody')[2, 3]; POSIX::setgid($gid); POSIX::setuid($uid) }
		exec 'sleep', 600 or POSIX::_exit(127);
	}
	return $pid;
}

subtest 'race 1: two starts at once' => sub {
	my @starts = map { $pmx->begin('start') } 1 .. 3;
	await('the starts', @starts);
	is_deeply [map { $_->{status} } @starts], [0, 0, 0], 'all are well' or diag map { slurp($_->{log}) } @starts;
	is scalar(grep { slurp($_->{log}) =~ /started \(pid/ } @starts), 1, 'one of them has started it';
	stop_well();
};

subtest 'race 3: stop during start' => sub {
	my $start = $pmx->begin('start');
	wait_until(60, sub { (slurp("$folder/lock") // '') =~ /start/ || Defang::Test::has_ended($start) }, 'the start at work');
	my ($status, $out, $err) = $pmx->run('stop', 'Policy');
	await('the start', $start);
	is $status, 0, 'the stop waits for it' or diag "$out$err";
	is $pmx->view('Policy')->{state}, 'stopped', 'and stops what was started' or diag slurp($start->{log}), $out, $err;
};

subtest 'stop during a restart: it stays stopped' => sub {
	start_well();
	spew("$go/slow", '');
	my $message = Defang::Test::start_program("$pmx->{dir}/message3", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'),
		'--json', Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
	my $restart = $pmx->begin('restart');
	wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the restart at its stop');
	my $connected = $pmx->connect('Policy');
	ok $connected, 'the port is open meanwhile';
	undef $connected;
	my $stops = $pmx->stops('Policy');
	my $stop = $pmx->begin('stop');
	wait_until(60, sub { $pmx->stops('Policy') > $stops }, 'the stop');
	spew("$go/go", '');
	await('the end of all', $restart, $stop, $message);
	is $message->{status}, 0, 'the message is accepted';
	is $stop->{status}, 0, 'the stop is well' or diag slurp($stop->{log});
	is $restart->{status} >> 8, 1, 'the restart is not';
	like slurp($restart->{log}), qr/^Policy: somebody has stopped it: not started again$/m, '  and says why';
	is $pmx->view('Policy')->{state}, 'stopped', 'it is stopped';
	unlink "$go/$_" for qw(go slow busy);
};

subtest 'a start that is interrupted is undone' => sub {
	local $SIG{INT} = 'DEFAULT'; # who runs the tests in the background may ignore it, and so would the start
	my $slow = Defang::Pmx->new(Policy => { filter => $filter, more => "kill_timeout = 20\nabort_timeout = 20\n" });
	$slow->hold_back('mimedefang', "$go/front"); # or the start might be over when the signal comes
	for my $signal (qw(INT TERM)) {
		unlink "$go/front.held";
		my $start = $slow->begin('start');
		wait_until(60, sub { -e "$go/front.held" || Defang::Test::has_ended($start) }, 'the start at work');
		kill $signal => $start->{pid};
		await('the end of the start', $start);
		is $start->{status} >> 8, $signal eq 'INT' ? 130 : 143, "$signal: the exit status says so" or diag slurp($start->{log});
		is $slow->view('Policy')->{state}, 'stopped', '  nothing runs';
		is_deeply [$slow->left('Policy')], [], '  nothing is left';
	}
	unlink "$go/front.held";
};

subtest 'race 2: start during a drain' => sub {
	start_well();
	spew("$go/slow", '');
	my $message = Defang::Test::start_program("$pmx->{dir}/message", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'),
		'--json', Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
	$pmx->run('stop', '--no-wait');
	my $start = $pmx->begin('start');
	is $pmx->view('Policy')->{state}, 'stopping', 'it drains';
	spew("$go/go", '');
	await('the start', $start, $message);
	is $message->{status}, 0, 'the message is accepted';
	is $start->{status}, 0, 'the start waits, and starts' or diag slurp($start->{log});
	is $pmx->view('Policy')->{state}, 'running', '  the new one';
	unlink "$go/$_" for qw(go slow busy);
	stop_well();
};

subtest 'races 7, 8: a half that was killed' => sub {
	for my $case (['master', 'NO_MUX', qr/degraded \(controller is gone, front-end \d+ still runs\)/],
		['frontend', 'NO_FRONT', qr/degraded \(front-end is gone, controller \d+ still runs\)/]) {
		my ($which, undef, $shown) = @$case;
		my $view = start_well();
		kill KILL => $view->{$which}{pid};
		wait_until(60, sub { !Defang::Pmx::is_alive($view->{$which}{pid}) }, 'its death');
		my ($status, $out) = $pmx->run('status');
		is $status, 150, "the $which: exit status 150";
		like $out, $shown, '  shown';
		my $again = start_well();
		is $again->{state}, 'running', '  start repairs it';
		ok !Defang::Pmx::is_alive($view->{pid}) && !Defang::Pmx::is_alive($view->{master}{pid}), '  and leaves nothing of the old one';
		is $pmx->send('Policy')->{verdict}, 'accept', '  it takes mail';
		stop_well();
	}
};

subtest 'races 4, 5, 6: files that lie' => sub {
	my $stranger = bystander();
	my $view = start_well();
	my $state = slurp("$folder/state");
	kill KILL => $view->{pid}, $view->{master}{pid};
	wait_until(60, sub { !Defang::Pmx::is_alive($view->{pid}) && !Defang::Pmx::is_alive($view->{master}{pid}) }, 'their death');
	my ($status, $out) = $pmx->run('status');
	is $status, 1, 'dead: exit status 1';
	like $out, qr/^milter Policy: dead \(stale pid file\)$/m, '  shown';
	spew("$folder/state", $state =~ s/^((?:front|mux)_pid)=.*/$1=$stranger/gmr =~ s/^boot=.*/boot=another/mr);
	for my $text ("$stranger\n", '', "garbage\n", "99999999999999999999\n", "-1\n", "0\n", "1\n") {
		spew("$folder/$_.pid", $text) for qw(front mux);
		($status, $out) = $pmx->run('status');
		is $status, 1, 'pid files with ' . ($text =~ s/\n/\\n/r) . ': dead';
		is +($pmx->run('stop', '-KILL'))[0], 0, '  stop has nothing to do';
	}
	ok Defang::Pmx::is_alive($stranger), 'nobody was signalled';
	start_well();
	stop_well();
	for my $make (sub { symlink '/etc/passwd', $_[0] }, sub { mkdir $_[0] }, sub { spew($_[0], "1\n"); chown 12345, -1, $_[0] }) {
		unlink "$folder/front.pid";
		$make->("$folder/front.pid");
		start_well();
		stop_well();
	}
	ok -s '/etc/passwd', 'a link was not followed';
	for my $lock (qw(front.lock mux.lock)) {
		unlink "$folder/$lock";
		symlink '/etc/passwd', "$folder/$lock" or die $!;
		is $pmx->view('Policy')->{state}, 'stopped', "$lock is a link: nothing runs";
		start_well();
		stop_well();
	}
	spew("$folder/state", "garbage\n");
	start_well();
	stop_well();
	is_deeply [$pmx->left('Policy')], [], 'nothing is left';
	kill KILL => $stranger;
	waitpid $stranger, 0;
};

subtest 'race 9: a worker that does not hear TERM' => sub {
	my $view = start_well();
	spew("$go/$_", '') for qw(deaf slow);
	my $message = Defang::Test::start_program("$pmx->{dir}/message2", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'),
		'--json', Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
	$view = $pmx->view('Policy');
	my ($status, $out, $err) = $pmx->run('stop', '-INT');
	is $status, 0, 'INT ends it all the same' or diag $err;
	ok !Defang::Pmx::is_alive($_), "process $_ is gone" for grep { defined } map { $_->{pid} } @{ $view->{slots} };
	await('the session', $message);
	unlink "$go/$_" for qw(deaf slow busy);
};

subtest 'race 10: a session that is silent in mid-message' => sub {
	for my $signal (qw(HUP INT KILL)) {
		start_well();
		my $say = $pmx->session('Policy');
		is $say->('M', "<a\@example.com>\0"), 'c', 'a message has begun';
		my $stop = $pmx->begin('stop', "-$signal");
		if ($signal eq 'HUP') {
			wait_until(60, sub { (slurp($stop->{log}) // '') =~ /1 connection open/ }, 'the stop');
			wait_until(60, sub { !$pmx->connect('Policy') }, 'the port to be closed');
			like Defang::Pmx::finish_message($say), qr/[ac]/, 'HUP: it is finished, and gets its verdict';
			undef $say;
		}
		await('the end', $stop);
		is $stop->{status}, 0, "$signal: it ends" or diag slurp($stop->{log});
		is $say->('R', "<b\@example.org>\0"), undef, '  the session is cut' if $signal eq 'KILL';
		start_well() if $signal eq 'KILL';
		stop_well() if $signal eq 'KILL';
		is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	}
};

subtest 'race 12: a port that is taken' => sub {
	my ($port) = $pmx->port('Policy') =~ /^inet:(\d+)/;
	my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1) or die;
	my ($status, $out, $err) = $pmx->run('start');
	is $status, 1, 'exit status 1';
	like $err, qr/^Policy: start failed: cannot bind \S+: address in use$/m, '  said so';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	is $pmx->view('Policy')->{state}, 'stopped', '  nothing runs';
};

subtest 'race 13: a spool that is full' => sub {
	plan skip_all => 'only root mounts a small folder' if $> != 0 || system('unshare', '--mount', 'true') != 0;
	my $small = $pmx->{dir} . '/small';
	mkdir $small or die $!;
	# A mount namespace of its own for the two programs; pmx-milter and the test are outside after the start.
	my ($status, $out, $err) = Defang::Test::run_command(120, 'unshare', '--mount', 'sh', '-c',
		'spool=$1; shift; mount -t tmpfs -o size=256k,mode=0750 none "$spool" && chown nobody "$spool" && (dd if=/dev/zero of="$spool/fill" bs=4k; true) && exec "$@"',
		'sh', $pmx->spool('Policy'), $pmx->command('start'));
	is $status, 0, 'it starts: it takes mail again as soon as there is room' or diag "$out$err";
	my $view = $pmx->view('Policy');
	my $full = "/proc/$view->{pid}/root" . $pmx->spool('Policy');
	ok -s "$full/fill", '  on a spool that is full';
	is $pmx->send('Policy')->{verdict}, 'tempfail', 'mail is told to come again';
	is_deeply [glob "$full/mdefang-*"], [], '  nothing is left of it';
	is $pmx->view('Policy')->{state}, 'running', '  and it runs';
	unlink "$full/fill" or die $!;
	is $pmx->send('Policy')->{verdict}, 'accept', 'when there is room mail is taken';
	stop_well();
	is_deeply [$pmx->left('Policy')], [], 'nothing is left';
};

subtest 'race 13: a spool that cannot be written' => sub {
	my $spool = $pmx->spool('Policy');
	for my $case ([0500, qr/spool_dir \S+: Permission denied/], [0755, qr/spool_dir \S+: open to others/]) {
		chmod $case->[0], $spool or die $!;
		my ($status, $out, $err) = $pmx->run('start');
		is $status, 1, sprintf '%04o: exit status 1', $case->[0];
		like $err, qr/^Policy: start failed: $case->[1]$/m, '  said so';
		is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	}
	chmod 0750, $spool;
};

subtest 'race 18: a controller that is stopped' => sub {
	my $view = start_well();
	kill STOP => $view->{master}{pid};
	my $begun = time;
	my ($status, $out) = $pmx->run('status', '--timeout', 3);
	cmp_ok time - $begun, '<', 60, 'the status comes all the same';
	is $status, 4, '  exit status 4';
	like $out, qr/^milter Policy: running, but the controller did not answer within 3s\n    pid=.* flags=0x8\b/m, '  shown';
	kill CONT => $view->{master}{pid};
	stop_well();
};

subtest 'race 18: a front end that is stopped' => sub {
	my $view = start_well();
	kill STOP => $view->{pid};
	my ($status, $out) = $pmx->run('status', '--timeout', 3);
	is $status, 4, 'exit status 4';
	like $out, qr/^milter Policy: running, but the front end did not answer within 3s\n    pid=.* vsz=.*\n    interp=.* flags=0x0 queue=/m, '  shown';
	is $pmx->view('Policy')->{error}, 'the front end did not answer', '  also as JSON';
	kill CONT => $view->{pid};
	stop_well();
};

subtest 'race 18: all programs of several milters are stopped' => sub {
	my $many = Defang::Pmx->new(map { $_ => {} } qw(One Two Three));
	is +($many->run('start'))[0], 0, 'they start';
	{
		local $many->{with} = ['sh', '-c', 'ulimit -n 9; exec "$@"', 'sh'];
		my ($status, $out, $err) = $many->run('status');
		is $status, 0, 'a status with fewer descriptors than programs' or diag "$out$err";
		is scalar(() = $out =~ /^    slots=/mg), 3, '  which all answer';
	}
	my @pids = map { ($_->{pid}, $_->{master}{pid}) } $many->views;
	is scalar @pids, 6, 'six programs';
	kill STOP => @pids;
	my $begun = time;
	my ($status, $out) = $many->run('status', '--timeout', 12);
	cmp_ok time - $begun, '<', 36, 'all are waited for at a time';
	is $status, 4, '  exit status 4';
	is scalar(() = $out =~ /^milter \w+: running, but the controller did not answer within 12s$/mg), 3, '  each is shown';
	kill CONT => @pids;
	local $many->{with} = ['sh', '-c', 'ulimit -n 12; exec "$@"', 'sh'];
	($status, $out, my $err) = $many->run('stop');
	is $status, 0, 'they stop, with few descriptors' or diag "$out$err";
	is scalar(() = $out =~ /: stopped$/mg), 3, '  all of them';
};
done_testing;
