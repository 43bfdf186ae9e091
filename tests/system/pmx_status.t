#!/usr/bin/perl
# The meaning of each field of the status, R23 to R46, on a pool that is made to show it.
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until run_command);

my ($go, $filter) = Defang::Pmx::held_filter();
my $pmx = Defang::Pmx->new(Policy => { workers => 3, filter => $filter,
	more => "pooled_proc_idle_limit = 15\nrequest_queue_size = 10\nrequest_queue_timeout = 2m\nstatus_interval = 0\n" });
my ($status, $out, $err) = $pmx->run('start');
is $status, 0, 'it is started' or BAIL_OUT("$out$err");

sub view { return $pmx->view('Policy') }
sub live { return grep { defined $_->{pid} } @{ $_[0]{slots} } }
sub text { my (undef, $text) = $pmx->run('status'); return $text }
my @held;

sub hold
{
	my ($n) = @_;
	unlink "$go/go";
	spew("$go/slow", '');
	push @held, map { Defang::Test::start_program("$pmx->{dir}/held$_", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'), '--json',
		Defang::Test::data('plain.eml')) } 1 .. $n;
	return;
}

sub let_go
{
	spew("$go/go", '');
	wait_until(120, sub { !grep { !Defang::Test::has_ended($_) } @held }, 'the messages');
	is scalar(grep { $_->{status} != 0 } @held), 0, 'all messages were accepted';
	@held = ();
	unlink "$go/$_" for qw(slow go);
	return;
}

subtest 'R35: before the first worker' => sub {
	my $view = view();
	is $view->{pool}{peak}, 0, 'the peak is 0';
	is $view->{interp}{ready}, 0, 'R30: no interpreter is ready';
	is $view->{answered_by}, undef, 'R29: and none answers';
	like text(), qr/^    interp=0\/1 seq=0 waiting=0 flags=0x0 conns=0 queue=0\/10\n    slots=0\/6 \(0 retiring\) req=0 msg=0$/m, '  shown';
};

