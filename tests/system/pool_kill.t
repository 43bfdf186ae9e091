# Workers are killed at random under load: each client gets exactly one reply, and the controller is none the worse for it.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until slurp sanitized);

my $requests = $ENV{DEFANG_KILL_REQUESTS} // 10_000;
my $pool = Defang::Pool->new;
$pool->start('-m', 4, '-x', 6, '-w', 1, '-q', 100, '-Q', 60);
sub descriptors { return scalar(() = glob "/proc/$pool->{pid}/fd/*") }
ok wait_until(10, sub { $pool->states =~ /^(I+)S*$/ && length $1 == 4 }), 'ready';
sub resident { return slurp("/proc/$pool->{pid}/status") =~ /VmRSS:\s+(\d+)/ ? $1 : die 'no VmRSS' }
my $before = descriptors();
my $resident = resident();

my (%open, %count);
my ($sent, $answered) = (0, 0);
my ($next_kill, $next_at) = (time, 0); # however slow the machine is, many requests pass between two of them
my $end = time + 600;
while (($sent < $requests || %open) && time < $end) {
	while ($sent < $requests && keys %open < 12) {
		my $handle = $pool->send_line("scan Q$sent slow 0.005 $sent");
		$open{ fileno $handle } = { handle => $handle, n => $sent++, reply => '' };
	}
	my $ready = '';
	vec($ready, $_, 1) = 1 for keys %open;
	select($ready, undef, undef, 0.02);
	for my $fd (grep { vec($ready, $_, 1) } keys %open) {
		my $client = $open{$fd};
		next if sysread $client->{handle}, $client->{reply}, 4096, length $client->{reply};
		my $kind = $client->{reply} eq "$client->{n}\n" ? 'own answer'
			: $client->{reply} =~ /\A(?:error: |ERR )[^\n]*\n\z/ ? 'error'
			: 'wrong';
		diag "$client->{n}: $client->{reply}" if $kind eq 'wrong';
		$count{$kind}++;
		$answered++;
		delete $open{$fd};
	}
	if (time >= $next_kill && $answered >= $next_at) {
		my @pids = $pool->ask('workers') =~ /^\d+ [IB] (\d+)/mg;
		kill KILL => $pids[rand @pids] if @pids;
		($next_kill, $next_at) = (time + 0.05, $answered + 40);
	}
}
is $count{wrong}, undef, 'no reply is wrong, missing or double';
is $count{'own answer'} + ($count{error} // 0), $requests, 'each client got one';
cmp_ok $count{'own answer'}, '>', $requests / 2, 'most of them their own' or diag explain \%count;
note explain \%count;
ok wait_until(10, sub { $pool->states =~ /^[IS]+$/ && descriptors() <= $before + 4 * 4 }), 'descriptors are where they were';
my $more = resident() - $resident;
SKIP: {
	skip 'sanitizers keep freed memory', 1 if sanitized();
	cmp_ok $more, '<', 1024, 'memory is where it was, within a megabyte';
}
note "$more kB more";
cmp_ok $pool->stop, '<', 9, 'ends';
is $pool->{status}, 0, 'exit status';
done_testing;
