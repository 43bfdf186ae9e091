# The log of what the pool does: -A and -d.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};

subtest 'choices' => sub {
	$pool->start('-A', '-x', 2);
	$pool->ask('x echo 1');
	ok $pool->logged(qr/info: Scheduling Idle worker 0 for cmdno -1 \(activated=0, last=-2\)/), 'other, on a fresh worker';
	$pool->ask('scan Q echo ok');
	ok $pool->logged(qr/Scheduling Idle worker 0 for cmdno 0 \(activated=0, last=-2\)/), 'scan';
	my $held = $pool->send_line("recipok r wait $dir/go ok");
	ok $pool->logged(qr/Scheduling Idle worker 0 for cmdno 3 \(activated=0, last=0\)/), 'recipok, after a scan';
	my $second = $pool->ask('senderok s echo ok');
	ok $pool->logged(qr/Scheduling Idle worker 1 for cmdno 2 \(activated=1, last=-2\)/), 'senderok, on another worker';
	spew("$dir/go", '');
	$pool->reply($held);
	$pool->ask('relayok 1 echo ok');
	ok $pool->logged(qr/for cmdno 1 \(activated=\d, last=[23]\)/), 'relayok';
	unlike $pool->log_text, qr/ debug: /, 'nothing at debug level';
	$pool->stop;
};

subtest 'events' => sub {
	unlink $pool->{log};
	$pool->start('-d', '-x', 1, '-q', 0);
	my $held = $pool->send_line("scan Q wait $dir/go2 ok");
	$pool->states_become('B');
	like $pool->ask('x y'), qr/^error: No free workers/, 'one is refused';
	spew("$dir/go2", '');
	$pool->reply($held);
	$pool->ask('reread');
	ok $pool->logged(qr/reread succeeded, generation \d+ serves/), 'reread';
	$pool->stop;
	my $log = $pool->log_text;
	like $log, $_, "$_"
		for qr/debug: event: worker 0 \(pid \d+\) started: About to perform scan/, qr/\(pid \d+\) Starting -> Idle/,
		qr/\(pid \d+\) gets 'scan Q'/, qr/\(pid \d+\) is done with 'scan Q' after \d+ ms, outcome 0/,
		qr/event: 'x y' is refused: error: No free workers$/m, qr/\(pid \d+\) is being ended: /, qr/\(pid \d+\) has ended$/m;
	unlike $log, qr/Scheduling/, 'no choices without -A';
};

done_testing;
