#!/usr/bin/perl
# Work directories that a killed front end has left: the next start removes them, and nothing else.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

# A sender with `hang` in it is scanned for ever; one with `fail` is failed on.
sub answer {
	my ($line, $rig) = @_;
	return 'default' unless $line =~ /^scan \S+ (\S+)/;
	my $commands = slurp("$1/COMMANDS") // return;
	mkdir "$1/Work";
	spew("$1/Work/part", 'x');
	return if $commands =~ /^S<hang/m;
	return "error: out of luck\n" if $commands =~ /^S<fail/m;
	return 'default';
}

my @held; # connections that stay open

sub begun {
	my ($rig, $sender, $queue_id) = @_;
	my $mta = $rig->connect;
	my $before = $rig->work_dirs;
	$mta->connect_from('h', 'U');
	$mta->macros(M => i => $queue_id) if $queue_id;
	$mta->mail($sender);
	$mta->rcpt('<r@x>');
	wait_until(sub { $rig->work_dirs > $before }) or die "message not begun\n";
	push @held, $mta;
	return $mta;
}

sub restart {
	my ($rig, @args) = @_;
	$rig->clear_log;
	$rig->start(@args);
	$rig->wait_log(qr/entering main loop/) or die "mimedefang did not start:\n$rig->{log}";
	return;
}

# One message at each point of its life, then the end without warning
my $rig = Defang::Rig->new(answer => \&answer);
begun($rig, '<new@x>', 'QNEW');
begun($rig, '<nameless@x>');
my $mta = begun($rig, '<hang@x>', 'QHANG');
$mta->send('E');
ok wait_until(sub { -e "$rig->{spool}/mdefang-QHANG/Work/part" }), 'a message is with the filter';
$rig->stop('KILL');
is scalar($rig->work_dirs), 3, 'killed: three directories are left';

# What looks like one of them, and is not
mkdir "$rig->{spool}/other";
spew("$rig->{spool}/mdefang-file", '');
symlink "$rig->{spool}/other", "$rig->{spool}/mdefang-link";
my @others = qw(mdefang-file mdefang-link);
if ($> == 0) { # of another user
	mkdir "$rig->{spool}/mdefang-foreign", 0755;
	mkdir "$rig->{spool}/mdefang-locked-up", 0700;
	push @others, qw(mdefang-foreign mdefang-locked-up);
}
restart($rig);
is_deeply [ $rig->work_dirs ], [ sort @others ], 'the next start removes them, and nothing else';
like $rig->{log}, qr/info: 3 stale work directories removed from \Q$rig->{spool}\E/, '  logged';
is $rig->connect->outcome(macros => { M => [ i => 'QNEW' ] }) =~ s/.* //r, 'c', '  and serves';
$rig->stop;
unlink map { "$rig->{spool}/mdefang-$_" } qw(file link);
rmdir "$rig->{spool}/mdefang-$_" for qw(foreign locked-up);

# Directories that are kept
my $keep = "$rig->{spool}/DO-NOT-DELETE-WORK-DIRS";
my $n = 0;
for my $case ([ '-d', ['-d'], '<s@x>' ], [ '-k', ['-k'], '<fail@x>' ], [ 'DO-NOT-DELETE-WORK-DIRS', [], '<s@x>' ]) {
	my ($name, $args, $sender) = @$case;
	restart($rig, @$args);
	spew($keep, '') if $name =~ /DELETE/;
	$rig->connect->message(from => $sender);
	is scalar($rig->work_dirs), ++$n, "$name keeps a directory";
	$rig->stop;
	unlink $keep;
}
restart($rig, '-d');
begun($rig, '<debugged@x>');
ok wait_until(sub { my @marks = glob "$rig->{spool}/mdefang-*/.keep"; @marks == $n + 1 }), '-d marks each directory at once';
$rig->stop('KILL');
restart($rig);
is scalar($rig->work_dirs), $n + 1, 'they outlast a start, as does that of a message in hand with -d';
$rig->stop;

# As long as the administrator wants directories kept, none is removed.
for my $how (qw(-d DO-NOT-DELETE-WORK-DIRS)) {
	restart($rig);
	begun($rig, '<crashed@x>', "QCRASH$how");
	$rig->stop('KILL');
	my @args = $how eq '-d' ? '-d' : ();
	spew($keep, '') if !@args;
	restart($rig, @args);
	ok -d "$rig->{spool}/mdefang-QCRASH$how", "$how at the start: all stay";
	$rig->stop;
	unlink $keep;
	restart($rig);
	ok !-e "$rig->{spool}/mdefang-QCRASH$how", '  until a start without';
	$rig->stop;
}

# Two front ends on one spool
my $one = Defang::Rig->new(answer => \&answer);
my $two = Defang::Rig->new(answer => \&answer, spool => $one->{spool}, no_start => 1);
$two->{socket} = "$one->{spool}/second.sock";
my $live = begun($one, '<live@x>', 'QLIVE');
restart($two);
ok -d "$one->{spool}/mdefang-QLIVE", 'a start spares the message of another front end';
$mta = $two->connect;
$mta->connect_from('h', 'U');
$mta->macros(M => i => 'QLIVE');
$mta->send('M', "<twice\@x>\0");
$mta->send('E');
is +($mta->answer)[-1][0], 't', '  whose queue id is refused here';
ok $two->wait_log(qr/Could not create directory \S+mdefang-QLIVE: File exists/), '  logged';

# A leftover is in nobody's way.
begun($two, '<left@x>', 'QLEFT');
$two->stop('KILL');
ok -d "$one->{spool}/mdefang-QLEFT", 'the other front end is killed';
is $one->connect->outcome(macros => { M => [ i => 'QLEFT' ] }) =~ s/.* //r, 'c', '  its queue id is served by the one that lives';
ok $one->wait_log(qr/info: QLEFT: stale work directory \S+mdefang-QLEFT removed/), '  logged';
ok !-e "$one->{spool}/mdefang-QLEFT", '  and its directory is gone';
$live->send('E');
is +($live->answer)[-1][0], 'c', 'the message that was in hand all the time passes';
is $one->stop, 0, 'a clean end';
done_testing;
