#!/usr/bin/perl
# Race 19: a thousand statuses under full load. Each agrees with itself, and none costs a worker.
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(stage data sanitized slurp);

my $wanted = sanitized() ? 200 : 1000;
my $pmx = Defang::Pmx->new(Policy => { workers => 3,
	more => "min_pooled_procs = 3\nworker_start_interval = 1\nrequest_queue_size = 100\npooled_proc_connect_limit = 40\n" });
my ($status, $out, $err) = $pmx->run('start');
is $status, 0, 'it is started' or BAIL_OUT("$out$err");

my $load;

sub load_on
{
	return if $load && !Defang::Test::has_ended($load);
	fail('the load: ' . slurp($load->{log})) if $load && $load->{status} != 0;
	$load = Defang::Test::start_program("$pmx->{dir}/load", stage() . '/bin/milter-send', '-m', $pmx->port('Policy'), '--json', '--count',
		200, '--concurrency', 6, data('plain.eml'));
	return;
}

sub accepted { my ($view) = @_; my $sum = 0; $sum += $_->{acc}{slot} for @{ $view->{slots} }; return $sum }

my (@faults, %peaks, %seen, $unanswered);
for (1 .. $wanted) {
	load_on();
	my ($view) = $pmx->views('--timeout', 60);
	$unanswered++ if !$view->{pool};
	push @faults, Defang::Pmx::faults_of($view, \%peaks);
	$seen{busy}++ if $view->{pool} && $view->{pool}{req} > 0;
	$seen{retiring}++ if $view->{pool} && $view->{pool}{retiring} > 0;
}
is_deeply [@faults[0 .. ($#faults > 2 ? 2 : $#faults)]], [], "race 19: $wanted samples under full load agree with themselves";
is $unanswered // 0, 0, 'each has an answer';
note join ', ', map { "$seen{$_} samples with $_ workers" } sort keys %seen;
cmp_ok $seen{busy} // 0, '>', 0, 'there was work to be seen';
Defang::Test::wait_until(120, sub { Defang::Test::has_ended($load) }, 'the end of the load');
my $view;
Defang::Test::wait_until(60, sub {
	$view = $pmx->view('Policy');
	return @{ $view->{slots} } && !@{ $view->{successors} } && !grep { defined $_->{pid} && $_->{state} ne 'idle' } @{ $view->{slots} };
}, 'a pool at rest');
my $before = $view->{pool}{activations};
my $accepted = accepted($view);
$pmx->run('status') for 1 .. 20;
$view = $pmx->view('Policy');
is $view->{pool}{activations}, $before, 'race 19: a status starts no worker';
is accepted($view), $accepted, '  and asks none';
is +($pmx->run('stop'))[0], 0, 'it stops';
done_testing;
