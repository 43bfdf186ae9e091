#!/usr/bin/perl
# Every letter of RESULTS: what the MTA is told, and that nothing is told by halves.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

# RESULTS and NEWBODY are what the test has put there.
my $rig;

sub rig {
	my (%opt) = @_;
	$rig = Defang::Rig->new(%opt);
	return $rig->connect;
}

my $mta = rig(
	args => [qw(-x scanned --max-results 2048)],
	results => sub {
		my ($dir) = @_;
		my $folder = "$dir/../..";
		my $body = slurp("$folder/newbody");
		spew("$dir/NEWBODY", $body) if defined $body;
		return slurp("$folder/results");
	},
);

sub results {
	my ($text, $body) = @_;
	spew("$rig->{dir}/results", $text);
	unlink "$rig->{dir}/newbody";
	spew("$rig->{dir}/newbody", $body) if defined $body;
	return;
}

# The outcome without our own X-Scanned-By.
sub outcome {
	my ($text, %m) = @_;
	results($text, delete $m{newbody});
	return $mta->outcome(%m) =~ s/hX-Scanned-By\|scanned[^|]*\| //r;
}

sub at {
	my ($index) = @_;
	return pack('N', $index) =~ s/\0/|/gr;
}

results("F\n");
like $mta->outcome, qr/^hX-Scanned-By\|scanned( on [\d.]+)?\| c$/, 'a message that is left alone';

my $mime = 'm' . at(1) . 'MIME-Version|1.0|';
for my $case (
	[ "HX-A one%20two\nF\n", 'hX-A|one two| c' ],
	[ "HX-A a%0D%0A%20b\nF\n", "hX-A|a\n b| c" ],
	[ "HX-A\nF\n", 'c' ],
	[ "NX-N 2 v\nNX-N -1 v\nF\n", 'i' . at(2) . 'X-N|v| i' . at(0) . 'X-N|v| c' ],
	[ "ISubject 1 new\nISubject 0 \nF\n", 'm' . at(1) . 'Subject|new| m' . at(1) . 'Subject|| c' ],
	[ "JX-A 3\nF\n", 'm' . at(3) . 'X-A|| c' ],
	[ "Mtext/html\nF\n", 'm' . at(1) . "Content-Type|text/html| $mime c" ],
	[ "M\nF\n", "$mime c" ],
	[ "R<new\@x>\nS<old\@x>\nf<sender\@x>\nF\n", '+<new@x>| -<old@x>| e<sender@x>| c' ],
	[ "R<new\@x> NOTIFY=NEVER\nf<sender\@x> RET=HDRS%20ENVID=1\nF\n", '2<new@x>|NOTIFY=NEVER| e<sender@x>|RET=HDRS ENVID=1| c' ],
	[ "Qinfected%20mail\nF\n", 'qinfected mail| c' ],
	[ "B550 5.1.1 go%20away\nF\n", 'y550 5.1.1 go away|' ],
	[ "B550 5.1.1 one%0Atwo%20100%25\nF\n", "y550-5.1.1 one\r\n550 5.1.1 two 100%%|" ],
	[ "T450 4.7.1 later\nF\n", 'y450 4.7.1 later|' ],
	[ "B550 5.1.1 " . join('%0A', 1 .. 40) . "\nF\n", join("\r\n", 'y550-5.1.1 1', map({ "550-5.1.1 $_" } 2 .. 30), '550 5.1.1 31|') ],
	[ "B550 5.1.1 " . '%25' x 600 . "\nF\n", 'y550 5.1.1 ' . '%%' x 490 . '|' ],
	[ "B450 4.1.1 a%09b%0D%7F\nF\n", 'y554 5.7.1 a b  |' ],
	[ "Tx 4.1 no\nF\n", 'y451 4.3.0 no|' ],
	[ "B\nF\n", 'y554 5.7.1 Forbidden for policy reasons|', qr/debug: NOQUEUE: Bouncing because filter instructed us to / ],
	[ "T\nF\n", 'y451 4.3.0 Please try again later|', qr/debug: NOQUEUE: Tempfailing because filter instructed us to / ],
	[ "D\nF\n", 'd', qr/debug: NOQUEUE: Discarding because filter instructed us to / ],
	[ "IX-A x v\nJX-A -2\nNX-A\nIX-A 1\nJX-A\nH\nF\n", 'm' . at(1) . 'X-A|v| m' . at(1) . 'X-A|| c' ],
	[ "HX-A\ta%0Ab%20%41\nF\n", "hX-A|a\nb A| c" ],
	[ "Hbad%0Aname v\nHa b\nF\n", 'ha|b| c', qr/warning: NOQUEUE: Unknown command 'H' in RESULTS file/ ],
	[ "Ha b\nQwhy\nR<x>\nB550 5.1.1 no\nF\n", 'qwhy| y550 5.1.1 no|' ],
	[ "B550 5.1.1 first\nT450 4.7.1 second\nF\n", 'y450 4.7.1 second|' ],
	[ "Ha b\nF\nHc d\n", 'ha|b| c' ],
	[ "Ha b\nF", 'ha|b| c' ],
	# nothing at all is changed when something is wrong
	[ "Ha b\n", 't', qr/error: NOQUEUE: RESULTS file did not finish with 'F' line: Tempfailing/ ],
	[ "B550 5.1.1 no\n", 't' ],
	[ '', 't' ],
	[ "Ha b\nC\nF\n", 't', qr/warning: NOQUEUE: Could not open NEWBODY/ ],
	[ "Ha b\n" . ('x' x 2048), 't', qr/warning: NOQUEUE: RESULTS file is unreasonably large - 2053 bytes; max is 2048 bytes/ ],
	[ "Zx\n\nHa b\nF\n", 'ha|b| c', qr/warning: NOQUEUE: Unknown command 'Z' in RESULTS file/ ],
	)
{
	my ($text, $want, $log) = @$case;
	my $name = length $text < 60 ? $text =~ s/\n/\\n/gr : 'long';
	is outcome($text), $want, "RESULTS `$name'";
	ok $rig->wait_log($log), '  logged' if $log;
}
is outcome("Mtext/html\nF\n", headers => [ 'mime-version' => '1.0' ]), 'm' . at(1) . 'Content-Type|text/html| c',
	'a MIME-Version that is there stays';
