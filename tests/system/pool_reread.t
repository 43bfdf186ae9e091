# reread as a transaction: the pool changes over without a dip, or not at all.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $done = "Forced reread of filter rules\n";
sub rules { my ($who) = @_; return $pool->ask('x rules') }

# Sample the ready workers until `$until` holds: the least number seen.
sub least_ready
{
	my ($until) = @_;
	my $least = 99;
	wait_until(20, sub {
		my $ready = () = $pool->states =~ /[IB]/g;
		$least = $ready if $ready < $least;
		return $until->();
	});
	return $least;
}

# Pids of the workers that take work.
sub pids { return join ' ', sort map { /^[0-3] [IB] (\d+)/ ? $1 : () } split /\n/, $pool->ask('workers') }

subtest 'without any worker' => sub {
	$pool->start('-m', 0, '-x', 4, '--start-timeout', 10);
	is $pool->ask('reread'), $done, 'a good filter';
	is $pool->states, 'ISSS', 'the candidate stays';
	$pool->stop;
	spew($pool->{rules}, "die syntax error, near \"}\"\n");
	$pool->start('-m', 0, '-x', 4, '--start-timeout', 10);
	my $reply = $pool->ask('reread');
	like $reply, qr/^ERR Reread failed: syntax error, near "}" at \Q$pool->{rules}\E line 7\.; Filter not loaded\. \(worker exited normally with status 2\)\n$/,
		'a broken one: the filter\'s own message, file and line, in one line';
	my ($status, $out, $err) = $pool->ctl('reread');
	isnt $status, 0, 'the control tool fails';
	like $err, qr/syntax error/, 'and says why';
	$pool->stop;
};

subtest 'a full pool' => sub {
	spew($pool->{rules}, "good one\n");
	$pool->start('-m', 4, '-x', 4, '-w', 1, '--start-timeout', 10, '-b', 600);
	is $pool->states_become('IIII', 20), 'IIII', 'four ready workers';
	my $before = pids();
	my $busy = $pool->send_line("scan Q1 wait $dir/go from-the-old");
	is $pool->states_become('BIII'), 'BIII', 'one is busy' or diag $pool->states;
	spew($pool->{rules}, "good two\n");
	my $reread = $pool->send_line('reread');
	my %old = map { $_ => 1 } split / /, $before;
	my $least = least_ready(sub { !grep { $old{$_} } split / /, pids() });
	is $least, 4, 'never fewer than four ready workers';
	is $pool->reply($reread), $done, 'the reply';
	is rules(), "two\n", 'new rules';
	ok !(grep { $old{$_} } split / /, pids()), 'all are new';
	like $pool->ask('workers'), qr/^4 R \d+ scan last=scan ago=\d+ \(scan Q1\)$|^5 R|^6 R|^7 R/m, 'the old busy one retires behind them';
	like $pool->ask('workerinfo 4'), qr/^Worker 4\nState (Retiring|Stopped)/, 'and can be asked about';
	is $pool->ask('free'), "4\n", 'and is not counted';
	spew("$dir/go", '');
	is $pool->reply($busy), "from-the-old\n", 'it finishes its work';
	ok wait_until(10, sub { $pool->ask('workers') !~ /^[4-7] /m }), 'then it goes';
};

subtest 'filters that do not load' => sub {
	my $before = pids();
	my %bad = (
		'die Bareword "foo" not allowed' => qr/^ERR Reread failed: Bareword "foo" not allowed at \Q$pool->{rules}\E line 7/,
		'sleep' => qr/^ERR Reread failed: worker did not answer within 10 seconds of its start\n$/,
		'garbage' => qr/^ERR Reread failed: worker wrote more than one line in answer\n$/,
	);
	for my $rules (sort keys %bad) {
		spew($pool->{rules}, "$rules\n");
		my $reread = $pool->send_line('reread');
		is least_ready(sub { my $r = ''; vec($r, fileno $reread, 1) = 1; select($r, undef, undef, 0) }), 4, "$rules: four stay ready";
		like $pool->reply($reread), $bad{$rules}, "$rules: the reply";
		is pids(), $before, "$rules: the same workers";
		is rules(), "two\n", "$rules: with the old rules";
	}
	spew($pool->{rules}, "good three\n");
	is $pool->ask('reread'), $done, 'a good one loads at once after failures';
	ok wait_until(10, sub { my %p = map { $_ => 1 } split / /, pids(); !grep { $p{$_} } split / /, $before }), 'and takes over';
};

subtest 'several at a time' => sub {
	spew($pool->{rules}, "await $dir/come\n");
	my $starts = sub { scalar(() = $pool->log_text =~ /Trying the filter for a reread/g) };
	my $before = $starts->();
	my @rereads = map { $pool->send_line('reread') } 1 .. 3;
	my $gone = $pool->send_line('reread');
	close $gone;
	$pool->ask('version'); # so they have been read
	spew("$dir/come", '');
	is $pool->reply($_), $done, 'each gets the reply' for @rereads;
	is $starts->(), $before + 1, 'of one candidate';
	kill INT => $pool->{pid};
	ok wait_until(10, sub { (() = $pool->log_text =~ /Forced reread of filter rules: generation/g) >= 4 }), 'SIGINT does the same';
};

subtest 'only tried' => sub {
	ok wait_until(10, sub { $pool->ask('workers') !~ /^[4-7] /m }), 'the pool is at rest';
	my $before = pids();
	is $pool->ask('reread -n'), "Filter loads\n", 'a good filter';
	is_deeply [$pool->ctl('reread', '-n')], [0, "Filter loads\n", ''], 'by the control tool';
	is pids(), $before, 'the workers stay';
	spew($pool->{rules}, "die no such module\n");
	like $pool->ask('reread -n'), qr/^ERR Reread failed: no such module at/, 'a broken one';
	is +($pool->ctl('reread', '-n'))[0] ? 'fails' : 'succeeds', 'fails', 'the control tool, too';
	is pids(), $before, 'the workers stay';
	spew($pool->{rules}, "slow 1\n");
	my @both = map { $pool->send_line($_) } 'reread -n', 'reread';
	is_deeply [map { $pool->reply($_) } @both], ["Filter loads\n", $done], 'a reread joins a trial';
};

cmp_ok $pool->stop, '<', 9, 'ends in the middle of it';
is $pool->{status}, 0, 'exit status';
done_testing;
