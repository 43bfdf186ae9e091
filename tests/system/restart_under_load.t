#!/usr/bin/perl
# Front end and controller are restarted again and again under load. With sockets that the service manager keeps, nobody finds one closed,
# and each message gets its verdict; without, a mail server gets no connection or a temporary failure, and nothing worse.
use strict;
use warnings;
use Test::More;
use JSON::PP;
use Defang::Manager;
use Defang::Test qw(data wait_until slurp spew temp_dir);

my $restarts = 5;
my $clients = 16;
my $round = 200; # messages that one milter-send sends; the next begins when it ends

# Takes its time without taking the processor's.
my $filter = "sub filter_begin { select undef, undef, undef, 0.01; return }\nsub filter { return action_accept() }\n1;\n";

sub chain
{
	my (%how) = @_;
	return Defang::Test->chain(
		filter => $filter,
		workers => 4,
		pool => ['-q', 4 * $clients, '-Q', 60, '-w', 1],
		milter => ['-q', '--grace', 60],
		%how,
	);
}

# --- one milter-send after the other, $clients connections at a time ---

my ($load, @reports); # the one that runs; what those that ended have printed

sub load_begin
{
	my ($chain) = @_;
	my $log = "$chain->{dir}/load";
	unlink $log;
	$load = Defang::Test::start_program($log, Defang::Test::program('milter-send'), '-m', $chain->{listen}, '--json',
		'--count', $round, '--concurrency', $clients, data('plain.eml'));
	return;
}

sub load_has_ended
{
	return 0 if !Defang::Test::has_ended($load);
	push @reports, JSON::PP->new->utf8->decode(slurp($load->{log}));
	return 1;
}

# Let a whole round pass, and another one begin.
sub load_on
{
	my ($chain) = @_;
	my $seen = @reports;
	wait_until(60, sub { load_begin($chain) if load_has_ended(); @reports > $seen }, 'a round of messages');
	return;
}

# What became of all messages: a hash of counts.
sub load_end
{
	wait_until(60, \&load_has_ended, 'the end of milter-send');
	my %sum = (sent => $round * @reports, errors => 0, first_error => '');
	for my $report (@reports) {
		$sum{errors} += $report->{errors};
		$sum{first_error} ||= $report->{first_error} // '';
		$sum{$_} += $report->{verdicts}{$_} for qw(accept tempfail reject discard);
	}
	my ($max) = sort { $b <=> $a } map { $_->{milliseconds}{max} } @reports;
	note "$sum{accept} accepted, $sum{tempfail} refused for now of $sum{sent}; the slowest took $max ms";
	@reports = ();
	return %sum;
}

subtest 'the manager keeps the sockets' => sub {
	my $chain = chain(manager => Defang::Manager->new(temp_dir('defang-manager')));
	load_begin($chain);
	for (1 .. $restarts) {
		load_on($chain);
		is $chain->stop_milter, 0, "front end, restart $_: ends well";
		$chain->start_milter;
	}
	my %sum = load_end();
	is $sum{errors}, 0, 'no connection is refused, none is lost' or diag $sum{first_error};
	is $sum{accept}, $sum{sent}, '  every message is taken';

	load_begin($chain);
	for (1 .. $restarts) {
		load_on($chain);
		is $chain->stop_pool, 0, "controller, restart $_: ends well";
		$chain->start_pool;
	}
	%sum = load_end();
	is $sum{errors}, 0, 'every message gets a verdict' or diag $sum{first_error};
	is $sum{accept} + $sum{tempfail}, $sum{sent}, '  is taken, or refused for now';
	cmp_ok $sum{tempfail}, '<=', $restarts * $clients, '  the latter only what the controller had in hand';
	unlike $chain->log_of('milter'), qr/MXCommand: connect/, '  and the front end has found it there always';
	ok $chain->spool_is_clean, 'no work directory is left';
	ok $chain->stop, 'all ends well';
	diag $chain->logs if !Test::More->builder->is_passing;
};

# --- each milter-send one message, so that each has an exit status of its own ---

sub singles_begin
{
	my ($chain) = @_;
	my $tool = Defang::Test::program('milter-send');
	my $script = 'while [ ! -e "$1/enough" ]; do "$2" -m "$3" --quiet "$4" 2>>"$1/single.err"; echo $? >>"$1/single.$5"; done';
	return map {
		Defang::Test::start_program("$chain->{dir}/singles", '/bin/sh', '-c', $script, 'sh', $chain->{dir}, $tool, $chain->{listen},
			data('plain.eml'), $_)
	} 1 .. $clients;
}

sub statuses
{
	my ($chain) = @_;
	my %count;
	$count{$_}++ for map { Defang::Test::lines($_) } glob "$chain->{dir}/single.[0-9]*";
	return %count;
}

subtest 'they open their sockets themselves' => sub {
	my $chain = chain();
	my @singles = singles_begin($chain);
	for my $which ('milter', 'pool') {
		for (1 .. $restarts) {
			my ($stop, $start) = ("stop_$which", "start_$which");
			my %before = statuses($chain);
			wait_until(60, sub { my %now = statuses($chain); ($now{0} // 0) > ($before{0} // 0) + 2 * $clients }, 'messages that pass');
			is $chain->$stop, 0, "$which, restart $_: ends well";
			$chain->$start;
		}
	}
	spew("$chain->{dir}/enough", '');
	wait_until(60, sub { !grep { !Defang::Test::has_ended($_) } @singles }, 'the end of the load');
	my %count = statuses($chain);
	my %clean = (0 => 'accepted', 2 => 'refused for now', 69 => 'no connection');
	note join ', ', map { "$count{$_} $clean{$_}" } grep { $count{$_} } sort keys %clean;
	is join(' ', grep { !$clean{$_} } sort keys %count), '', 'no broken connection, no other verdict' or diag slurp("$chain->{dir}/single.err");
	ok $chain->spool_is_clean, 'no work directory is left';
	ok $chain->stop, 'all ends well';
	diag $chain->logs if !Test::More->builder->is_passing;
};
done_testing;
