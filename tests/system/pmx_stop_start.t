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
$pmx->hold_back('mimedefang', "$go/front");
$pmx->hold_back('mimedefang-multiplexor', "$go/mux");

sub await { my ($program, $what) = @_; wait_until(120, sub { Defang::Test::has_ended($program) }, $what); return $program->{status} >> 8 }

# A start at the point where it waits for the program to come, all before it being ready.
sub begin_until
{
	my ($program, @command) = @_;
	unlink glob "$go/*";
	spew("$go/mux", '') if $program eq 'front';
	my $start = $pmx->begin(@command);
	wait_until(60, sub { -e "$go/$program.held" || Defang::Test::has_ended($start) }, "$program begins to start");
	return $start;
}

sub stopped_well
{
	is $pmx->view('Policy')->{state}, 'stopped', '  it is stopped';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	return;
}

subtest 'the controller is lost while the front end starts' => sub {
	my $start = begin_until('front', 'start');
	my ($pid) = (slurp("$folder/mux.pid") // '') =~ /^(\d+)$/m or die 'no controller';
	my $begun = time;
	kill KILL => $pid;
	is await($start, 'the start'), 1, 'start: exit status 1';
	cmp_ok time - $begun, '<', 55, '  it does not wait for a front end that waits for the controller';
	like slurp($start->{log}), qr/^Policy: start failed: mimedefang-multiplexor exited too quickly/m, '  the cause';
	stopped_well();
};

# A pmx-milter that is halted in the second for which both have to live.
sub begin_halted
{
	for (1 .. 20) {
		unlink glob "$go/*";
		spew("$go/$_", '') for qw(mux front);
		my $start = $pmx->begin('start');
		wait_until(60, sub { -e "$folder/front.pid" || Defang::Test::has_ended($start) }, 'the front end');
		Time::HiRes::sleep(0.2); # for pmx-milter to see it, too; if that was too long we try again
		kill STOP => $start->{pid};
		return $start if (slurp("$folder/state") // '') =~ /^phase=starting$/m;
		kill CONT => $start->{pid};
		await($start, 'the start');
		$pmx->run('stop');
	}
	return die "no start could be halted in time\n";
}

subtest 'both programs are lost at the last moment of a start' => sub {
	my $start = begin_halted();
	my @pids = map { slurp("$folder/$_.pid") =~ /^(\d+)$/m } qw(front mux);
	kill KILL => @pids;
	wait_until(60, sub { !grep { Defang::Pmx::is_alive($_) } @pids }, 'their end');
	Time::HiRes::sleep(1.2); # the second is over
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
	for my $at (qw(mux front)) {
		for my $verb (qw(start restart)) {
			subtest "stop -$signal while $verb is at work: $at" => sub {
				my $start = begin_until($at, $verb, 'Policy');
				my ($begun, $stops) = (time, $pmx->stops('Policy'));
				my $stop = $pmx->begin('stop', "-$signal", 'Policy');
				wait_until(60, sub { $pmx->stops('Policy') > $stops || Defang::Test::has_ended($stop) }, 'the stop at work');
				spew("$go/mux", ''); # the front end stays held: the start cannot come to its end
				is await($stop, 'the stop'), 0, 'stop: exit status 0' or diag slurp($stop->{log});
				cmp_ok time - $begun, '<', 55, '  it does not wait for its time to be over';
				is await($start, 'the start'), 1, "$verb: exit status 1";
				like slurp($start->{log}), qr/^Policy: start failed: somebody has stopped it$/m, '  the cause';
				stopped_well();
			};
		}
	}
}

spew("$go/$_", '') for qw(mux front);
is +($pmx->run('start'))[0], 0, 'it starts as ever';
is $pmx->send('Policy')->{verdict}, 'accept', '  and takes mail';
is +($pmx->run('stop'))[0], 0, '  and stops';
done_testing;
