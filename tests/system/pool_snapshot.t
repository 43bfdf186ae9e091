# The request `snapshot`: everything about the pool, on both sockets, also while all workers are busy.
use strict;
use warnings;
use lib 'tests/lib';
use JSON::PP;
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $pool = Defang::Pool->new;
my ($dir, $open) = ($pool->{dir}, "$pool->{dir}/open.sock");
$pool->start('-x', 2, '-q', 1, '-a', $open);

# Lines by kind, each a hash; slots in order.
sub snapshot
{
	my ($socket) = @_;
	my $text = $pool->ask('snapshot', $socket);
	my %lines;
	die "not a snapshot:\n$text" if $text !~ /\Asnapshot version=1\n(?:(?:pool|latency|slot)(?: \w+=[!-~]*)+\n)+\n\z/;
	for (split /\n/, $text) {
		my ($kind, @words) = split / /;
		push @{ $lines{ $kind // '' } }, { map { /^(\w+)=(.*)$/ } @words };
	}
	return \%lines;
}

sub fields { my ($line, @keys) = @_; return join ' ', map { $_ // 'undef' } @$line{@keys} }

subtest 'at the start' => sub {
	my $s = snapshot();
	is scalar(@{ $s->{slot} }), 4, 'twice as many slots as workers';
	is fields($s->{pool}[0], qw(workers slots peak activations deaths messages queued queue_limit limit_hits generation)),
		'2 4 0 0 0 0 0 1 0 0', 'pool';
	is fields($s->{slot}[3], qw(number state pid start in_flight rss_kb age_s why tag)), '3 stopped -1 -1 0 -1 -1  ', 'a slot';
	is join(' ', map { $_->{class} } @{ $s->{latency} }), 'scan relayok senderok recipok', 'latency';
};

subtest 'as JSON' => sub {
	my $json = eval { JSON::PP->new->utf8->decode($pool->ask('jsonsnapshot', $open)) };
	is ref $json, 'HASH', 'it is JSON';
	is $json->{version}, 1, 'version';
	is fields($json->{pool}, qw(workers slots queue_limit)), '2 4 1', 'pool';
	is scalar(@{ $json->{slots} }), 4, 'slots';
	is $json->{slots}[0]{pid}, undef, '  what does not apply is null';
	is $json->{slots}[0]{state}, 'stopped', '  a text';
	is join(' ', map { $_->{class} } @{ $json->{latency} }), 'scan relayok senderok recipok', 'latency';
};

subtest 'all workers are busy' => sub {
	my @clients = map { $pool->send_line("scan Q%20$_ wait $dir/go ok") } 1, 2;
	is $pool->states_become('BB'), 'BB', 'both busy';
	push @clients, $pool->send_line("scan Q3 wait $dir/go ok");
	wait_until(5, sub { $pool->ask('status') =~ /^BB 0 2 1 1 / });
	is $pool->ask('scan Q4 echo ok'), "error: No free workers\n", 'none is left';
	my $s = snapshot($open);
	is fields($s->{pool}[0], qw(peak activations queued limit_hits)), '2 2 1 2', 'pool: one queued, one refused';
	my $slot = $s->{slot}[0];
	like fields($slot, qw(state in_flight accepted slot_accepted slot_processes retiring class tag)),
		qr/^busy 1 1 1 1 0 scan scan%20Q%20[12]$/, 'a busy slot';
	my @stat = split / /, slurp("/proc/$slot->{pid}/stat") =~ s/^.*\) //r;
	is $slot->{start}, $stat[19], 'start of its process';
	cmp_ok $slot->{rss_kb}, '>', 500, 'its memory';
	spew("$dir/go", '');
	is $pool->reply($_), "ok\n", 'scan' for @clients;
	$s = snapshot();
	is fields($s->{pool}[0], qw(messages queued)), '3 0', 'three scans';
	is fields($s->{latency}[0], 'finished'), 3, 'latency';
	my $sum = 0;
	$sum += $_ for $s->{latency}[0]{ranges} =~ /:(\d+)/g;
	is $sum, 3, 'by range';
};

subtest 'a worker that retires, and one that dies' => sub {
	unlink "$dir/go";
	my $client = $pool->send_line("scan Q5 wait $dir/go ok");
	wait_until(5, sub { $pool->states =~ /B/ });
	like $pool->ask('reread'), qr/^Forced reread/, 'reread';
	my $old;
	wait_until(10, sub { ($old) = grep { $_->{state} eq 'retiring' } @{ snapshot()->{slot} } });
	is fields($old, qw(in_flight retiring generation why)), '1 1 0 New%20generation%20--%20forcing%20reread%20of%20filter%20rules', 'why';
	cmp_ok $old->{number}, '>=', 2, 'in a spare slot';
	spew("$dir/go", '');
	is $pool->reply($client), "ok\n", 'it finishes';
	is $pool->ask('scan Q6 exit 3'), "ERR No response from worker\n", 'one dies';
	ok wait_until(10, sub { $pool->ask('snapshot') =~ / deaths=1 / }), 'it is counted';
	is snapshot()->{pool}[0]{generation}, 1, 'generation';
	my $s = snapshot();
	my @seqs = map { $_->{pid} > 0 ? $_->{seq} : () } @{ $s->{slot} };
	cmp_ok scalar(@seqs), '>', 0, 'there are workers';
	is scalar(grep { $_ < 1 || $_ > $s->{pool}[0]{activations} } @seqs), 0, 'seq counts the starts of workers';
	is scalar(keys %{ { map { $_ => 1 } @seqs } }), scalar(@seqs), 'each has its own';
};

done_testing;
