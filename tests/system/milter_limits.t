#!/usr/bin/perl
# More connections than there may be sessions: those above the limit are told to come back, the others do not notice.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

sub cpu_ticks {
	my ($rig) = @_;
	my @fields = split ' ', slurp("/proc/$rig->{pid}/stat") =~ s/.*\)//sr;
	return $fields[11] + $fields[12];
}

# A session that is open, and served.
sub opened {
	my ($rig) = @_;
	my $mta = $rig->connect;
	is $mta->connect_from('h', 'U'), 'c', 'a session within the limit';
	return $mta;
}

sub served {
	my ($rig) = @_;
	my $mta = $rig->connect;
	return $mta->connect_from('h', 'U') eq 'c' ? $mta : undef;
}

for my $loops (1, 3) {
	my $rig = Defang::Rig->new(args => [ '-s', '--max-sessions' => 4, '--loops' => $loops ]);
	my @open = map { opened($rig) } 1 .. 4;
	my $since = time;
	my $mta = $rig->connect;
	is $mta->{protocol}, 0, "$loops loops: above the limit no step is silent";
	is $mta->{actions}, 0, '  and nothing can be changed';
	is $mta->connect_from('h', 'U'), 't', '  CONNECT: TEMPFAIL';
	ok $mta->at_end, '  closed, even if the MTA does not hang up';
	ok $rig->wait_log(qr/warning: 1 connection refused for now: the limit of sessions is 4 \(--max-sessions\)/), '  logged';
	for my $version (2 .. 6) {
		$mta = $rig->connect(version => $version, actions => 0x3f, protocol => 0x7f);
		is $mta->{version}, $version, "an MTA of version $version";
		is $mta->connect_from('h', 'U'), 't', '  is refused';
		$mta->send('Q');
		ok $mta->at_end, '  and may quit';
	}
	my @logged = $rig->{log} =~ /refused for now/g;
	cmp_ok scalar(@logged), '<=', 1 + int((time - $since) / 60), 'all of them within a minute: one line in the log';

	# Whatever is the first that an MTA waits for
	for my $case ([ 'HELO', 'H', "h\0" ], [ 'MAIL', 'M', "<s\@x>\0" ], [ 'end of message', 'E', '' ], [ 'a command that is none', 'U', "x\0" ]) {
		$mta = $rig->connect;
		$mta->macros(C => 'j', 'mx');
		$mta->send('A');
		is $mta->command(@$case[1, 2]), 't', "$case->[0] first: TEMPFAIL";
	}
	$mta = $rig->connect;
	$mta->write("\0\0\0\1C\0\0\0\5Hhelo\0\0\0\0\1K\0\0\0\0");
	is join('', map { $_->[0] } $mta->answer, $mta->answer, $mta->answer), 'ttEOF', 'several at once: as many answers; nonsense closes';
	$mta = $rig->connect(raw => 1);
	$mta->write("\0\0\0\5O\0\0\0\1");
	ok $mta->at_end, 'an offer that is none: closed';

	is $_->outcome(from => '<open@x>') =~ s/.* //r, 'c', 'the others are served' for @open;
	close((shift @open)->{socket});
	my $new = wait_until(sub { served($rig) });
	ok $new, 'one goes, another comes';
	is $new && $new->outcome(from => '<new@x>') =~ s/.* //r, 'c', '  and is served';
	is $rig->connect->connect_from('h', 'U'), 't', '  but no second one';
	is $rig->stop, 0, 'a clean end';
}

# Connections that want nothing: they are not all held open, others wait, and nobody waits for ever.
my $rig = Defang::Rig->new(args => [qw(--max-sessions 1)]);
my $open = opened($rig);
my @silent = map { $rig->connect(raw => 1) } 1 .. 70;
my $before = cpu_ticks($rig);
is $rig->connect->connect_from('h', 'U'), 't', 'behind 70 silent connections: refused in the end';
cmp_ok cpu_ticks($rig) - $before, '<', 50, '  which costs next to nothing';
ok $silent[0]->at_end, '  the silent ones are closed';
is $rig->stop, 0, 'a clean end';

# The limit that is given, and that of the system
my $nofile = sub { return (slurp("/proc/$rig->{pid}/limits") =~ /^Max open files\s+(\d+)\s+(\d+)/m) };
$rig = Defang::Rig->new(args => [], wrap => [qw(prlimit --nofile=64:400)]);
is_deeply [ $nofile->() ], [ 400, 400 ], 'the soft limit of descriptors is raised to the hard one';
my @open = map { served($rig) } 1 .. 40;
is scalar(grep { $_ } @open), 40, '400 descriptors: room for 40 messages';
is $rig->connect->connect_from('h', 'U'), 't', '  and no more';
is $_->outcome =~ s/.* //r, 'c', '  which can all be in hand' for @open[ 0, 39 ];
my $begun = 0;
for my $mta (@open) {
	$mta->mail('<s@x>');
	$mta->rcpt('<r@x>');
	$mta->command('B', "body\r\n" x 10000);
	$begun++;
}
ok wait_until(sub { $rig->work_dirs == $begun }), '  at the same time';
$_->send('E') for @open;
is join('', map { ($_->answer)[-1][0] } @open), 'c' x $begun, '  none fails';
unlike $rig->{log}, qr/Too many open files/, '  no descriptor is missing';
$rig->stop;

$rig = Defang::Rig->new(args => [qw(--max-sessions 1000)], wrap => [qw(prlimit --nofile=100)]);
ok $rig->wait_log(qr/warning: --max-sessions 1000: with a limit of 100 descriptors there can be 50/), 'a limit that cannot be kept';
is $rig->stop, 0, 'a clean end';
done_testing;