# Whether the process has the socket that listens on a TCP port of ours.
sub owns_port
{
	my ($pid, $port) = @_;
	my ($line) = grep { /^\s*\d+: 0100007F:\Q@{[sprintf '%04X', $port]}\E \S+ 0A / } Defang::Test::lines('/proc/net/tcp') or return 0;
	my $inode = (split ' ', $line)[9];
	return scalar grep { (readlink($_) // '') eq "socket:[$inode]" } glob "/proc/$pid/fd/*";
}

subtest 'R24, R25: the service and its port' => sub {
	my $view = view();
	my ($port) = $pmx->port('Policy') =~ /^inet:(\d+)/;
	is owns_port($view->{pid}, $port), 1, 'R24: pid is the process that owns the port';
	is owns_port($view->{master}{pid}, $port), 0, '  mux does not';
	like text(), qr/^    pid=$view->{pid} mux=$view->{master}{pid} port=\Qinet:$port\E\@127\.0\.0\.1 vsz=/m, 'R25: shown as it was configured';
	is $view->{port}, $pmx->{milters}{Policy}{port}, '  in JSON, too';
};

subtest 'R26, R27, R28: from the process table' => sub {
	is $pmx->send('Policy')->{verdict}, 'accept', 'a message';
	my ($mux, $front) = @{ view() }{qw(master frontend)};
	my $size = (split ' ', slurp("/proc/$mux->{pid}/stat") =~ s/.*\) //sr)[20];
	is $mux->{vsz_kib}, int($size / 1024), 'R26: vsz is that of the controller, which serves no connection itself';
	my ($threads) = slurp("/proc/$front->{pid}/status") =~ /^Threads:\s+(\d+)/m;
	is $front->{threads}, $threads, 'R27: threads';
	my $view = view();
	is $view->{master}{procs}, scalar live($view), 'R28: procs are the children';
	like text(), qr/ vsz=\d+\.\d threads=$threads procs=\d+$/m, '  shown';
};

subtest 'R32, R36, R37, R40, R41, R45: three busy, two waiting' => sub {
	my $before = view()->{pool}{msg};
	hold(5);
	my $view;
	wait_until(60, sub { $view = view(); $view->{pool}{req} == 3 && $view->{queue}{length} == 2 }, 'full work');
	is_deeply [$view->{answered_by}{slot}, $view->{interp}], [0, { ready => 1, max => 1 }], 'R29, R30: one answers though all are busy, and with the same limit';
	is $view->{flags}, 0, 'R33: full work is no flag';
	is $view->{waiting}, 0, 'R32: waiting is 0 with the pool on; who waits is in queue';
	is $view->{frontend}{connections}, 5, 'five connections';
	is $view->{pool}{max}, 6, 'R36: most processes';
	is scalar live($view), 3, 'R37: half of them work';
	is $view->{pool}{peak}, 3, 'R35: the peak';
	is $view->{pool}{req}, 3, 'R40: three connections being processed';
	is_deeply [map { $_->{req} } live($view)], [1, 1, 1], 'R45: one each';
	like text(), qr/ conns=5 queue=2\/10\n    slots=3\/6 \(0 retiring\) req=3 msg=$before$/m, '  shown';
	let_go();
	is view()->{pool}{msg}, $before + 5, 'R41: five messages more';
};

subtest 'R35: the peak stays when the pool shrinks' => sub {
	my $view;
	wait_until(60, sub { $view = view(); live($view) == 0 }, 'the end of idle workers');
	is $view->{pool}{peak}, 3, 'three, still';
	is scalar @{ $view->{slots} }, 3, 'each slot that was used is listed';
	like text(), qr/^    slot#0:   pid=-      vsz=-      acc=0\/\d+\/\d+ req=0$/m, 'R43: an empty one';
};

subtest 'R29, R30, R31, R42, R43, R44: a process that is replaced' => sub {
	my ($old) = @{ view()->{slots} };
	is $pmx->send('Policy')->{verdict}, 'accept', 'a message';
	my $view = view();
	my ($slot) = @{ $view->{slots} };
	is $slot->{acc}{process}, 1, 'R44: the first number begins anew';
	is $slot->{acc}{slot}, $old->{acc}{slot} + 1, 'the second goes on';
	is $slot->{acc}{processes}, $old->{acc}{processes} + 1, 'the third counts the process';
	is_deeply $view->{interp}, { ready => 1, max => 1 }, 'R30: its interpreter is ready';
	is $view->{seq}, $view->{pool}{activations}, 'R31: it is the most recent';
	is $view->{answered_by}{pid}, $slot->{pid}, 'R29: it answered';
	my $size = (split ' ', slurp("/proc/$slot->{pid}/stat") =~ s/.*\) //sr)[20];
	is $slot->{vsz_kib}, int($size / 1024), 'R43: its virtual size, now';
	like text(), qr{^    slot#0:   pid=$slot->{pid} +vsz=\d+\.\d +acc=1/$slot->{acc}{slot}/$slot->{acc}{processes} req=0$}m, 'R42: shown';
};

subtest 'R34, R38, R39, R46: one that retires' => sub {
	hold(1);
	my $view;
	wait_until(60, sub { $view = view(); $view->{pool}{req} == 1 }, 'the filter at work');
	my ($busy) = grep { $_->{req} } live($view);
	my ($ctl) = run_command(60, Defang::Test::program('md-mx-ctrl'), '-s', "$pmx->{run}/Policy/mux.sock", 'reread');
	is $ctl, 0, 'the filter is read again';
	wait_until(60, sub { $view = view(); $view->{pool}{retiring} == 1 }, 'the retirement');
	my ($retiring) = grep { $_->{retiring} } @{ $view->{slots} };
	is $retiring->{pid}, $busy->{pid}, 'R38: the busy one retires, with its work';
	like text(), qr/^    slots=\d\/6 \(1 retiring\) req=1 msg=\d+$/m, 'R34, R39: counted';
	like text(), qr/^    slot#\d:   pid=$busy->{pid} +vsz=\S+ +acc=\d+\/\d+\/\d+ req=1\*$/m, 'R46: and marked';
	is $view->{flags}, 0, 'R33: one that retires is no flag';
	my ($accepted) = $retiring->{acc}{process};
	unlink "$go/slow"; # what comes now does not have to wait
	is $pmx->send('Policy')->{verdict}, 'accept', 'a message more';
	$view = view();
	my ($again) = grep { ($_->{pid} // 0) == $busy->{pid} } @{ $view->{slots} };
	is_deeply [@$again{qw(retiring req)}, $again->{acc}{process}], [JSON::PP::true, 1, $accepted], 'R38: it gets no new work';
	cmp_ok scalar(live($view)), '>', 1, '  another one has, before it is gone';
	isnt $view->{answered_by}{pid}, $busy->{pid}, 'R29: an idle one answers, not the one that retires';
	let_go();
	wait_until(60, sub { !Defang::Pmx::is_alive($busy->{pid}) }, 'its end');
	wait_until(60, sub { view()->{pool}{retiring} == 0 }, 'the end of the retirement');
	unlike text(), qr/\*$/m, 'R46: no mark is left';
};

subtest 'R37: a filter that is read again while all work, and loads slowly' => sub {
	my $ctl = Defang::Test::program('md-mx-ctrl');
	my $load = spew("$go/load", '');
	spew($pmx->{milters}{Policy}{rules}, "BEGIN { select undef, undef, undef, 0.02 until !-e '$load' || !-e '$go/begun' }\n$filter");
	hold(3);
	my $view;
	wait_until(60, sub { $view = view(); $view->{pool}{req} == 3 }, 'full work');
	spew("$go/begun", '');
	my $reread = Defang::Test::start_program("$pmx->{dir}/reread", $ctl, '-s', "$pmx->{run}/Policy/mux.sock", 'reread');
	# The process table is read a moment before the pool's figures.
	ok wait_until(60, sub { $view = view(); @{ $view->{successors} } > 0 && $view->{master}{procs} > 3 }),
		'a successor starts; R28: the process table has it';
	is scalar live($view), 3, 'three live';
	is $view->{pool}{live}, 3, '  by the count, too';
	is $view->{pool}{retiring}, 0, '  and none retires yet';
	is_deeply [Defang::Pmx::faults_of($view, {})], [], 'it agrees with itself';
	unlink $load;
	let_go();
	wait_until(60, sub { Defang::Test::has_ended($reread) }, 'the end of the reread');
	is $reread->{status}, 0, 'the filter is read again' or diag slurp($reread->{log});
};

subtest 'R33: workers that do not start: flag 0x10' => sub {
	spew("$go/broken", '');
	for my $worker (live(view())) {
		kill KILL => $worker->{pid};
		wait_until(60, sub { !Defang::Pmx::is_alive($worker->{pid}) }, 'the end of a worker');
	}
	wait_until(120, sub { $pmx->send('Policy'); view()->{flags} }, 'a flag');
	is view()->{flags}, 0x10, 'it is set';
	like text(), qr/^    interp=0\/1 seq=\d+ waiting=0 flags=0x10 /m, '  shown in hexadecimal';
	unlink "$go/broken";
	wait_until(120, sub { ($pmx->send('Policy')->{verdict} // '') eq 'accept' }, 'a message that is taken');
	is view()->{flags}, 0, 'and gone when one has started';
};

subtest 'R23: what makes no sense is left out' => sub {
	my $view;
	wait_until(60, sub { $view = view(); $view->{frontend}{connections} == 0 }, 'the end of all connections');
	my ($front, $mux) = ($view->{pid}, $view->{master}{pid});
	my $port = $pmx->{milters}{Policy}{port};
	kill STOP => $mux;
	my (undef, $text) = $pmx->run('status', '--timeout', 5);
	like $text, qr/^milter .*\n    pid=$front mux=$mux port=\Q$port\E vsz=\S+ threads=\d+ procs=\d+ flags=0x8 conns=0\n\z/, 'a controller that is silent: no figures of the pool';
	my ($silent) = $pmx->views('--timeout', 5);
	is_deeply [grep { exists $silent->{$_} } qw(answered_by interp seq waiting queue pool slots)], [], '  in JSON neither';
	kill CONT => $mux;
	kill KILL => $mux;
	wait_until(60, sub { !Defang::Pmx::is_alive($mux) }, 'its end');
	is text(), "milter Policy: degraded (controller is gone, front-end $front still runs)\n"
		. "    pid=$front port=$port threads=$view->{frontend}{threads} flags=0x8 conns=0\n", 'no controller: nothing of it';
	is +($pmx->run('start'))[0], 0, 'it is repaired';
	$view = view();
	kill KILL => $view->{pid};
	wait_until(60, sub { !Defang::Pmx::is_alive($view->{pid}) }, 'the end of the front end');
	$text = text();
	like $text, qr/^    mux=$view->{master}{pid} port=\Q$port\E vsz=\S+ procs=\d+\n    interp=0\/1 seq=0 waiting=0 flags=0x4 queue=0\/10\n/m, 'no front end: nothing of it';
	unlike $text, qr/(?<!\S)(?:pid=\d|threads=|conns=)/, '  neither pid nor threads nor connections';
	is +($pmx->run('start'))[0], 0, 'it is repaired';
};

subtest 'R33: two halves of different starts: flag 0x20' => sub {
	my $view = view();
	is $view->{flags}, 0, 'normally 0';
	my $mux = $view->{master}{pid};
	my $program = readlink "/proc/$mux/exe";
	my (undef, @words) = split /\0/, slurp("/proc/$mux/cmdline");
	kill KILL => $mux;
	wait_until(60, sub { !Defang::Pmx::is_alive($mux) }, 'its end');
	my ($started, undef, $said) = run_command(60, $program, @words);
	is $started, 0, 'somebody starts a controller by hand' or diag $said;
	wait_until(60, sub { $view = view(); $view->{state} eq 'running' && $view->{pool} }, 'its answer');
	is $view->{flags}, 0x20, 'that is a flag';
	like text(), qr/ waiting=0 flags=0x20 /, '  shown in hexadecimal';
};

is +($pmx->run('stop'))[0], 0, 'it stops';
done_testing;