is outcome("Mtext/html\nF\n", headers => [ 'Content-Type' => 'a/b', 'content-type' => 'c/d', 'Content-Type' => 'e/f' ]),
	'm' . at(1) . "Content-Type|text/html| $mime m" . at(3) . 'Content-Type|| m' . at(2) . 'Content-Type|| c',
	'further Content-Types are deleted from the last on';
ok $rig->wait_log(qr/warning: NOQUEUE: WARNING: 3 Content-Type headers found -- deleting all but first/), '  logged';
is outcome("D\nF\n", headers => [ 'Content-Type' => 'a/b', 'content-type' => 'c/d' ]), 'd', '  but not of a refused message';

# Overlong lines: those of RESULTS, and a reply to the scan
$rig->stop;
$mta = rig(
	args => [qw(-X)],
	answer => sub { $_[0] =~ /^scan/ && -e "$_[1]{dir}/overlong" ? 'ok' . ' ' x 70000 : 'default' },
	results => sub { slurp("$_[0]/../../results") },
);
is outcome('HX-A ' . 'x' x 262139 . "\nF\n"), 'hX-A|' . 'x' x 262139 . '| c', 'a line of 262144 bytes is taken';
is outcome("Ha b\nHX-A " . 'x' x 262140 . "\nF\n"), 't', 'one of a byte more: nothing is changed';
ok $rig->wait_log(qr/warning: NOQUEUE: Overlong line in RESULTS file: Tempfailing/), '  logged';
spew("$rig->{dir}/overlong", '');
is $mta->outcome, 't', 'an overlong reply to the scan';
ok $rig->wait_log(qr/warning: NOQUEUE: MXCommand: Overlong reply from multiplexor was truncated!/), '  logged';
$rig->stop;
$mta = rig(
	args => ['-X'],
	results => sub {
		my $body = slurp("$_[0]/../../newbody");
		spew("$_[0]/NEWBODY", $body) if defined $body;
		return slurp("$_[0]/../../results");
	},
);

