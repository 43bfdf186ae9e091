#!/usr/bin/perl
# Nobody waits for ever: neither the MTA for us, whatever the controller does, nor we for the MTA, whatever it does not do.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Rig;

# The controller never answers a request that begins with what is in the file `hang`; it delays for as long as the file `delay` says.
# A scan waits for the file `go`, if there is a file `wait`.
sub answer {
	my ($line, $rig) = @_;
	my $hang = slurp("$rig->{dir}/hang") // 'nothing';
	return if $line =~ /^$hang/;
	my $delay = slurp("$rig->{dir}/delay");
	return "ok 1 fine 250 2.1.0 $delay\n" if defined $delay && $line =~ /^\w+ok /;
	if ($line =~ /^scan \S+ (\S+)/ && -e "$rig->{dir}/wait") {
		wait_until(sub { -e "$rig->{dir}/go" });
		return '' unless -d $1; # nobody waits for it any more
	}
	return 'default';
}

sub rig {
	my (@args) = @_;
	return Defang::Rig->new(answer => \&answer, args => [@args]);
}

sub hang {
	my ($rig, $verb) = @_;
	spew("$rig->{dir}/hang", $verb);
	$rig->clear_requests;
	$rig->clear_log;
	return;
}

# The letters of all that comes up to the verdict.
sub letters {
	my ($mta) = @_;
	return join '', map { $_->[0] } $mta->answer;
}

sub withdrawn {
	my ($rig, $verb, $name) = @_;
	ok wait_until(sub { grep { /^hangup $verb/ } $rig->requests }), "$name: the question is withdrawn";
	return;
}

sub no_dirs {
	my ($rig, $name) = @_;
	ok wait_until(sub { !$rig->work_dirs }), "$name: no directory is left";
	return;
}

# A message up to its end, which is sent.
sub ended {
	my ($rig, %opt) = @_;
	my $mta = $rig->connect(%opt);
	$mta->connect_from('h', 'U');
	$mta->mail('<s@x>');
	$mta->rcpt('<r@x>');
	$mta->send('E');
	return $mta;
}

# Each command is answered before the MTA gives up, and PROGRESS packets, which Sendmail does not stand there, are not sent.
my $rig = rig(qw(-r -H -s -t --command-timeout 3 --progress 1));
for my $case ([ 'CONNECT, free', 'free' ], [ 'CONNECT', 'relayok' ], [ 'HELO', 'helook' ], [ 'MAIL', 'senderok' ], [ 'RCPT', 'recipok' ]) {
	my ($name, $verb) = @$case;
	my $mta = $rig->connect;
	hang($rig, $verb);
	my $last;
	for my $step ([ C => "h\0" . 'U' ], [ H => "helo\0" ], [ M => "<s\@x>\0" ], [ R => "<r\@x>\0" ]) {
		$mta->send(@$step);
		$last = letters($mta);
		last if $last ne 'c';
	}
	is $last, 't', "$name unanswered by the controller: TEMPFAIL";
	ok $rig->wait_log(qr/error: NOQUEUE: MXCommand: no answer from the multiplexor in time/), '  logged';
	withdrawn($rig, $verb, "  $name");
	close $mta->{socket};
	no_dirs($rig, "  $name");
}

# The delay that a filter asks for ends with the command's deadline.
unlink "$rig->{dir}/hang";
spew("$rig->{dir}/delay", 600);
my $mta = $rig->connect;
$mta->connect_from('h', 'U');
$rig->clear_log;
my $begun = time;
is $mta->helo('h'), 'c', 'a delay of 600 s: answered in time';
cmp_ok time - $begun, '>', 2.9, '  but not before';
ok $rig->wait_log(qr/warning: NOQUEUE: delay of 600 s cut short/), '  logged';

# Who goes away while a check or a delay runs is not waited for.
$mta->send('M', "<s\@x>\0");
ok wait_until(sub { $rig->work_dirs }), 'a delay at MAIL';
close $mta->{socket};
no_dirs($rig, 'hang-up during a delay');
$rig->stop;

$rig = rig(qw(-s -t));
for my $how (qw(hang-up ABORT)) {
	for my $case ([ 'MAIL', 'senderok', 'M' ], [ 'RCPT', 'recipok', 'M', 'R' ]) {
		my ($name, $verb, @steps) = @$case;
		$mta = $rig->connect;
		$mta->connect_from('h', 'U');
		hang($rig, $verb);
		$mta->send($_, "<a\@x>\0") for @steps;
		ok wait_until(sub { grep { /^$verb/ } $rig->requests }), "$name is asked about";
		$how eq 'ABORT' ? $mta->send('A') : close $mta->{socket};
		withdrawn($rig, $verb, "  $how");
		no_dirs($rig, "  $how");
		unlink "$rig->{dir}/hang";
		is $mta->outcome(from => '<next@x>') =~ s/.* //r, 'c', '  and the session goes on' if $how eq 'ABORT';
	}
}
$rig->stop;

