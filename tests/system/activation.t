#!/usr/bin/perl
# Under a service manager: sockets that it passes, and what it is told. Without one, or with bad variables.
use strict;
use warnings;
use Test::More;
use IO::Socket::UNIX;
use Defang::Manager;
use Defang::Test qw(data wait_until slurp spew stage temp_dir free_port);

my $filter = "sub filter { return action_accept() }\nsub filter_map { return ('OK', 'mapped') }\n1;\n";

sub ask
{
	my ($path, $line) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or return;
	syswrite $socket, "$line\n";
	local $/;
	return scalar readline $socket;
}

sub heard { my ($manager, $pattern, $name) = @_; return ok(wait_until(20, sub { $manager->heard($pattern) }), $name) || diag $manager->said }

subtest 'both daemons' => sub {
	my $dir = temp_dir('defang-manager');
	my $manager = Defang::Manager->new($dir);
	$manager->set(WATCHDOG_USEC => 400000);
	my $chain = Defang::Test->chain(filter => $filter, manager => $manager, milter => ['--loops', 3]);
	heard($manager, qr/^READY=1\nMAINPID=$chain->{milter}{pid}\nSTATUS=Serving$/m, 'the front end is ready');
	like $manager->said, qr/^STATUS=Waiting for the controller\n.*^READY=1\nMAINPID=$chain->{milter}{pid}\n/ms, '  after the wait for the controller';
	is $chain->send(data('plain.eml'))->{verdict}, 'accept', '  a message passes';
	my ($before) = scalar(() = $manager->said =~ /^WATCHDOG=1$/mg);
	ok wait_until(20, sub { (() = $manager->said =~ /^WATCHDOG=1$/mg) > $before + 6 }), '  both are alive';
	kill 'STOP', $chain->{pool}{pid};
	$before = () = $manager->said =~ /^WATCHDOG=1$/mg;
	ok wait_until(20, sub { (() = $manager->said =~ /^WATCHDOG=1$/mg) > $before + 3 }), '  the front end alone, too';
	kill 'CONT', $chain->{pool}{pid};
	$manager->set(); # no watchdog: whoever waits for something else does not read all its notes
	is $chain->stop_milter, 0, 'the front end ends';
	heard($manager, qr/^STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\nSTATUS=Finishing the messages in hand$/m, '  and says so');
	ok -S $chain->{listen} =~ s/^unix://r, '  its socket stays';
	my $early = $chain->connect;
	ok $early, '  and can be connected to';
	$chain->start_milter;
	syswrite $early, pack('N', 13) . 'O' . pack('NNN', 6, 0x1ff, 0x1fffff);
	sysread $early, my $answer, 5;
	is substr($answer, 4), 'O', '  who came meanwhile is served by the next one';
	close $early;

	is $chain->stop_pool, 0, 'the controller ends';
	heard($manager, qr/^STOPPING=1\nSTATUS=Stopping$/m, '  and says so');
	ok -S $chain->{control}, '  its socket stays';
	$chain->start_pool;
	heard($manager, qr/^READY=1\nMAINPID=$chain->{pool}{pid}\nSTATUS=\d workers of 2: /m, 'the next one is ready');
	like ask($chain->{control}, 'version'), qr/^\d/, '  and answers on the same socket';

	my ($status, $out) = $chain->control_tool('reread');
	is $status, 0, 'a reread';
	heard($manager, qr/^RELOADING=1\nMONOTONIC_USEC=\d+\n.*^READY=1$/ms, '  is told at its begin and end');
	spew($chain->{filter}, 'no filter');
	($status) = $chain->control_tool('reread');
	isnt $status, 0, '  one that fails';
	heard($manager, qr/^RELOADING=1\n.*^RELOADING=1\n.*^READY=1$/ms, '  too');
	spew($chain->{filter}, $filter);
	ok $chain->stop, 'all end well';
};