# A new body: in one run, whole, as it is
for my $size (0, 1, 65535, 65536, 200000, 3000000) {
	my $new = substr +("line\n" x 600000), 0, $size;
	results("Hb 1\nC\nIc 1 2\nF\n", $new);
	my @packets = $mta->message;
	is join('', map { $_->[0] } @packets) =~ s/b+/b/r, 'hbmc', "a body of $size bytes is one run";
	is join('', map { $_->[1] } grep { $_->[0] eq 'b' } @packets), $new, '  and arrives as it is';
}
results("C\nF\n", 'x' x 20000000);
$mta->mail('<big@x>');
$mta->command('N');
$mta->send('E');
ok wait_until(sub { -e "$rig->{dir}/seen/<big\@x>" }), 'a body larger than sockets hold';
my $got = 0;
$got += length $_->[1] for $mta->answer;
cmp_ok $got, '>=', 20000000, '  arrives';
my ($used_kb) = slurp("/proc/$rig->{pid}/status") =~ /^VmHWM:\s*(\d+)/m;
my $sanitized = slurp("/proc/$rig->{pid}/maps") =~ /asan/;
cmp_ok $used_kb, '<', $sanitized ? 1e9 : 15000, '  without being in memory as a whole';

# What the filter must not play
$rig->stop;
$mta = rig(results => sub {
	my ($dir, $sender) = @_;
	symlink "COMMANDS", "$dir/RESULTS" if $sender eq '<link>';
	POSIX::mkfifo("$dir/RESULTS", 0600) if $sender eq '<fifo>';
	mkdir "$dir/RESULTS" if $sender eq '<folder>';
	return;
});
is $mta->outcome(from => $_), 't', "RESULTS is a $_ or missing" for qw(<link> <fifo> <folder> <nothing>);
ok $rig->wait_log(qr/warning: NOQUEUE: Filter did not create RESULTS file/), '  logged';
ok wait_until(sub { !$rig->work_dirs }), '  and all is removed';
$rig->stop;

# An MTA that offers less: [ actions, RESULTS, outcome ]
rig(args => ['-X'], results => sub { slurp("$_[0]/../../results") });
for my $case (
	[ 0x1ff & ~0x001, "R<a>\nHa b\nF\n", 't' ],
	[ 0x1ff & ~0x002, "R<a>\nC\nF\n", 't' ],
	[ 0x1ff & ~0x004, "Ha b\nR<a>\nF\n", 't' ],
	[ 0x1ff & ~0x008, "Ha b\nS<a>\nF\n", 't' ],
	[ 0x1ff & ~0x010, "Ha b\nIa 1 b\nF\n", 't' ],
	[ 0x1ff & ~0x020, "Ha b\nQa\nF\n", 't' ],
	[ 0x1ff & ~0x040, "Ha b\nf<a>\nF\n", 't' ],
	[ 0x1ff & ~0x020, "Qa\nD\nF\n", 'd' ],
	[ 0x1ff & ~0x080, "Ha b\nR<a> NOTIFY=NEVER\nF\n", 't' ],
	[ 0x001, "Ha b\nF\n", 'ha|b| c' ],
	[ 0x100, "F\n", 'c' ],
	)
{
	my ($actions, $text, $want) = @$case;
	results($text);
	is $rig->connect(actions => $actions)->outcome, $want, sprintf "actions %x, RESULTS `%s'", $actions, $text =~ s/\n/\\n/gr;
}
ok $rig->wait_log(qr/error: NOQUEUE: the filter wants changes that the MTA does not offer: $_ session=\w+$/m), "logged: $_"
	for 'ADDHDRS: Tempfailing', 'CHGBODY: Tempfailing', 'QUARANTINE: left out of a refusal', 'CHGFROM: Tempfailing';
$rig->stop;

# The scan's reply
for my $reply ("ok", "ok \n", "ok 1\n", "error: No free workers\n", '') {
	$mta = rig(args => ['-T'], answer => sub { $_[0] =~ /^scan/ ? $reply : 'default' });
	is $mta->outcome, 't', 'scan answered `' . ($reply =~ s/\n/\\n/r) . "'";
	ok $rig->wait_log(qr/error: NOQUEUE: Error from multiplexor: /), '  logged' if $reply;
	ok $rig->wait_log(qr/info: NOQUEUE: Filter time is \d+ms/), '  -T logs the time';
	ok wait_until(sub { !$rig->work_dirs }), '  the directory is gone';
}
done_testing;
