#!/usr/bin/perl
# Many sessions: idle ones cost little memory and no time of the others; delays that a filter asks for run side by side, without threads.
use strict;
use warnings;
use Test::More;
use IO::Poll qw(POLLIN);
use List::Util qw(min);
use POSIX ();
use Time::HiRes qw(time);
use Defang::Test ();
use Defang::Rig;

my $idle = 5000;
my $delayed = 1000;
my $delay = 3;

# Both ends of the sessions need descriptors; the front end inherits our limit.
if (!$ENV{DEFANG_SESSIONS}) {
	$ENV{DEFANG_SESSIONS} = 1;
	exec '/bin/sh', '-c', 'ulimit -n 12000; exec "$0" "$@"', $^X, '-Itests/lib', $0;
}
chomp(my $limit = qx{/bin/sh -c 'ulimit -n'});
plan skip_all => "only $limit descriptors" if $limit ne 'unlimited' && $limit < $idle + 500;

sub status_of { my ($rig, $name) = @_; return slurp("/proc/$rig->{pid}/status") =~ /^$name:\s*(\d+)/m ? $1 : die "no $name" }

# How long a message takes, on a session of its own, in milliseconds.
sub time_of_message
{
	my ($rig) = @_;
	my $begun = time;
	my $mta = $rig->connect;
	($mta->message)[-1][0] eq 'c' or die 'a message was not accepted';
	return 1000 * (time - $begun);
}

# A second front end has no other sessions: messages to both in turn, so that whatever else the machine does slows down both.
subtest "$idle idle sessions" => sub {
	my ($rig, $other) = map { Defang::Rig->new(args => [ '-q', '--max-sessions', $idle + 100 ]) } 1 .. 2;
	time_of_message($rig) for 1 .. 10; # warm
	my $before = status_of($rig, 'VmRSS');
	my @idle;
	for (1 .. $idle) {
		my $mta = $rig->connect;
		$mta->connect_from('client.example', '4', 4321, '192.0.2.1');
		$mta->helo('client.example');
		push @idle, $mta;
	}
	my $each = (status_of($rig, 'VmRSS') - $before) / $idle;
	my (@among, @alone);
	for (1 .. 201) {
		push @among, time_of_message($rig);
		push @alone, time_of_message($other);
	}
	my ($among, $alone) = (min(@among), min(@alone));
	diag sprintf '%.1f kB a session; a message takes %.2f ms alone, %.2f ms among %d', $each, $alone, $among, $idle;
	cmp_ok $each, '<', 16, 'a session costs less than 16 kB' if !Defang::Test::sanitized();
	cmp_ok $among, '<', 2 * $alone + 1, 'a message is answered as fast as with none';
	is join(' ', map { ($_->message)[-1][0] } @idle[0, 1000, 4999]), 'c c c', 'each of them may still send a message';
	is $rig->stop('INT'), 0, 'the end: exit status 0';
	is scalar(grep { !defined sysread $_->{socket}, my $rest, 1 } @idle), 0, '  of all sessions';
};

subtest "$delayed sessions in a delay of $delay s" => sub {
	my $rig = Defang::Rig->new(args => [ '-q', '-H' ], answer => sub {
		my ($line) = @_;
		return $line =~ /^helook/ ? "ok 1 hello 250 2.0.0 $delay\n" : 'default';
	});
	my $threads = status_of($rig, 'Threads');
	my @mta;
	for (1 .. $delayed) {
		my $mta = $rig->connect;
		$mta->connect_from('client.example', '4', 4321, '192.0.2.1');
		push @mta, $mta;
	}
	my $begun = time;
	$_->send('H', "client.example\0") for @mta;
	wait_until(sub { (grep { /^helook/ } $rig->requests) == $delayed });
	is status_of($rig, 'Threads'), $threads, 'as many threads as with none';
	my $poll = IO::Poll->new;
	my %waits = map { $poll->mask($_->{socket} => POLLIN); fileno($_->{socket}) => $_ } @mta;
	my ($answered, $first) = (0, undef);
	while (%waits && time < $begun + 120) {
		$poll->poll(1);
		for my $socket ($poll->handles(POLLIN)) {
			$poll->remove($socket);
			my $mta = delete $waits{ fileno $socket } or next;
			$first //= time;
			$answered++ if ($mta->answer)[-1][0] eq 'c';
		}
	}
	my $took = time - $begun;
	is $answered, $delayed, 'all are answered';
	cmp_ok $first - $begun, '>=', $delay, '  not too early';
	cmp_ok $took, '<', 60, '  and soon after the delay: one after the other they would take an hour';
	diag sprintf 'answered %.2f to %.2f s after the first HELO', $first - $begun, $took;
	is $rig->stop, 0, 'the end: exit status 0';
};
done_testing;