subtest 'all sockets of the controller' => sub {
	my $dir = temp_dir('defang-manager');
	my $manager = Defang::Manager->new($dir);
	my $port = free_port();
	mkdir "$dir/spool";
	chown +(getpwnam 'nobody')[2, 3], "$dir/spool" if $> == 0;
	my @command = (stage() . '/bin/mimedefang-multiplexor', '-D', '-z', "$dir/spool", '-x', 1, '-m', 1,
		'-f', stage() . '/bin/mimedefang.pl', '-F', spew("$dir/filter", $filter), $> == 0 ? qw(-U nobody) : ());
	my $pool = $manager->start("$dir/log", [ "notify=$dir/n", "map=$dir/m", "requests=$dir/r", "open=inet:$port\@127.0.0.1" ], @command);
	heard($manager, qr/^READY=1$/m, 'is ready');
	ok wait_until(20, sub { (ask("$dir/r", 'free') // '') eq "1\n" }), 'requests';
	my $open = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
	syswrite $open, "reread\n";
	like scalar(readline $open), qr/^error: /, 'open: nothing privileged';
	my $map = IO::Socket::UNIX->new(Peer => "$dir/m");
	syswrite $map, '5:m key,';
	sysread $map, my $mapped, 100;
	is $mapped, '9:OK mapped,', 'map';
	my $notify = IO::Socket::UNIX->new(Peer => "$dir/n");
	like scalar(readline $notify), qr/^\*OK$/, 'notify';
	is Defang::Test::end_program($pool), 0, 'ends';
	is scalar(grep { -S "$dir/$_" } qw(n m r)), 3, '  and leaves the sockets where they are';

	$pool = $manager->start("$dir/log", [ "any.socket=$dir/r" ], @command);
	heard($manager, qr/^READY=1$/m, 'one socket with any name');
	ok wait_until(20, sub { defined ask("$dir/r", 'version') }), '  is that for requests';
	ok !-e "$dir/spool/mimedefang-multiplexor.sock", '  and no other is opened';
	Defang::Test::end_program($pool);

	for my $case ([ [ "requests=$dir/r", "what=$dir/m" ], qr/passed a socket named 'what', which is for nothing/ ]) {
		unlink "$dir/log";
		$pool = $manager->start("$dir/log", $case->[0], @command);
		wait_until(20, sub { Defang::Test::has_ended($pool) });
		is $pool->{status} >> 8, 64, 'a socket that is for nothing: exit status';
		like slurp("$dir/log"), $case->[1], '  and words';
	}
};

subtest 'bad variables' => sub {
	my $dir = temp_dir('defang-manager');
	for my $program (qw(mimedefang mimedefang-multiplexor)) {
		my @command = (stage() . "/bin/$program", '-D', '-z', $dir, $> == 0 ? qw(-U nobody) : (),
			$program eq 'mimedefang' ? ('-p', "$dir/p", '-m', "$dir/m") : ());
		for my $case (
			[ sub { @ENV{qw(LISTEN_PID LISTEN_FDS)} = ($$, 'many') }, qr/LISTEN_FDS.*: Invalid argument/ ],
			[ sub { @ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} = ($$, 1, 'a:b') }, qr/LISTEN_FDS.*: Invalid argument/ ],
			[ sub { @ENV{qw(LISTEN_PID LISTEN_FDS)} = ($$, 1); POSIX::dup2(1, 3) }, qr/LISTEN_FDS.*: Socket operation on non-socket/ ],
			[ sub { $ENV{NOTIFY_SOCKET} = 'somewhere' }, qr/NOTIFY_SOCKET.*: Invalid argument/ ],
			)
		{
			my ($prepare, $words) = @$case;
			unlink "$dir/log";
			my $run = Defang::Test::start_prepared($prepare, "$dir/log", @command);
			wait_until(20, sub { Defang::Test::has_ended($run) });
			is $run->{status} >> 8, 64, "$program: exit status";
			like slurp("$dir/log"), $words, '  and words';
		}
	}
};
done_testing;
