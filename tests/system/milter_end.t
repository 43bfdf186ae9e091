#!/usr/bin/perl
# The end of the front end: a gentle one finishes what is in hand, an abrupt one tells MTAs to come back. On one loop and on several.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Rig;
use Defang::Test ();

# A scan waits until the test lets it go; a sender with `slow` in it makes it wait.
my $rig;

sub answer
{
	my ($line, $self) = @_;
	return 'default' unless $line =~ /^scan \S+ (\S+)/;
	return 'default' unless (slurp("$1/COMMANDS") // '') =~ /^S<slow/m;
	return if !-e "$self->{dir}/go";
	return 'default';
}

sub start
{
	my (@args) = @_;
	$rig = Defang::Rig->new(answer => \&answer, args => [@args]);
	return;
}

sub signal { return kill $_[0], $rig->{pid} }
sub ended { return waitpid($rig->{pid}, POSIX::WNOHANG()) > 0 ? 1 : 0 }

# Wait for the end; the exit status and the seconds that it took.
sub end_of
{
	my ($begun) = @_;
	my $ok = wait_until(sub { $rig->read_log(0); ended() });
	my $status = $ok ? $? : 'none';
	my $took = time - $begun;
	delete $rig->{pid} if $ok;
	while ($rig->read_log(0)) { }
	return ($status, $took);
}

# A session with a message begun, up to its body.
sub begun
{
	my ($sender) = @_;
	my $mta = $rig->connect;
	$mta->connect_from('h', '4', 1, '192.0.2.1');
	$mta->mail($sender // '<s@x>');
	$mta->rcpt('<r@x>');
	$mta->header(A => 'b');
	$mta->command('N');
	return $mta;
}

# A session that has answered something, which a message may follow.
sub idle
{
	my $mta = $rig->connect;
	$mta->message;
	return $mta;
}

sub left_behind { return join ' ', Defang::Rig::entries($rig->{spool}) }

for my $loops (1, 4) {
	note "with $loops loops";
	start('--loops', $loops, '--grace', 60);
	my @threads = glob "/proc/$rig->{pid}/task/*";
	is scalar @threads, $loops, 'a thread for each loop';

	# Gently
	my @in_hand = map { begun("<$_\@x>") } 1 .. 2 * $loops;
	my $heard = time;
	my @idle = map { idle() } 1 .. 2 * $loops;
	ok wait_until(sub { $rig->work_dirs == 2 * $loops }), 'messages in hand on all loops';
	my $begun = time;
	signal('TERM');
	ok $rig->wait_log(qr/info: Terminated: finishing the messages in hand/), 'SIGTERM: it begins to end';
	ok !-e "$rig->{spool}/milter.sock", '  nobody can come in';
	my ($more) = (eval { $idle[0]->outcome(from => '<more@x>') } // '') =~ /(\S+)$/;
	if (time - $heard < 1) { is $more, 'c', '  a message that begins just now is served' }
	else { pass '  a connection that was quiet for a second may be closed: this machine is too busy for the other case' }
	is scalar(grep { $_->at_end } @idle), 2 * $loops, '  connections between messages are closed';
	ok !ended(), '  it goes on for the messages in hand';
	for my $mta (@in_hand) {
		$mta->command('B', "body\r\n");
		$mta->send('E');
		is +($mta->answer)[-1][0], 'c', '  a message in hand is finished';
	}
	my ($status, $took) = end_of($begun);
	is $status, 0, '  exit status 0';
	cmp_ok $took, '<', 59, '  once they are finished';
	is left_behind(), '', '  nothing is left behind';
	like $rig->{log}, qr/info: all messages are finished/, '  logged';
	is scalar(grep { $_->at_end } @in_hand), 2 * $loops, '  the connections are closed';

	# Quiet ones at once: a pause would be one of a second. A busy machine gets several tries.
	for my $try (1 .. 10) {
		start('--loops', $loops, '--grace', 60);
		my @quiet = map { $rig->connect } 1 .. 2 * $loops;
		my $since = time;
		wait_until(sub { time - $since > 1.2 });
		$begun = time;
		signal('HUP');
		($status, $took) = end_of($begun);
		is $status, 0, 'SIGHUP with nothing in hand: exit status 0';
		is scalar(grep { $_->at_end } @quiet), 2 * $loops, '  the connections are closed';
		last if $took < 0.9;
	}
	cmp_ok $took, '<', 0.9, '  without a pause' if !Defang::Test::sanitized();

	# The second signal
	start('--loops', $loops, '--grace', 60);
	my @waiting = map { begun("<slow$_\@x>") } 1 .. 2 * $loops;
	$_->send('E') for @waiting;
	ok wait_until(sub { (grep { /^scan/ } $rig->requests) == 2 * $loops }), 'the filter is at work';
	signal('TERM');
	$rig->wait_log(qr/finishing/);
	signal('TERM');
	($status) = end_of(time);
	is $status, 0, 'a second SIGTERM: exit status 0';
	is join('', map { ($_->answer)[-1][0] } @waiting), 't' x (2 * $loops), '  who waits is told to come back';
	is left_behind(), '', '  nothing is left behind';
	ok wait_until(sub { (grep { /^hangup scan/ } $rig->requests) == 2 * $loops }), '  the questions are withdrawn';

	# At once
	start('--loops', $loops, '--grace', 60);
	@in_hand = map { begun("<$_\@x>") } 1 .. 2 * $loops;
	wait_until(sub { $rig->work_dirs == 2 * $loops });
	signal('INT');
	($status) = end_of(time);
	is $status, 0, 'SIGINT: exit status 0';
	is left_behind(), '', '  nothing is left behind';
	is scalar(grep { $_->at_end } @in_hand), 2 * $loops, '  messages in hand are forgotten';

	# The time is over
	start('--loops', $loops, '--grace', 1);
	@waiting = map { begun("<slow$_\@x>") } 1 .. 2 * $loops;
	$_->send('E') for @waiting;
	wait_until(sub { (grep { /^scan/ } $rig->requests) == 2 * $loops });
	$begun = time;
	signal('TERM');
	($status, $took) = end_of($begun);
	is $status, 0, '--grace 1: exit status 0';
	cmp_ok $took, '>=', 1, '  after that time';
	is join('', map { ($_->answer)[-1][0] } @waiting), 't' x (2 * $loops), '  who waits is told to come back';
	like $rig->{log}, qr/warning: messages are not finished within 1 s/, '  logged';
	is left_behind(), '', '  nothing is left behind';
}

# What waits in the backlog is not hung up on.
start('--loops', 1, '--grace', 60);
kill 'STOP', $rig->{pid};
my @late = map { $rig->connect(raw => 1) } 1 .. 20;
$_->send('O', pack 'NNN', 6, 0x1ff, 0x1fffff) for @late;
signal('TERM');
kill 'CONT', $rig->{pid};
is scalar(grep { my ($letter) = $_->recv; ($letter // '') eq 'O' } @late), 20, 'connections of the backlog are served';
close $_->{socket} for @late;
is +(end_of(time))[0], 0, '  exit status 0 when they are gone';

# An MTA that was told of a failure at the end of the message has none in hand any more.
start('--grace', 60);
my $mta = begun();
my ($dir) = wait_until(sub { $rig->work_dirs }) ? $rig->work_dirs : ();
$mta->send('N') for 1 .. 2; # out of order
$mta->send('E');
is +($mta->answer)[-1][0], 't', 'a message that fails silently: told at its end';
signal('TERM');
ok $mta->at_end, '  after which the session may be closed';
is +(end_of(time))[0], 0, '  exit status 0';

# Work directories are different over all loops, also without a queue id.
start('--loops', 8, '-d');
my @mta = map { $rig->connect } 1 .. 16;
$_->outcome for (@mta) x 4;
is scalar(grep { /^mdefang-\w{7}$/ } Defang::Rig::entries($rig->{spool})), 64, '64 messages over 8 loops: as many directories';
unlike $rig->{log}, qr/Could not create directory/, '  no name was taken twice';
is $rig->stop('TERM'), 0, '  exit status 0';
done_testing;
