#!/usr/bin/perl
# Two milters, load on both, ten restarts: no connection is refused, no message is lost, and whatever a status shows meanwhile agrees with
# itself (R35 to R46).
use strict;
use warnings;
use Test::More;
use JSON::PP;
use Defang::Pmx;
use Defang::Test qw(slurp data stage wait_until sanitized);

my $restarts = 10;
my $clients = 8;
my $round = 60;

# Takes its time without taking the processor's.
my $filter = "sub filter_begin { select undef, undef, undef, 0.01; return }\nsub filter { return action_accept() }\n1;\n";
my $more = "request_queue_size = 100\nrequest_queue_timeout = 2m\nmin_pooled_procs = 2\nworker_start_interval = 1\nstop_timeout = 10m\n";
my $pmx = Defang::Pmx->new(
	Policy => { filter => $filter, workers => 3, more => $more },
	Outbound => { filter => $filter, workers => 2, local => 1, more => $more },
);
my @names = qw(Policy Outbound);

my (%load, %reports);

sub load_begin
{
	my ($name) = @_;
	my $log = "$pmx->{dir}/load.$name";
	unlink $log;
	$load{$name} = Defang::Test::start_program($log, stage() . '/bin/milter-send', '-m', $pmx->port($name), '--json', '--count', $round,
		'--concurrency', $clients, data('plain.eml'));
	return;
}

sub load_has_ended
{
	my ($name) = @_;
	return 0 if !Defang::Test::has_ended($load{$name});
	push @{ $reports{$name} }, JSON::PP->new->utf8->decode(slurp($load{$name}{log}));
	return 1;
}

# --- what holds of every status ---

my (%peaks, $samples);

my @faults;

sub sample
{
	for my $view ($pmx->views) {
		$samples++;
		push @faults, Defang::Pmx::faults_of($view, \%peaks);
	}
	return;
}

sub tend { load_begin($_) for grep { load_has_ended($_) } @names; return }

my ($status, $out, $err) = $pmx->run('start');
is $status, 0, 'both are started' or BAIL_OUT("$out$err");
load_begin($_) for @names;

my %pids;
for my $n (1 .. $restarts) {
	my %seen = map { $_ => scalar @{ $reports{$_} // [] } } @names;
	my $restart = $pmx->begin('restart');
	wait_until(300, sub { tend(); sample(); Defang::Test::has_ended($restart) }, "the end of restart $n");
	is $restart->{status}, 0, "restart $n" or diag slurp($restart->{log});
	wait_until(120, sub { tend(); !grep { @{ $reports{$_} // [] } <= $seen{$_} } @names }, 'messages that pass');
	$pids{ $_->{name} }{ $_->{pid} } = 1 for $pmx->views;
}
wait_until(120, sub { load_has_ended($_) }, 'the end of the load') for @names;

for my $name (@names) {
	my %sum = (sent => $round * @{ $reports{$name} }, errors => 0);
	for my $report (@{ $reports{$name} }) {
		$sum{errors} += $report->{errors};
		$sum{first} ||= $report->{first_error};
		$sum{$_} += $report->{verdicts}{$_} for qw(accept tempfail reject discard);
	}
	my ($slowest) = sort { $b <=> $a } map { $_->{milliseconds}{max} } @{ $reports{$name} };
	note "$name: $sum{accept} of $sum{sent} accepted, the slowest took $slowest ms";
	is scalar(keys %{ $pids{$name} }), $restarts, "$name: each restart was one";
	is $sum{errors}, 0, '  no connection is refused, none is lost' or diag $sum{first};
	is $sum{accept}, $sum{sent}, '  every message is taken';
}
note "$samples samples";
is_deeply [@faults[0 .. ($#faults > 2 ? 2 : $#faults)]], [], 'every status agrees with itself';
($status, $out, $err) = $pmx->run('stop');
is $status, 0, 'both are stopped' or diag $err;
is_deeply [$pmx->left($_)], [], "  nothing is left of $_" for @names;
done_testing;
