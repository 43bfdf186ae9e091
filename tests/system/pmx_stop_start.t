#!/usr/bin/perl
# A start that loses what it has started, and stops that come while a start is at work.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until);

my $go = Defang::Test::temp_dir('defang-go');
chmod 0777, $go;
my $pmx = Defang::Pmx->new(Policy => { more => "abort_timeout = 60\nkill_timeout = 10\n" });
my $folder = "$pmx->{run}/Policy";
$pmx->hold_back($_, "$go/$_") for qw(mimedefang mimedefang-multiplexor);

sub await { my ($program, $what) = @_; wait_until(120, sub { Defang::Test::has_ended($program) }, $what); return $program->{status} >> 8 }

sub stopped_well
{
	is $pmx->view('Policy')->{state}, 'stopped', '  it is stopped';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	return;
}

subtest 'the controller is lost while the front end starts' => sub {
	my $start = $pmx->begin_held('mimedefang', 'start');
	my ($pid) = (slurp("$folder/mux.pid") // '') =~ /^(\d+)$/m or die 'no controller';
	my $begun = time;
	kill KILL => $pid;
	is await($start, 'the start'), 1, 'start: exit status 1';
	cmp_ok time - $begun, '<', 55, '  it does not wait for a front end that waits for the controller';
	like slurp($start->{log}), qr/^Policy: start failed: mimedefang-multiplexor exited too quickly/m, '  the cause';
	stopped_well();
};

# How often a process has waited for something.
sub waits { my ($pid) = @_; return (slurp("/proc/$pid/status") // '') =~ /^voluntary_ctxt_switches:\s*(\d+)/m ? $1 : 0 }

# A pmx-milter that is halted in the second for which both have to live: that begins when the foreground process of the front end has ended,
# and pmx-milter has looked since.
sub begin_halted
{
	for (1 .. 20) {
		my ($start, $foreground) = $pmx->begin_held('mimedefang', 'start');
		$pmx->let_go;
		wait_until(60, sub { !Defang::Pmx::is_alive($foreground) || Defang::Test::has_ended($start) }, 'the front end is ready');
		my $seen = waits($start->{pid});
		wait_until(60, sub { waits($start->{pid}) > $seen + 2 || Defang::Test::has_ended($start) }, 'pmx-milter has looked');
		kill STOP => $start->{pid};
		return $start if (slurp("$folder/state") // '') =~ /^phase=starting$/m;
		kill CONT => $start->{pid}; # that was too late
		await($start, 'the start');
		$pmx->run('stop');
	}
	return die "no start could be halted in time\n";
}

subtest 'both programs are lost at the last moment of a start' => sub {
	my ($start, $begun) = (begin_halted(), time);
	my @pids = map { slurp("$folder/$_.pid") =~ /^(\d+)$/m } qw(front mux);
	kill KILL => @pids;
	wait_until(60, sub { !grep { Defang::Pmx::is_alive($_) } @pids }, 'their end');
	wait_until(60, sub { time - $begun > 1 }, 'the second is over');
	kill CONT => $start->{pid};
	is await($start, 'the start'), 1, 'start: exit status 1';
	like slurp($start->{log}), qr/^Policy: start failed: mimedefang(?:-multiplexor exited too quickly| ended with status 0)(?:: .*)?$/m, '  the cause';
	stopped_well();
};

subtest 'a stop of a start that is halted' => sub {
	my $start = begin_halted();
	my ($status, $out, $err) = $pmx->run('stop', '-KILL');
	is $status, 1, 'exit status 1';
	like $err, qr/^Policy: no program of it is left, but pmx-milter pid $start->{pid}, which is doing start, does not end$/m, '  why';
	kill CONT => $start->{pid};
	is await($start, 'the start'), 1, 'start: exit status 1';
	like slurp($start->{log}), qr/^Policy: start failed: somebody has stopped it$/m, '  the cause';
	stopped_well();
};

for my $signal (qw(INT KILL)) {
	for my $at (qw(mimedefang-multiplexor mimedefang)) {
		for my $verb (qw(start restart)) {
			subtest "stop -$signal while $verb is at work: $at" => sub {
				my $start = $pmx->begin_held($at, $verb, 'Policy');
				my ($begun, $stops) = (time, $pmx->stops('Policy'));
				my $stop = $pmx->begin('stop', "-$signal", 'Policy');
				wait_until(60, sub { $pmx->stops('Policy') > $stops || Defang::Test::has_ended($stop) }, 'the stop at work');
				spew("$go/mimedefang-multiplexor", ''); # the front end stays held: the start cannot come to its end
				is await($stop, 'the stop'), 0, 'stop: exit status 0' or diag slurp($stop->{log});
				cmp_ok time - $begun, '<', 55, '  it does not wait for its time to be over';
				is await($start, 'the start'), 1, "$verb: exit status 1";
				like slurp($start->{log}), qr/^Policy: start failed: somebody has stopped it$/m, '  the cause';
				stopped_well();
			};
		}
	}
}

spew("$go/$_", '') for qw(mimedefang-multiplexor mimedefang);
is +($pmx->run('start'))[0], 0, 'it starts as ever';
is $pmx->send('Policy')->{verdict}, 'accept', '  and takes mail';
is +($pmx->run('stop'))[0], 0, '  and stops';
done_testing;
