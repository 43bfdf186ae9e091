# The limit of resident memory (-R): above it a worker is replaced, above twice the limit killed.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
$pool->start(qw(-R 60000 -m 1 -x 2 -b 100));
is $pool->states_become('IS'), 'IS', 'one worker';

sub gone { my ($pid) = @_; return wait_until(15, sub { !kill 0, $pid }) }

subtest 'small' => sub {
	my $pid = $pool->ask('scan Q1 pid');
	is $pool->ask('scan Q2 grow 10'), $pid, 'grows';
	is $pool->ask('scan Q3 pid'), $pid, 'and stays';
};

subtest 'above the limit after a request' => sub {
	chomp(my $pid = $pool->ask('scan Q4 grow 80'));
	like $pid, qr/^\d+$/, 'its request is answered';
	ok gone($pid), 'it ends';
	isnt $pool->ask('scan Q5 pid'), "$pid\n", 'another one serves';
	like $pool->log_text, qr/Replacing a worker that has to go.*Killing (?:idle|busy) worker \d \(pid $pid\) .*: Worker uses \d+ kB of memory$/ms,
		'its successor came first';
};

subtest 'above the limit in a request' => sub {
	my $scan = $pool->send_line("scan Q6 swell 80 $dir/go");
	ok $pool->logged(qr/(?:Replacing a worker that has to go.*){2}/s), 'a successor starts meanwhile';
	is $pool->states_become('IS'), 'IS', 'and takes its place';
	spew("$dir/go", '');
	chomp(my $pid = $pool->reply($scan));
	ok gone($pid), 'it ends after its answer';
};

subtest 'far above the limit' => sub {
	my $scan = $pool->send_line("scan Q7 swell 160 $dir/never");
	is $pool->reply($scan), "ERR Worker used too much memory\n", 'killed in its request';
	ok $pool->logged(qr/Worker \d \(pid \d+\) uses \d+ kB of memory, more than 2 times the limit of 60000: killing it$/m), 'logged';
	# On a busy machine the look at its memory may come before its answer, or while it is only a little above the limit.
	like $pool->ask('scan Q8 grow 160'), qr/^(?:\d+|ERR Worker used too much memory)$/, 'one that has answered is killed, too';
	ok $pool->logged(qr/killing it\n.*(?:killing it|: Worker uses \d+ kB of memory)$/ms), 'logged';
	ok wait_until(15, sub { $pool->ask('free') > 0 }), 'another one is there';
	is $pool->ask('scan Q9 echo ok'), "ok\n", '  and serves';
};

done_testing;