# A long scan: the MTA is told that it goes on; one of version 2 may not know how.
$rig = rig(qw(--progress 1 --idle-timeout 3 --content-timeout 4 --scan-timeout 60));
spew("$rig->{dir}/wait", '');
$mta = ended($rig);
is +($mta->recv)[0], 'p', 'a long scan: PROGRESS';
is +($mta->recv)[0], 'p', '  again and again, though the MTA says nothing for longer than the idle limit' for 1 .. 4;
spew("$rig->{dir}/go", '');
like letters($mta), qr/^p*hc$/, '  then the answer';
unlink "$rig->{dir}/go";
$rig->clear_log;
$mta = ended($rig, version => 2, actions => 0x3f, protocol => 0x7f);
is letters($mta), 't', 'an MTA of version 2: no PROGRESS, and TEMPFAIL before it gives up';
ok $rig->wait_log(qr/error: NOQUEUE: MXCommand: no answer from the multiplexor in time/), '  logged';
spew("$rig->{dir}/go", ''); # or the controller would not hear of its end
no_dirs($rig, '  the scan');
$rig->stop;

$rig = rig(qw(--progress 0 --content-timeout 1));
hang($rig, 'scan');
is letters(ended($rig)), 't', '--progress 0: none, and TEMPFAIL at the content timeout';
$rig->stop;

$rig = rig(qw(--progress 1 --scan-timeout 4 -k));
hang($rig, 'scan');
like letters(ended($rig)), qr/^p+t$/, '--scan-timeout: TEMPFAIL when a scan takes longer';
withdrawn($rig, 'scan', '  it');
is scalar($rig->work_dirs), 1, '  and counts as failed: -k keeps the directory';
$rig->stop;

$rig = rig(qw(--progress 1 --scan-timeout 0 --content-timeout 1));
hang($rig, 'scan');
$mta = ended($rig);
is +($mta->recv)[0], 'p', '--scan-timeout 0: PROGRESS' for 1 .. 3;
is $rig->stop, 0, '  until the program ends';

# An MTA that is silent
$rig = rig(qw(--idle-timeout 1));
$mta = $rig->connect;
ok $mta->at_end, 'an idle connection is closed';
ok $rig->wait_log(qr/info: NOQUEUE: the MTA was silent for too long: closing/), '  logged';
$mta = $rig->connect;
$mta->connect_from('h', 'U');
$mta->mail('<s@x>');
ok $mta->at_end, 'so is one within a message';
no_dirs($rig, '  which is forgotten');
$rig->stop;

# An MTA that stops in the middle of a packet, or sends it byte by byte
$rig = rig(qw(--content-timeout 1));
$mta = $rig->connect;
$rig->clear_log;
$mta->write("\0\0\0\100Lhalf");
ok $mta->at_end, 'half a packet, then silence: closed';
ok $rig->wait_log(qr/info: NOQUEUE: the MTA was silent for too long in a packet: closing/), '  logged';
$mta = $rig->connect;
$mta->write("\0\0\377\377L");
ok wait_until(sub { !$mta->write('x') }), 'a byte now and then: closed, too';

# The same when the packet began while the filter was asked.
spew("$rig->{dir}/wait", '');
$mta = ended($rig);
$mta->write("\0\0\0\100M<half");
ok wait_until(sub { $rig->work_dirs }), 'a message in hand';
spew("$rig->{dir}/go", '');
like letters($mta), qr/^p*hc$/, 'half a packet during a scan';
ok $mta->at_end, '  closed, if the rest does not follow';
unlink "$rig->{dir}/wait";

# An MTA that takes its time between packets, each of them whole, is served.
$mta = $rig->connect;
$begun = time;
is $mta->connect_from('h', 'U'), 'c', 'whole packets';
wait_until(sub { time - $begun > 1.5 });
is $mta->outcome(from => '<slow@x>') =~ s/.* //r, 'c', '  may come at any pace';
$rig->stop;

# An MTA that does not take its answer
$rig = Defang::Rig->new(args => [qw(--content-timeout 1)], results => sub {
	my ($dir) = @_;
	spew("$dir/NEWBODY", "a line of the new body\r\n" x 400_000);
	return "C\nF\n";
});
$mta = ended($rig);
no_dirs($rig, 'an MTA that does not take its answer');
ok $rig->wait_log(qr/info: NOQUEUE: connection of the MTA lost in a message: Connection timed out/), '  logged';
my $letters = eval { letters($mta) } // '';
like $letters, qr/^p*b+EOF$/, '  which is never completed';
is $rig->stop, 0, 'a clean end';
done_testing;
