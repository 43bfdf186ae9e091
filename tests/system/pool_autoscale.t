# Autoscaling (-k): the pool grows while its workers are busy and shrinks when they are not.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $defaults = "interval=15 ema_busy=0.0000 scale_out=0.80 scale_in=0.30 out_cool=5 in_cool=30 ema_alpha=0.2500\n";

subtest 'not enabled' => sub {
	$pool->start('-x', 3, '-a', "$dir/open.sock");
	is $pool->ask('autoscale'), "enabled=0 $defaults", 'autoscale';
	like $pool->ask('autoscale', "$dir/open.sock"), qr/^error: Attempt to use privileged/, 'privileged';
	$pool->stop;
};

subtest 'the defaults' => sub {
	$pool->start('-k');
	is $pool->ask('autoscale'), "enabled=1 $defaults", 'autoscale';
	ok $pool->logged(qr/Autoscaling enabled: interval=15s scale_out=80% scale_in=30%$/m), 'logged';
	$pool->stop;
};

subtest 'out and in' => sub {
	$pool->start('-k', '-x', 3, '-m', 1, qw(--autoscale-interval 1 --scale-out-cooldown 0 --scale-in-cooldown 0 --ema-alpha 100));
	is $pool->states_become('ISS'), 'ISS', 'the minimum';
	my $scan = $pool->send_line("scan Q1 wait $dir/go ok");
	is $pool->states_become('BIS'), 'BIS', 'a worker more while all are busy';
	ok $pool->logged(qr/Autoscale: scaled out to 2 workers \(ema_busy=1\.00 queued=0\)$/m), 'logged';
	like $pool->log_text, qr/Starting worker 1 .*: Autoscale: scale-out \(ema_busy=1\.00\)$/m, 'reason';
	spew("$dir/go", '');
	is $pool->reply($scan), "ok\n", 'the scan';
	ok $pool->logged(qr/Autoscale: scaled in to 1 workers \(ema_busy=0\.00\)$/m), 'one less when none is busy';
	like $pool->log_text, qr/Killing idle worker \d .*: Autoscale: scale-in \(ema_busy=0\.00\)$/m, 'reason';
	ok wait_until(10, sub { $pool->states =~ /^[ISK]*$/ && ($pool->states =~ tr/I//) == 1 }), 'the minimum stays';
};

done_testing;
