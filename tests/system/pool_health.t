# Workers that do not start: the pool is degraded, which shows in the log, in `health`, `snapshot` and md-mx-ctrl status.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $pool = Defang::Pool->new;
my ($dir, $open) = ($pool->{dir}, "$pool->{dir}/open.sock");
my $said = "no such module at $pool->{rules} line 7.; Filter not loaded.";
sub degraded { return $pool->ask('snapshot') =~ /^pool .* degraded=(\d)$/m ? $1 : undef }
sub count { my ($pattern) = @_; return scalar(() = $pool->log_text =~ /$pattern/g) }

$pool->start('-x', 2, '-a', $open);
is $pool->ask('health'), "ok\n", 'before any start';
spew($pool->{rules}, "die no such module\n");
$pool->ask('scan Q1 echo x');
is $pool->ask('health'), "ok\n", 'one failure may be chance';
is degraded(), 0, 'nor does the snapshot say more';
$pool->ask('scan Q2 echo x');
ok $pool->logged(qr/error: Degraded: 2 workers in a row did not start: \Q$said\E$/m), 'the second is logged, with its words';
is $pool->ask('health', $open), "degraded: 2 workers in a row did not start: $said\n", 'and told to everybody';
is degraded(), 1, 'snapshot';
is_deeply [ $pool->ctl('status') ],
	[ 0, "Max workers: 2\nWorker 0: stopped\nWorker 1: stopped\nDegraded: 2 workers in a row did not start: $said\n", '' ], 'status';
like +($pool->ctl('rawstatus'))[1], qr/\ASS [\d ]+\n\z/, 'rawstatus is as ever';
ok wait_until(10, sub { $pool->ask('scan Q3 echo x'); $pool->ask('health') =~ /^degraded: 3 / }), 'a third';
is count(qr/error: Degraded: /), 1, 'is not logged again';
spew($pool->{rules}, "good\n");
ok wait_until(10, sub { $pool->ask('scan Q4 echo x') eq "x\n" }), 'until one starts';
is $pool->ask('health'), "ok\n", 'health';
is degraded(), 0, 'snapshot';
is count(qr/info: No longer degraded: a worker has started$/m), 1, 'logged once';
unlike +($pool->ctl('status'))[1], qr/egraded/, 'status';

spew($pool->{rules}, "die no such module\n");
like $pool->ask('reread'), qr/^ERR Reread failed/, "reread $_ of a broken filter" for 1 .. 3;
is $pool->ask('health'), "ok\n", 'the filter that serves is as good as before';
is degraded(), 0, 'snapshot';

done_testing;
