# Workers that misbehave in every way: each request gets its own answer or an error within its deadline, and nobody else notices.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
$pool->start('-x', 3, '-b', 4, '-c', 1, '--start-timeout', 30);
my $no_response = "ERR No response from worker\n";
my $timed_out = "ERR Filter timed out - check filter rules or system load\n";

# One request, while another worker is at work and serves on.
sub hostile
{
	my ($name, $order, $want) = @_;
	my $begun = time;
	my $bad = $pool->send_line("scan Q $order");
	is $pool->ask('relayok 192.0.2.1 echo fine'), "fine\n", "$name: another request";
	my $reply = $pool->reply($bad);
	ref $want ? like $reply, $want, $name : is $reply, $want, $name;
	cmp_ok time - $begun, '<', 25, "$name: in time";
	is $pool->ask("relayok 192.0.2.1 echo $_"), "$_\n", "$name: request $_ after it" for 1 .. 4;
}

hostile 'two lines', 'two', "one\n";
hostile 'half a line, then silence', 'half', $timed_out;
hostile 'half a line, then exit', 'cut', 'half';
hostile 'NULs and high bytes', 'nul', "\0\0\xff\0a\n";
hostile 'a line of 60,000 bytes', 'long 60000', qr/^x{60000}\n$/;
hostile 'a line of 1 MB', 'long 1000000', "ERR Answer of worker is too long\n";
hostile '100 kB without a line end', 'endless 100000', "ERR Answer of worker is too long\n";
hostile 'exit without an answer', 'exit 0', $no_response;
hostile 'exit with a status', 'exit 9', $no_response;
hostile 'closed stdout', 'close', $no_response;
hostile 'stopped', 'stop', $timed_out;
hostile 'deaf and mute', 'mute', $timed_out;
hostile 'a child that keeps the pipes', "breed $dir/child", $no_response;
ok wait_until(10, sub { !kill 0, slurp("$dir/child") }), 'the child of a worker that died has been killed';
ok $pool->logged(qr/out of step: it wrote more than one line in answer/), 'being out of step is logged';

subtest 'a late line is nobody\'s answer' => sub {
	is $pool->ask("relayok 192.0.2.1 late first $dir/late"), "first\n", 'the answer';
	spew("$dir/late", '');
	ok $pool->logged(qr/out of step: it wrote without being asked/), 'it is noticed';
	is $pool->ask("relayok 192.0.2.1 echo $_"), "$_\n", "request $_ after it" for 1 .. 4;
};

subtest 'the begin of a late line is not that of the next answer' => sub {
	is $pool->ask("relayok 192.0.2.1 tail first $dir/tail $dir/written"), "first\n", 'the answer';
	spew("$dir/tail", '');
	ok wait_until(10, sub { -e "$dir/written" }), 'the worker writes on';
	$pool->ask('status'); # the controller has had a turn, and has read it
	is $pool->ask("relayok 192.0.2.1 echo $_"), "$_\n", "request $_" for 1 .. 6;
	ok $pool->logged(qr/(?:out of step: it wrote without being asked.*){2}/s), 'that worker is not used any more';
};

subtest 'a client that leaves' => sub {
	my @gone = map { $pool->send_line("relayok 192.0.2.1 wait $dir/gone for-the-gone") } 1 .. 2;
	ok wait_until(10, sub { $pool->states =~ tr/B// == 2 }), 'its request runs';
	$_->close for @gone;
	spew("$dir/gone", '');
	ok wait_until(10, sub { $pool->states !~ /B/ }), 'to its end';
	is $pool->ask("relayok 192.0.2.1 echo $_"), "$_\n", "its answer is not that of request $_" for 1 .. 4;
};

subtest 'an answer without reading the request' => sub {
	spew($pool->{rules}, "garbage\n");
	$pool->stop;
	$pool->start('-x', 1, '-b', 1);
	is $pool->ask('scan Q echo ok'), "error: Unable to activate worker\n", 'two lines instead of a sign of life';
};

subtest 'a worker that never comes up' => sub {
	$pool->stop;
	spew($pool->{rules}, "silent\n");
	$pool->start('-x', 1, '--start-timeout', 1);
	my $begun = time;
	is $pool->ask('scan Q echo ok'), "error: Unable to activate worker\n", 'the request does not wait for ever';
	cmp_ok time - $begun, '<', 9, 'but for the start timeout';
	is $pool->states, 'K', 'it is being killed';
	is $pool->ask('free'), "0\n", 'and its slot is not free';
};

subtest 'a worker program that is not there' => sub {
	$pool->stop;
	rename "$dir/bin/fake", "$dir/bin/away" or die $!;
	$pool->start('-x', 1);
	is $pool->ask('scan Q echo ok'), "error: Unable to activate worker\n", 'the request';
	like $pool->ask('reread'), qr/^ERR Reread failed: .*No such file or directory.* \(worker exited normally with status 127\)\n$/, 'a reread';
	rename "$dir/bin/away", "$dir/bin/fake" or die $!;
};

subtest 'killed by force when stuck' => sub {
	$pool->stop;
	spew($pool->{rules}, "good\n");
	$pool->start('-x', 1, '-b', 4);
	is $pool->ask('scan Q mute'), $timed_out, 'busy timeout';
	is $pool->states, 'K', 'killed';
	is $pool->ask('scan Q echo no'), "error: No free workers\n", 'no other worker may run';
	is $pool->states_become('S', 13), 'S', 'SIGKILL ten seconds after SIGTERM';
	is $pool->ask('scan Q echo yes'), "yes\n", 'the slot works again';
};
cmp_ok $pool->stop, '<', 9, 'ends';
is $pool->{status}, 0, 'exit status';
done_testing;
