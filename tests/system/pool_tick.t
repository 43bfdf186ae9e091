# Ticks: how often, by whom, and when they are skipped. A tick carries no orders: the worker's rules say what it does.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew lines);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};

# A worker that records each line and the time at which it came, keeps it while there is a file HOLD, takes SECONDS over a tick, and answers.
spew("$dir/bin/fake", <<"PERL");
#!/usr/bin/perl
use Time::HiRes qw(time);
\$| = 1;
while (<STDIN>) {
	chomp;
	if (/^tick/) {
		open my \$f, '>>', "$dir/ticks";
		syswrite \$f, join(' ', \$_, \$\$, time) . "\\n";
		select(undef, undef, undef, 0.01) while -e "$dir/hold";
		select(undef, undef, undef, -e "$dir/seconds" ? do { open my \$s, '<', "$dir/seconds"; <\$s> } : 0);
	}
	select(undef, undef, undef, 0.01) while /^scan/ && !-e "$dir/go";
	print "ok\\n";
}
PERL
chmod 0755, "$dir/bin/fake";

# [number, pid, time] of those recorded.
sub ticks
{
	my @ticks = -e "$dir/ticks" ? map { /^tick (\d+) (\d+) (\S+)/ ? [ $1, $2, $3 ] : () } lines("$dir/ticks") : ();
	return @ticks;
}
sub of { my $k = shift; return grep { $_->[0] == $k } ticks() }
sub begin { unlink map { "$dir/$_" } qw(ticks seconds hold); return $pool->start(@_) }

subtest 'one' => sub {
	my $begun = time;
	begin('-X', 1);
	ok wait_until(10, sub { ticks() >= 3 }), 'three come';
	my @ticks = ticks();
	is_deeply [ map { $_->[0] } @ticks ], [ (0) x @ticks ], 'all of them number 0';
	cmp_ok $ticks[0][2] - $begun, '>', 0.9, 'the first after an interval';
	cmp_ok $ticks[$_][2] - $ticks[ $_ - 1 ][2], '>', 0.9, 'an interval apart' for 1, 2;
	is $ticks[1][1], $ticks[2][1], 'by the same worker';
	like $pool->ask('workerinfo 0'), qr/^NumRequests [3-9]$/m, 'they count as requests';
	is $pool->ask('msgs'), "0\n", 'not as scans';
	ok $pool->logged(qr/Starting worker 0 .*: About to run tick$/m), 'for which a worker is started';
	$pool->stop;
};

subtest 'counted from the end of the one before' => sub {
	begin('-X', 1);
	spew("$dir/seconds", '0.7');
	spew("$dir/hold", '');
	ok wait_until(10, sub { ticks() >= 1 }), 'one';
	like $pool->ask('busyworkers'), qr/\(tick 0\)$/, 'status tag';
	unlink "$dir/hold";
	ok wait_until(10, sub { ticks() >= 2 }), 'two';
	my @ticks = ticks();
	cmp_ok $ticks[1][2] - $ticks[0][2], '>', 1.6, 'work and interval';
	ok $pool->stop < 9, 'ends in the midst of ticks';
};

subtest 'several' => sub {
	begin('-X', 1, '-P', 3, '-x', 4);
	spew("$dir/hold", '');
	ok wait_until(10, sub { ticks() >= 3 }), 'three at once';
	is_deeply [ sort map { $_->[0] } (ticks())[ 0 .. 2 ] ], [ 0, 1, 2 ], 'one of each number';
	my %pids = map { $_->[1] => 1 } (ticks())[ 0 .. 2 ];
	is keys %pids, 3, 'by three workers';
	unlink "$dir/hold";
	ok wait_until(10, sub { !grep { of($_) < 2 } 0 .. 2 }), 'each comes again';
	$pool->stop;
};

subtest 'skipped' => sub {
	begin('-X', 1, '-x', 1, '-q', 5);
	my $scan = $pool->send_line("scan Q /dir");
	is $pool->states_become('B'), 'B', 'the worker is busy';
	ok $pool->logged(qr/Tick 0 skipped -- no free workers/), 'a line in the log';
	like $pool->ask('status'), qr/^B 0 1 5 0 /, 'not queued';
	spew("$dir/go", '');
	is $pool->reply($scan), "ok\n", 'the scan ends';
	ok wait_until(10, sub { ticks() >= 1 }), 'the next one comes';
	$pool->stop;
};

subtest 'no answer' => sub {
	begin('-X', 1, '-b', 1);
	spew("$dir/seconds", '1000');
	ok wait_until(10, sub { ticks() >= 1 }), 'a tick that does not end';
	ok $pool->logged(qr/Killing busy worker 0 .*: Busy timeout/, 10), 'is ended';
	unlink "$dir/seconds";
	ok wait_until(10, sub { ticks() >= 2 }), 'and the next one comes';
	$pool->stop;
};

subtest 'no worker can be started' => sub {
	spew("$dir/bin/fake", "#!/bin/sh\nexit 1\n");
	chmod 0755, "$dir/bin/fake";
	begin('-X', 1);
	ok $pool->logged(qr/Tick 0 skipped -- unable to activate worker/, 10), 'a line in the log';
	$pool->stop;
};

done_testing;
