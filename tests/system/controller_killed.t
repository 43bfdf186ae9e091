#!/usr/bin/perl
# The controller is killed with SIGKILL in every phase of a message: before the MTA says a command, and while the filter is being asked. Each
# time the message fails for now, none is taken unfiltered, and the next one is taken as soon as the controller is back.
use strict;
use warnings;
use Test::More;
use POSIX ();
use Defang::Rig ();
use Defang::Test qw(spew temp_dir wait_until end_program);

my $signs = temp_dir();
chmod 0777, $signs or die "$signs: $!\n";
my $chain = Defang::Test->chain(milter => [qw(-r -H -s -t)], filter => <<"PERL");
# Say that we are at work, and stay so while the test wants it.
sub work {
	my (\$stage) = \@_;
	if (-e '$signs/stay-' . \$stage) {
		open my \$fh, '>', '$signs/at-work' or return;
		close \$fh;
		select undef, undef, undef, 0.01 while -e '$signs/stay-' . \$stage;
	}
	return ('CONTINUE', 'ok');
}
sub filter_relay { return work('connect') }
sub filter_helo { return work('helo') }
sub filter_sender { return work('mail') }
sub filter_recipient { return work('rcpt') }
sub filter_begin { work('eom'); return }
sub filter_end { action_add_header('X-Filtered', 'yes'); return }
1;
PERL

my @stages = (
	[connect => sub { return $_[0]->connect_from('client.example', '4', 4321, '192.0.2.1') }],
	[helo => sub { return $_[0]->helo('helo.example') }],
	[mail => sub { return $_[0]->mail('<s@example.org>') }],
	[rcpt => sub { return $_[0]->rcpt('<r@example.org>') }],
	[header => sub { return $_[0]->header(Subject => 'test') }],
	[eoh => sub { return $_[0]->command('N') }],
	[body => sub { return $_[0]->command('B', "body\r\n") }],
	[eom => sub { $_[0]->send('E'); return join ' ', map { s/\0/|/gr } map { "$_->[0]$_->[1]" } $_[0]->answer }],
);
my %at = map { $stages[$_][0] => $_ } 0 .. $#stages;

# MTAs of today, which do not wait where we have no answer, and of version 2, which always do.
my %offer = (today => [6, 0x1ff, 0x0fffff], 'version 2' => [2, 0x3f, 0x7f]);

sub mta
{
	my ($kind) = @_;
	my $mta = bless { socket => $chain->connect, input => '' }, 'Defang::Rig::Mta';
	$mta->negotiate(@{ $offer{$kind} });
	return $mta;
}

# The stages from one to another; the first answer that is not CONTINUE, with its stage, or the outcome of the last.
sub speak
{
	my ($mta, $from, $to) = @_;
	my $answer = '';
	for my $i ($from .. $to) {
		$answer = $stages[$i][1]->($mta);
		return "$stages[$i][0] $answer" if $answer !~ /^c?$/;
	}
	return $answer;
}

sub is_served
{
	my ($mta, $from) = @_;
	like speak($mta, $from, $#stages), qr/^eom .*hX-Filtered\|yes\|.* c$/, '  the next message is filtered, and taken';
	return;
}

# Bring the controller back, and go on: on the same connection where the MTA would, too.
sub recover
{
	my ($mta, $kind, $stage) = @_;
	$chain->start_pool;
	$mta->send('A');
	is_served($mta, $at{mail}) if $at{$stage} >= $at{mail};
	is_served(mta($kind), 0);
	return;
}

for my $kind (sort keys %offer) {
	for my $i (0 .. $#stages) {
		my $stage = $stages[$i][0];
		my $mta = mta($kind);
		my $before = $i == 0 ? '' : speak($mta, 0, $i - 1);
		like $before, qr/^c?$/, "an MTA of $kind: all is well up to $stage";
		end_program(delete $chain->{pool}, 'KILL');
		is speak($mta, $i, $#stages), $i >= $at{header} ? 'eom t' : "$stage t", '  the controller is killed: the message fails for now';
		recover($mta, $kind, $stage);
	}
	for my $stage (qw(connect helo mail rcpt eom)) {
		my $mta = mta($kind);
		speak($mta, 0, $at{$stage} - 1) if $at{$stage} > 0;
		spew("$signs/stay-$stage", '');
		unlink "$signs/at-work";
		is killed_at_work($mta, $stage), "$stage t", "an MTA of $kind, the controller is killed while the filter works at $stage";
		recover($mta, $kind, $stage);
	}
}

# The MTA waits for the answer to a stage, in a process of its own, while the controller is killed.
sub killed_at_work
{
	my ($mta, $stage) = @_;
	pipe my $in, my $out or die "pipe: $!\n";
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		syswrite $out, speak($mta, $at{$stage}, $at{$stage});
		POSIX::_exit(0);
	}
	close $out;
	wait_until(60, sub { -e "$signs/at-work" }, "the filter at $stage");
	end_program(delete $chain->{pool}, 'KILL');
	unlink "$signs/stay-$stage";
	my $answer = readline $in;
	waitpid $pid, 0;
	return $answer // 'nothing';
}

ok $chain->spool_is_clean, 'no work directory is left';
ok $chain->stop, 'all ends well';
diag $chain->logs if !Test::More->builder->is_passing;
done_testing;
