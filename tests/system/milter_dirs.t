#!/usr/bin/perl
# A work directory lives exactly as long as its message, however that ends; and is kept only when somebody wants it.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

# A sender with `hang` in it is scanned for ever; one with `fail` is failed on; for one with `archive` the filter has unpacked folders that
# nobody may write to, and deep ones.
sub answer {
	my ($line, $rig) = @_;
	my ($dir) = $line =~ /^scan \S+ (\S+)/ or return 'default';
	my $commands = slurp("$dir/COMMANDS") // return;
	return if $commands =~ /^S<hang/m;
	return "error: out of luck\n" if $commands =~ /^S<fail/m;
	return "ok\n" if $commands =~ /^S<none/m; # without RESULTS
	mkdir "$dir/Work";
	spew("$dir/Work/part", 'x');
	unpack_archive("$dir/Work") if $commands =~ /^S<archive/m;
	return 'default';
}

sub unpack_archive {
	my ($dir) = @_;
	my $path = $dir;
	mkdir $path .= '/deep' for 1 .. 100;
	mkdir "$dir/$_" for qw(closed closed/more closed/more/void unreadable);
	spew("$dir/$_/file", 'x') for qw(closed closed/more unreadable);
	chmod 0500, map { "$dir/$_" } qw(closed/more closed);
	chmod 0, "$dir/unreadable";
	chmod 0500, $dir;
	return;
}

my $rig = Defang::Rig->new(answer => \&answer, args => [qw(-G)]);

