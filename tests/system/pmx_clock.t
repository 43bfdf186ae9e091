#!/usr/bin/perl
# Race 17: the clock of the machine is set, back or forward, while somebody waits. pmx-milter and both programs of a milter run with a wall
# clock of their own (tests/helpers/wall_clock.c), and the time that they wait is that of the monotonic one.
use strict;
use warnings;
use Test::More;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until);

my $day = 86400;
my ($go, $filter) = Defang::Pmx::held_filter();
my $pmx = Defang::Pmx->new(Policy => { filter => $filter });
my $clock = "$pmx->{dir}/clock";
$pmx->{with} = $pmx->preload('wall_clock.so', WALL_CLOCK => $clock);

sub well { my (@words) = @_; my ($s, $out, $err) = $pmx->run(@words); is $s, 0, "@words" or diag "$out$err"; return }
sub set_clock { spew($clock, "$_[0]\n"); return }
sub mono { return clock_gettime(CLOCK_MONOTONIC) }
sub reset_go { unlink "$go/$_" for qw(go slow busy slow_load loading); set_clock(0); return }

# It ends by itself after so many seconds, and not before; the deadline here is only to see an end that never comes.
sub lasts
{
	my ($program, $begun, $seconds, $what) = @_;
	ok wait_until(60, sub { Defang::Test::has_ended($program) }), "$what: it ends" or return;
	cmp_ok mono() - $begun, '>=', $seconds, '  not before its time';
	return;
}

sub message_begin
{
	spew("$go/slow", '');
	my $program = Defang::Test::start_program("$pmx->{dir}/message", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'),
		'--json', Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
	return $program;
}

reset_go();

subtest 'the programs have this clock' => sub {
	well('start');
	my $view = $pmx->view('Policy');
	my %map = map { $_ => slurp("/proc/$view->{$_}{pid}/maps") } qw(frontend master);
	like $map{$_}, qr/wall_clock\.so/, "the $_" for sort keys %map;
	set_clock(-$day);
	my (undef, $out) = $pmx->run('status', '--json');
	my $shown = JSON::PP->new->utf8->decode($out)->{time};
	my @then = gmtime(time - $day);
	like $shown, qr/^\Q@{[sprintf '%04d-%02d-', $then[5] + 1900, $then[4] + 1]}\E/, 'and pmx-milter';
	isnt substr($shown, 0, 10), POSIX::strftime('%Y-%m-%d', gmtime), '  which thinks it is another day';
	set_clock(0);
};

for my $case ([back => -$day], [forward => $day]) {
	my ($way, $seconds) = @$case;

	subtest "race 17: set $way during a graceful stop" => sub {
		well('start') if $pmx->view('Policy')->{state} ne 'running';
		my $message = message_begin();
		my $begun = mono();
		my $stop = $pmx->begin('stop', '--timeout', 4);
		wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the stop');
		set_clock($seconds);
		like +($pmx->run('status'))[1], qr/^milter Policy: stopping \(1 connection left, \d+s\)$/m, 'the status tells no time that cannot be';
		lasts($stop, $begun, 4, 'the stop');
		is $stop->{status} >> 8, 1, '  its time is over';
		like slurp($stop->{log}), qr/^Policy: still draining after \d\d?s \(1 connection\)/m, '  and it knows how long it has waited';
		ok !Defang::Test::has_ended($message), '  the message is still in hand';
		$stop = $pmx->begin('stop');
		wait_until(60, sub { (slurp($stop->{log}) // '') =~ /1 connection open/ }, 'another stop');
		spew("$go/go", '');
		wait_until(60, sub { Defang::Test::has_ended($stop) && Defang::Test::has_ended($message) }, 'the end of both');
		is_deeply [$message->{status}, $stop->{status}], [0, 0], '  and is accepted in the end';
		reset_go();
	};

	subtest "race 17: set $way during a start" => sub {
		spew("$go/slow_load", '');
		my $begun = mono();
		my $start = $pmx->begin('start', '--timeout', 60);
		wait_until(60, sub { -e "$go/loading" }, 'the filter to be loaded');
		set_clock($seconds);
		spew("$go/go", '');
		wait_until(60, sub { Defang::Test::has_ended($start) }, 'the end of the start');
		is $start->{status}, 0, 'it starts' or diag slurp($start->{log});
		is $pmx->send('Policy')->{verdict}, 'accept', '  and takes mail';
		well('restart');
		is $pmx->send('Policy')->{verdict}, 'accept', 'after a restart, too';
		reset_go();
	};

	subtest "race 17: set $way while a controller does not answer" => sub {
		my $mux = $pmx->view('Policy')->{master}{pid};
		kill STOP => $mux;
		my $begun = mono();
		my $asked = $pmx->begin('status', '--timeout', 3);
		wait_until(10, sub { mono() - $begun > 1 }, 'a second');
		set_clock($seconds);
		lasts($asked, $begun, 3, 'the status');
		like slurp($asked->{log}), qr/^milter Policy: running, but the controller did not answer within 3s$/m, '  and shows what it knows';
		kill CONT => $mux;
		reset_go();
	};
}
well('stop');

subtest 'race 17: set back while a filter does not load' => sub {
	spew($pmx->{conf}, slurp($pmx->{conf}) =~ s/^start_timeout = .*/start_timeout = 12/mr);
	chmod 0644, $pmx->{conf};
	spew("$go/slow_load", '');
	my $begun = mono();
	my $start = $pmx->begin('start');
	wait_until(60, sub { -e "$go/loading" }, 'the filter to be loaded');
	set_clock(-$day);
	lasts($start, $begun, 12, 'the start');
	is $start->{status} >> 8, 1, '  its time is over';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
};
done_testing;
