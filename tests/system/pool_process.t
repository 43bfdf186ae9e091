# The controller as a process: options, start-up errors, daemon, lock, files, SIGTERM.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $program = "$dir/bin/mimedefang-multiplexor";
my @user = $> == 0 ? qw(-U nobody) : ();

subtest 'options' => sub {
	my @bad = (
		[['-x', '2x'], qr/Option -x: '2x' is not a number/],
		[['-x', '0'], qr/Option -x: '0' is out of range/],
		[['-m', '3'], qr/Option -m: 3 is more than the 2 workers of -x/],
		[['-f', 'bin/fake'], qr/-f: You must supply an absolute path for filter program/],
		[['-S', 'post'], qr/Unknown syslog facility post/],
		[['-s', 'inet:99'], qr/Argument to -s option must be a UNIX-domain socket, not a TCP socket\./],
		[['-z', 'spool'], qr/Option -z: 'spool' is not an absolute path/],
		[['-j'], qr/Unknown option -j/],
		[['-x'], qr/Option -x needs a value/],
		[['more'], qr/Unexpected argument 'more'/],
	);
	for (@bad) {
		my ($options, $text) = @$_;
		my ($status, undef, $err) = $pool->run($program, @$options);
		is $status, 64, "@$options: exit status";
		like $err, $text, "@$options: message";
	}
	my ($status, $out) = $pool->run($program, '-v');
	is $status, 0, '-v';
	like $out, qr/^mimedefang-multiplexor version \S+\n$/, 'version';
	($status, $out) = $pool->run($program, '-h');
	is $status, 0, '-h';
	like $out, qr/^Usage: /, 'usage';
};

subtest 'what cannot start' => sub {
	my ($status, undef, $err) = $pool->run($program, '-U', 'no-such-user', '-z', $dir);
	is $status, 67, 'unknown user';
	like $err, qr/Unknown user 'no-such-user'/, 'message';
	($status, undef, $err) = $pool->run($program, @user, '-z', "$dir/none");
	is $status, 66, 'no spool folder';
	like $err, qr/Unable to chdir\(\Q$dir\E\/none\): No such file or directory/, 'message';
	($status, undef, $err) = $pool->run($program, @user, '-z', $dir, '-s', "$dir/none/sock");
	isnt $status, 0, 'no folder for the socket';
	like $err, qr/Error from child: .*Unable to create listening socket\./, 'the daemon\'s error reaches the terminal';
	SKIP: {
		skip 'not root', 2 if $> != 0;
		($status, undef, $err) = $pool->run($program, '-z', $dir);
		isnt $status, 0, 'as root';
		like $err, qr/^ERROR: You must not run mimedefang-multiplexor as root\./, 'message';
	}
};

subtest 'daemon' => sub {
	my @command = $pool->command('-p', "$dir/pid", '-m', 1);
	my ($status, $out, $err) = $pool->run(@command);
	is $status, 0, 'the parent leaves' or diag $err;
	ok defined $pool->ask('version'), 'when the daemon serves';
	my $pid = slurp("$dir/pid");
	like $pid, qr/^\d+\n$/, 'pid file';
	chomp $pid;
	ok kill(0, $pid), 'of a process that is there';
	ok -e "$dir/pid.lock", 'lock file';
	($status, undef, $err) = $pool->run(@command);
	is $status, 75, 'a second one does not start';
	like $err, qr/Cannot lock lockfile \S+: Is another copy running\?/, 'and says why';
	is slurp("$dir/pid"), "$pid\n", 'the pid file is still that of the first';
	ok defined $pool->ask('version'), 'which still serves';
	kill TERM => $pid;
	ok wait_until(5, sub { !kill 0, $pid }), 'it ends';
	ok !-s "$dir/pid", 'pid file gone or empty';
	ok !-e "$dir/pid.lock", 'lock file gone';
	ok !-e $pool->{socket}, 'socket gone';
};

subtest 'without standard input, output and error' => sub {
	my ($status) = $pool->run('sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', $pool->command('-p', "$dir/pid", '-l', '-m', 1));
	is $status, 0, 'it starts';
	ok defined $pool->ask('version'), 'and serves';
	chomp(my $pid = slurp("$dir/pid"));
	like $pid, qr/^\d+\z/, 'its pid file is whole' or $pid = 0;
	kill TERM => $pid if $pid;
	ok $pid && wait_until(5, sub { !kill 0, $pid }), 'it ends';
	local $pool->{wrap} = [ 'sh', '-c', 'exec "$@" 2>&-', 'sh' ];
	$pool->start('-p', "$dir/pid", '-m', 1);
	$pool->ask('x echo y');
	is slurp("$dir/pid"), "$pool->{pid}\n", 'in the foreground nothing that is meant for the terminal gets into a file';
	$pool->stop;
};

subtest 'many descriptors' => sub {
	local $pool->{wrap} = [ 'sh', '-c', 'ulimit -S -n 64; exec "$@"', 'sh' ];
	$pool->start('-x', 40);
	my @held = map { $pool->send_line("scan Q$_ wait $dir/go ok") } 1 .. 40;
	is $pool->states_become('B' x 40, 60), 'B' x 40, 'the soft limit of open files is no limit';
	open my $go, '>', "$dir/go" or die;
	is scalar(grep { ($pool->reply($_) // '') eq "ok\n" } @held), 40, 'all are answered';
	$pool->stop;
	local $pool->{wrap} = [ 'sh', '-c', 'ulimit -n 64; exec "$@"', 'sh' ];
	$pool->start('-x', 40, '-q', 7);
	ok $pool->logged(qr/warning: 40 workers and a queue of 7 may need \d+ open files, but the limit is 64$/m), 'one that cannot be raised is told';
	$pool->stop;
};

subtest 'the socket of one that was killed' => sub {
	$pool->start;
	kill KILL => $pool->{pid};
	wait_until(10, sub { $pool->gone });
	ok -e $pool->{socket}, 'is left behind';
	$pool->start;
	ok defined $pool->ask('version'), 'and is replaced';
	kill HUP => $pool->{pid};
	ok $pool->logged(qr/Received SIGHUP/), 'SIGHUP is survived';
	$pool->stop;
};

subtest 'SIGTERM with stuck workers' => sub {
	$pool->start('-x', 4);
	my @stuck = map { $pool->send_line("scan Q$_ $_") } 'mute', 'stop', "breed $dir/child";
	ok wait_until(10, sub { -s "$dir/child" }), 'stuck';
	ok wait_until(10, sub { $pool->states =~ tr/B// == 2 }), 'two hang' or diag $pool->ask('workers');
	my @pids = $pool->ask('workers') =~ /^\d B (\d+)/mg;
	cmp_ok $pool->stop, '<', 9, 'gone soon: without haste it would take ten seconds';
	is $pool->{status}, 0, 'exit status';
	is scalar(grep { kill 0, $_ } @pids), 0, 'and so are the workers';
	ok !-e $pool->{socket}, 'and the socket';
};
done_testing;
