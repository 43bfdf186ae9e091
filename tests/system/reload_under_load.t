# The filter is loaded anew, again and again, under full load: no message notices, and no worker is missing for a moment. The same when
# the new filter is broken: the old one serves on, and whoever asked is told what is wrong.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw(time);
use Defang::Test qw(data wait_until slurp spew sanitized);

my $workers = 8;
my $clients = 16;
my $rereads = 20;
my $round = 400;                     # messages that one milter-send sends; the next begins when it ends
my $start_s = sanitized() ? 30 : 15; # the time that a worker has for its first answer
my $done = "Forced reread of filter rules\n";

# A filter of a generation, which says in each message which one it is, and takes its time without taking the processor's.
sub filter_text
{
	my ($generation) = @_;
	return <<"PERL";
sub filter_begin { select undef, undef, undef, 0.02; return }
sub filter { return action_accept() }
sub filter_end { action_add_header('X-Generation', '$generation'); return }
1;
PERL
}

# Both queue: 16 clients have 8 workers.
my $chain = Defang::Test->chain(
	filter => filter_text(0),
	workers => $workers,
	pool => ['-q', 2 * $clients, '-Q', 60, '-w', 1, '--start-timeout', $start_s],
	milter => ['-q'],
);

# --- what goes on all the time: milter-send, and a look at the pool every 10 ms ---

my ($load, @reports); # the milter-send that runs; what those that ended have printed
my ($least, $samples) = ($workers, 0);

sub load_begin
{
	my $log = "$chain->{dir}/load." . @reports;
	unlink $log;
	$load = Defang::Test::start_program($log, Defang::Test::program('milter-send'), '-m', $chain->{listen}, '--json',
		'--count', $round, '--concurrency', $clients, data('plain.eml'));
	return;
}

# Whether the milter-send has ended; its report is kept then.
sub load_has_ended
{
	return 0 if !Defang::Test::has_ended($load);
	push @reports, JSON::PP->new->utf8->decode(slurp($load->{log}));
	return 1;
}

# Busy workers are ready ones, too.
sub ready_workers
{
	my $socket = IO::Socket::UNIX->new(Peer => $chain->{control}) or return 0;
	syswrite $socket, "status\n";
	my ($letters) = (readline($socket) // '') =~ /^(\w+)/;
	return ($letters // '') =~ tr/IB//;
}

# Wait for an event while the load goes on. wait_until() comes by every 10 ms.
sub under_load
{
	my ($name, $event) = @_;
	return wait_until(30, sub {
		load_begin() if load_has_ended();
		my $ready = ready_workers();
		$least = $ready if $ready < $least;
		$samples++;
		return $event->();
	}, $name);
}

# md-mx-ctrl reread under load: whether it says so in its exit status, and all that it printed.
sub reread
{
	my $log = "$chain->{dir}/reread";
	unlink $log;
	my $tool = Defang::Test::start_program($log, Defang::Test::program('md-mx-ctrl'), '-s', $chain->{control}, 'reread');
	under_load('the end of md-mx-ctrl', sub { Defang::Test::has_ended($tool) });
	return ($tool->{status} == 0 ? 'succeeds' : 'fails', slurp($log));
}

# Process ids of those that take work.
sub workers { return join ' ', sort(($chain->control_tool('workers'))[1] =~ /^[0-7] [IB] (\d+)/mg) }

# Whether none of these takes work any more.
sub are_gone
{
	my ($old) = @_;
	my %now = map { $_ => 1 } split / /, workers();
	return !grep { $now{$_} } split / /, $old;
}

# The generation of the filter that a message meets.
sub generation { return ($chain->send(data('plain.eml'))->{delivered} // '') =~ /^X-Generation: (.*)$/m ? $1 : 'none' }

# What the load has met since the last time.
sub load_is_served
{
	my ($name) = @_;
	wait_until(60, \&load_has_ended, 'the end of milter-send');
	my ($errors, $tempfails, $accepted) = (0, 0, 0);
	for my $report (@reports) {
		$errors += $report->{errors};
		$tempfails += $report->{verdicts}{tempfail};
		$accepted += $report->{verdicts}{accept};
	}
	is $errors, 0, "$name: no error";
	is $tempfails, 0, "$name: no temporary failure";
	is $accepted, $round * @reports, "$name: every message is taken";
	is $least, $workers, "$name: never fewer than $workers ready workers";
	my ($max) = sort { $b <=> $a } map { $_->{milliseconds}{max} } @reports;
	note "$accepted messages, the slowest took $max ms; $samples looks at the pool";
	@reports = ();
	$samples = 0;
	return;
}

# --- the tests ---

wait_until(60, sub { ready_workers() == $workers }, 'ready workers');

subtest 'twenty rereads in a row' => sub {
	my $begun = time;
	my @failed;
	load_begin();
	for my $generation (1 .. $rereads) {
		my $before = workers();
		spew($chain->{filter}, filter_text($generation));
		my ($how, $said) = reread();
		push @failed, "$generation $how: $said" if $how ne 'succeeds' || $said ne $done;
		# Most hit a pool that is half replaced, some a whole one.
		under_load('the change of all workers', sub { are_gone($before) }) if $generation % 5 == 0;
	}
	is_deeply \@failed, [], 'each succeeds';
	note sprintf '%d rereads took %.1f s', $rereads, time - $begun;
	load_is_served('under load');
	is generation(), $rereads, 'the last filter is in use';
};

subtest 'filters that do not load' => sub {
	my $file = quotemeta $chain->{filter};
	my @bad = (
		['a syntax error', "sub filter {\n\treturn );\n}\n1;\n", qr/syntax error at $file line 2\b/],
		['dies in filter_initialize', "1;\nsub filter_initialize {\n\tdie 'no scanner';\n}\n", qr/no scanner at $file line 3\b/],
		['hangs', "sleep 1 while 1;\n", qr/worker did not answer within $start_s seconds of its start/],
	);
	load_begin();
	for my $case (@bad) {
		my ($name, $text, $message) = @$case;
		spew($chain->{filter}, $text);
		my ($how, $said) = reread();
		is $how, 'fails', "$name: md-mx-ctrl";
		like $said, qr/^ERR Reread failed: .*$message/, "$name: says why";
	}
	load_is_served('meanwhile');
	is generation(), $rereads, 'the old filter serves on';
};

ok $chain->spool_is_clean, 'no work directory is left';
ok $chain->stop, 'all ends well';
diag $chain->logs if !Test::More->builder->is_passing;
done_testing;