sub begun {
	my ($sender) = @_;
	my $mta = $rig->connect;
	$mta->connect_from('h', '4', 1, '192.0.2.1');
	$mta->mail($sender // '<s@x>');
	$mta->rcpt('<r@x>');
	$mta->header(A => 'b');
	wait_until(sub { $rig->work_dirs });
	return $mta;
}

sub scanning {
	my $mta = begun('<hang@x>');
	$rig->clear_requests;
	$mta->send('E');
	wait_until(sub { grep { /^scan/ } $rig->requests });
	return $mta;
}

sub gone {
	my ($name) = @_;
	ok wait_until(sub { !$rig->work_dirs }), "$name: no directory is left";
	$rig->clear_requests;
	return;
}

my $mta = begun();
my ($dir) = $rig->work_dirs;
is sprintf('%04o', (stat "$rig->{spool}/$dir")[2] & 07777), '0750', '-G: the directory is readable by the group';
$mta->send('E');
is +($mta->answer)[-1][0], 'c', 'a message that passes';
gone('end of message');
is $rig->connect->outcome(from => '<archive@x>') =~ s/.* //r, 'c', 'a filter that has unpacked an archive of folders without rights';
gone('  they, too');

$mta = begun();
$mta->send('A') for 1 .. 3;
gone('ABORT, repeated');
is $mta->outcome =~ s/.* //r, 'c', '  and the session goes on';
gone('  end of message');

$mta = begun();
$mta->send('Q');
ok $mta->at_end, 'QUIT closes';
gone('QUIT in a message');

$mta = begun();
$mta->send('K');
is $mta->connect_from('other', '4', 2, '192.0.2.2'), 'c', 'QUIT_NC: the next client on the same connection';
gone('QUIT_NC in a message');
is $mta->outcome(from => '<nc@x>') =~ s/.* //r, 'c', '  whose message passes';
like $rig->seen('<nc@x>', 'COMMANDS'), qr/\nHclient\.example\n/, '  and is its own';

$mta = begun();
close $mta->{socket};
gone('end of file in a message');

$mta = begun();
$mta->write("\0\0\1\0Lhalf");
close $mta->{socket};
gone('end of file in a packet');

$mta = begun();
my ($first) = $rig->work_dirs;
$mta->mail('<second@x>');
ok wait_until(sub { my @now = $rig->work_dirs; @now == 1 && $now[0] ne $first }), 'MAIL after an unfinished message begins another';
$mta->send('H', "helo\0");
gone('HELO in a message');
is $mta->outcome(from => '<third@x>') =~ s/.* //r, 'c', '  after which a message passes';

$mta = begun();
$mta->send('C', "h\0U");
gone('CONNECT in a message');

# While the filter is at work
$mta = scanning();
close $mta->{socket};
ok wait_until(sub { grep { /^hangup scan/ } $rig->requests }), 'the MTA hangs up: the question is withdrawn';
gone('hang-up during the scan');

$mta = scanning();
$mta->send('A');
ok wait_until(sub { grep { /^hangup scan/ } $rig->requests }), 'ABORT during the scan: the question is withdrawn';
gone('ABORT during the scan');
is $mta->outcome(from => '<next@x>') =~ s/.* //r, 'c', '  and the session goes on';

$mta = scanning();
$mta->macros(M => i => 'x');
$mta->send('A');
gone('ABORT behind macros');

$mta = scanning();
$rig->stop_controller;
is +($mta->answer)[-1][0], 't', 'the controller dies during the scan: TEMPFAIL';
gone('controller killed');
$mta = begun();
$mta->send('E');
is +($mta->answer)[-1][0], 't', 'no controller at the end of message: TEMPFAIL';
gone('no controller');
$rig->start_controller;
is $mta->outcome(from => '<back@x>') =~ s/.* //r, 'c', 'the controller is back: a message passes';

$mta = begun('<fail@x>');
$mta->send('E');
is +($mta->answer)[-1][0], 't', 'the filter fails: TEMPFAIL';
gone('failed filter');

# The name is taken.
mkdir "$rig->{spool}/mdefang-TAKEN";
$mta = $rig->connect(protocol => 0x7f);
$mta->connect_from('h', 'U');
$mta->macros(M => i => 'TAKEN');
is $mta->mail('<s@x>'), 't', 'directory exists: TEMPFAIL';
ok $rig->wait_log(qr/warning: TAKEN: Could not create directory \S+mdefang-TAKEN: File exists/), '  logged';
$mta = $rig->connect;
is $mta->outcome(macros => { M => [ i => 'TAKEN' ] }), 't', 'where MAIL is silent, the failure is told at the end';
is $mta->outcome =~ s/.* //r, 'c', '  and is forgotten with the next message';
rmdir "$rig->{spool}/mdefang-TAKEN" or diag $!;

# The disk refuses: a file is in the way of INPUTMSG. [ protocol offered, letter and data of the packet that is too much ]
$rig->stop;
$rig = Defang::Rig->new(args => ['-s'], answer => sub {
	my ($line) = @_;
	spew("$1/INPUTMSG", '') if $line =~ /^senderok (?:\S+ ){4}(\S+)/;
	return 'default';
});
for my $case ([ 0x7f, B => 'x' x 65000 ], [ 0x7f, L => "A\0" . 'x' x 65000 . "\0" ], [ 0x1fffff, B => 'x' x 65000 ], [ 0x7f ]) {
	my ($protocol, $letter, $data) = @$case;
	my $name = 'disk failure ' . ($letter ? "at $letter" : 'at the end') . ($protocol == 0x7f ? '' : ', silent');
	$mta = $rig->connect(protocol => $protocol);
	$mta->connect_from('h', 'U');
	$mta->mail('<disk@x>');
	my @verdicts = map { $letter ? $mta->command($letter, $data) : () } 1 .. 2;
	is "@verdicts", !$letter ? '' : $protocol == 0x7f ? 'c t' : ' ', "$name: the stage";
	ok wait_until(sub { !$rig->work_dirs }), '  the directory goes at once' if $letter;
	$mta->send('E');
	is +($mta->answer)[-1][0], 't', '  the message fails';
	ok wait_until(sub { !$rig->work_dirs }), '  no directory is left';
	ok $rig->wait_log(qr/error: NOQUEUE: message not written: File exists/), '  logged';
	$rig->clear_log;
	is +($mta->mail('<again@x>')), 'c', '  the next can begin';
	$mta->send('Q');
	$mta->at_end;
}
chmod 0500, $rig->{spool};
chown 0, 0, $rig->{spool} if $> == 0;
$mta = $rig->connect;
$mta->connect_from('h', 'U');
is $mta->mail('<spool@x>'), 't', 'a spool that cannot be written: TEMPFAIL';
ok $rig->wait_log(qr/warning: NOQUEUE: Could not create directory \S+: Permission denied/), '  logged';
chmod 0700, $rig->{spool};
chown +(getpwnam 'nobody')[2, 3], $rig->{spool} if $> == 0;
is $mta->mail('<spool@x>'), 'c', '  until it can';

# It is full in the middle of a message: files may not grow above 100 KiB.
$rig->stop;
$rig = Defang::Rig->new(wrap => [ 'sh', '-c', 'ulimit -f 200 && exec "$@"', 'sh' ]);
for my $protocol (0x7f, 0x1fffff) {
	$mta = $rig->connect(protocol => $protocol);
	is +($mta->outcome(from => '<full@x>', body => [ ('x' x 65000) x 8 ])), 't', 'no room for a large message: it fails';
	ok wait_until(sub { !$rig->work_dirs }), '  no directory is left';
	ok $rig->wait_log(qr/error: NOQUEUE: message not written: File too large/), '  logged';
	$rig->clear_log;
	is +($mta->outcome(from => '<small@x>') =~ s/.* //r), 'c', '  a small one passes';
}

# The same when the filter is to be asked about a recipient: it could not read what it is asked about.
$rig->stop;
$rig = Defang::Rig->new(args => ['-t']);
$mta = $rig->connect(protocol => 0x7f);
$mta->connect_from('h', 'U');
$mta->mail('<disk@x>');
spew("$rig->{spool}/" . ($rig->work_dirs)[0] . "/COMMANDS", '');
is $mta->rcpt('<to@x>'), 't', 'disk failure at a check: TEMPFAIL';
ok $rig->wait_log(qr/error: NOQUEUE: message not written: File exists/), '  logged';
$mta->send('Q');
$rig->stop;
$rig = Defang::Rig->new(answer => \&answer);

# The end of the program
my @open = map { begun("<$_\@x>") } 1 .. 3;
push @open, scanning();
ok wait_until(sub { $rig->work_dirs == 4 }), 'four messages in progress';
is $rig->stop('INT'), 0, 'SIGINT: exit 0';
is +($open[3]->answer)[-1][0], 't', '  an MTA that waits is told to come back';
is_deeply [ Defang::Rig::entries($rig->{spool}) ], [], '  no directory and no socket is left';

# Kept on purpose
$rig = Defang::Rig->new(answer => \&answer, args => [qw(-d)]);
$mta = $rig->connect;
$mta->message;
$mta->mail('<aborted@x>');
$mta->header(A => 'b');
$mta->send('A');
ok wait_until(sub { $rig->work_dirs == 2 && -s "$rig->{spool}/" . ($rig->work_dirs)[1] . '/INPUTMSG' }), '-d keeps directories';
ok $rig->wait_log(qr/info: NOQUEUE: Not cleaning up \S+ because of command-line `-d' flag/), '  logged';
$rig->stop;

$rig = Defang::Rig->new(answer => \&answer, args => [qw(-k)]);
$mta = $rig->connect;
$mta->message;
ok wait_until(sub { !$rig->work_dirs }), '-k: a good message is removed';
is $mta->outcome(from => '<fail@x>'), 't', '  a failed one';
is scalar($rig->work_dirs), 1, '  is kept';
ok $rig->wait_log(qr/warning: NOQUEUE: Filter failed\.  Message kept in \Q$rig->{spool}\E\/mdefang-/), '  logged';
is $mta->outcome(from => '<none@x>'), 't', '  one without RESULTS';
is scalar($rig->work_dirs), 2, '  is kept, too';
$rig->stop_controller;
$mta->{connected} = 1;
$mta->message;
is scalar($rig->work_dirs), 3, '  so is one when the controller is gone';
$rig->stop;

$rig = Defang::Rig->new(answer => \&answer);
$mta = $rig->connect;
spew("$rig->{spool}/DO-NOT-DELETE-WORK-DIRS", '');
$mta->message;
is scalar($rig->work_dirs), 1, 'the file DO-NOT-DELETE-WORK-DIRS keeps directories';
ok $rig->wait_log(qr/info: NOQUEUE: Not cleaning up \S+ because of \S+DO-NOT-DELETE-WORK-DIRS/), '  logged';
unlink "$rig->{spool}/DO-NOT-DELETE-WORK-DIRS";
$mta->message;
ok wait_until(sub { $rig->work_dirs == 1 }), '  until it is removed';
done_testing;
