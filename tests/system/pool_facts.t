# A second line `facts` behind a request: which worker had it, and how long it waited and ran.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
$pool->start('-x', 1, '-q', 5);

sub facts { return $pool->reply($pool->send_raw("$_[0]\nfacts\n")) }

like facts('scan Q1 echo ok'), qr/\Aok\nfacts worker=0 queued_ms=\d+ run_ms=\d+\n\z/, 'asked for';
is $pool->ask('scan Q1 echo ok'), "ok\n", 'not asked for: the reply alone';
is $pool->reply($pool->send_raw("scan Q1 echo ok\nfact\nfactsx\nfacts \n")), "ok\n", 'other lines are ignored';
like facts('scan Q1 slow 0.2 error: no'), qr/\Aerror: no\nfacts worker=0 queued_ms=\d+ run_ms=(?!1?\d?\d\n)\d+\n\z/, 'an error, and the time that it took';
like facts('relayok echo ok 1'), qr/\Aok 1\nfacts worker=0 /, 'another request';
like facts('scan Q1 exit 3'), qr/\AERR No response from worker\nfacts worker=0 /, 'a worker that dies';
is facts('free'), "1\n", 'a request that no worker has';
is $pool->reply($pool->send_raw("facts\nfacts\n")) =~ s/\n.*//sr, 'error: Unknown command', 'as a request it is nothing known';

my $first = $pool->send_line("scan Q1 wait $dir/go ok");
is $pool->states_become('B'), 'B', 'the worker is busy';
my $queued = $pool->send_line('scan Q2 echo ok');
ok wait_until(10, sub { $pool->ask('status') =~ /^B \d+ \d+ 5 1 / }), 'a second request waits';
$queued->syswrite("facts\n"); # the line may come later
my $ms = 150;
my $end = time + $ms / 1000;
wait_until(10, sub { time > $end });
spew("$dir/go", '');
my ($waited) = $pool->reply($queued) =~ /\Aok\nfacts worker=0 queued_ms=(\d+) run_ms=\d+\n\z/;
cmp_ok $waited // -1, '>=', $ms - 5, 'the time that it waited';
is $pool->reply($first), "ok\n", 'who was first did not ask';
done_testing;
