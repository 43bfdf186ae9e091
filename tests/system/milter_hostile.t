#!/usr/bin/perl
# Packets that no MTA should send: nobody hangs, nothing falls over, and what is broken is closed and logged.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

my $rig = Defang::Rig->new;

sub packet {
	my ($letter, $data) = @_;
	return pack('N', 1 + length $data // '') . $letter . ($data // '');
}

# Broken: closed
for my $case (
	[ 'length 0', "\0\0\0\0" ],
	[ 'length above the limit', pack('N', 65537) . 'B' ],
	[ 'length 0x80000000', pack('N', 0x80000000) . 'B' ],
	[ 'length 0xffffffff', "\xff\xff\xff\xff" ],
	[ 'unknown letter', "\0\0\0\1z" ],
	[ 'a control byte as letter', "\0\0\0\1\1" ],
	[ 'a letter above 127', "\0\0\0\1\xcd" ],
	[ 'CONNECT without data', "\0\0\0\1C" ],
	[ 'CONNECT without NUL', packet('C', 'host') ],
	[ 'CONNECT without family', packet('C', "host\0") ],
	[ 'CONNECT cut in the port', packet('C', "host\0" . "4\0") ],
	[ 'CONNECT of a strange family', packet('C', "host\0X\0\0a\0") ],
	[ 'HELO without data', "\0\0\0\1H" ],
	[ 'MAIL without NUL', packet('M', '<a@b>') ],
	[ 'MAIL without data', "\0\0\0\1M" ],
	[ 'MACRO without data', "\0\0\0\1D" ],
	[ 'negotiation twice', packet('O', pack 'NNN', 6, 0x1ff, 0x1fffff) ],
	)
{
	my ($name, $bytes) = @$case;
	my $mta = $rig->connect;
	$rig->clear_log;
	$mta->write($bytes);
	ok $mta->at_end, "$name: closed";
	ok $rig->wait_log(qr/warning: NOQUEUE: .*closing/), '  and logged';
}
for my $case ([ 'an offer cut short', packet('O', pack 'NN', 6, 0x1ff) ], [ 'CONNECT first', packet('C', "h\0U") ], [ 'MAIL first', packet('M', "<a>\0") ]) {
	my $mta = $rig->connect(raw => 1);
	$mta->write($case->[1]);
	ok $mta->at_end, "$case->[0]: closed";
}
for my $case ([ 'RCPT without data', 'R', '' ], [ 'HEADER without value', 'L', "a\0" ], [ 'HEADER without name', 'L', "\0b\0" ], [ 'BODY without data', 'B', '' ]) {
	my $mta = $rig->connect;
	$mta->connect_from('h', 'U');
	$mta->mail('<a@b>');
	$mta->write(packet(@$case[1, 2]));
	ok $mta->at_end, "$case->[0]: closed";
	ok wait_until(sub { !$rig->work_dirs }), '  the message is forgotten';
}

# Odd but harmless
my $mta = $rig->connect;
$mta->connect_from('h', 'U');
$mta->write(packet('D', "C") . packet('D', "Cname\0") . packet('D', "zx\0y\0") . packet('D', 'M') . packet('A', 'data'));
is $mta->outcome =~ s/.* //r, 'c', 'odd macros and an ABORT with data do no harm';
$mta->macros(M => map { ("name$_", 'v' x 100) } 1 .. 500);
is $mta->outcome =~ s/.* //r, 'c', 'too many macros';
ok $rig->wait_log(qr/macros of stage M are too long/), '  logged';
$mta->write("\0\0\0\3A\0\0\0\0\0\1A");
is $mta->outcome =~ s/.* //r, 'c', 'ABORT again and again';

# Out of order: an MTA that waits is answered, and the message is never let through.
for my $case (
	[ 'RCPT before MAIL', [ R => "<a>\0" ] ],
	[ 'DATA before MAIL', ['T'] ],
	[ 'HEADER before MAIL', [ L => "a\0b\0" ] ],
	[ 'EOH before MAIL', ['N'] ],
	[ 'BODY before MAIL', [ B => 'x' ] ],
	[ 'end of message before MAIL', ['E'] ],
	[ 'RCPT after HEADER', [ M => "<a>\0" ], [ L => "a\0b\0" ], [ R => "<a>\0" ] ],
	[ 'HEADER after EOH', [ M => "<a>\0" ], ['N'], [ L => "a\0b\0" ] ],
	[ 'EOH twice', [ M => "<a>\0" ], ['N'], ['N'] ],
	[ 'EOH after BODY', [ M => "<a>\0" ], [ B => 'x' ], ['N'] ],
	[ 'DATA twice', [ M => "<a>\0" ], ['T'], ['T'] ],
	)
{
	my ($name, @packets) = @$case;
	my $last = pop @packets;
	for my $protocol (0x7f, 0x1fffff) {
		my $old = $rig->connect(protocol => $protocol);
		$old->connect_from('h', 'U');
		$old->command(@$_) for @packets;
		my $silent = $protocol != 0x7f && $last->[0] ne 'E';
		is $old->command(@$last), $silent ? '' : 't', "$name: " . ($silent ? 'silent' : 'refused');
		$old->send('E');
		is +($old->answer)[-1][0], 't', '  as is the message';
		is $old->outcome =~ s/.* //r, 'c', '  the next is good';
	}
}
$rig->clear_log;

# All at once, and a byte at a time
sub script {
	return join '', packet('O', pack 'NNN', 6, 0x1ff, 0x0fffff), packet('C', "h\0" . "4" . pack('n', 25) . "192.0.2.1\0"),
		map { (packet('M', "<$_>\0"), packet('R', "<r>\0"), packet('L', "A\0b\0"), packet('N', ''), packet('B', "x\r\n"), packet('E', '')) } @_;
}
for my $step (1 << 20, 1, 7) {
	my $once = $rig->connect(raw => 1);
	my $bytes = script("one$step", "two$step") . packet('Q', '');
	for (my $at = 0; $at < length $bytes; $at += $step) {
		$once->write(substr $bytes, $at, $step);
	}
	my @letters;
	while (my ($letter) = $once->recv) {
		push @letters, $letter;
	}
	is "@letters", 'O c h c h c', "two messages and QUIT in pieces of $step";
	is $rig->seen("<two$step>", 'INPUTMSG'), "A: b\n\nx\n", '  are whole';
}

# Withdrawn in the very packet that asks
$mta = $rig->connect;
$mta->connect_from('h', 'U');
$mta->write(packet('M', "<at-once>\0") . packet('E', '') . packet('D', "Mi\0x\0") . packet('A', '') . packet('M', "<after>\0") . packet('E', ''));
is +($mta->answer)[-1][0], 'c', 'ABORT in one piece with the end of message: one answer, to the message after it';
ok !$rig->seen('<at-once>', 'COMMANDS') && $rig->seen('<after>', 'COMMANDS'), '  which is the one that the filter saw';

# A client that sends for ever while its question is open is not read for ever.
$rig->stop;
$rig = Defang::Rig->new(answer => sub { $_[0] =~ /^scan/ ? undef : 'default' });
$mta = $rig->connect;
$mta->connect_from('h', 'U');
$mta->mail('<a@b>');
$mta->send('E');
wait_until(sub { grep { /^scan/ } $rig->requests });
$mta->{socket}->blocking(0);
my $sent = 0;
my $junk = packet('B', 'x' x 60000);
ok wait_until(sub {
	my $n = syswrite $mta->{socket}, $junk;
	$sent += $n // 0;
	return !defined $n && !IO::Select->new($mta->{socket})->can_write(0.3);
}), 'reading rests while a question runs';
cmp_ok $sent, '<', 3_000_000, "  after $sent bytes";
close $mta->{socket};
ok wait_until(sub { grep { /^hangup scan/ } $rig->requests }), '  and a hang-up is noticed all the same';
ok wait_until(sub { !$rig->work_dirs }), '  the directory is removed';

# Nor is one that does not take its answers.
$mta = $rig->connect(protocol => 0x7f);
$mta->{socket}->blocking(0);
$sent = 0;
$junk = packet('U', "x\0") x 5000;
ok wait_until(sub {
	my $n = syswrite $mta->{socket}, $junk, 7000, $sent % 7;
	$sent += $n // 0;
	return !defined $n && !IO::Select->new($mta->{socket})->can_write(0.3);
}), 'reading rests while answers are not taken';
cmp_ok $sent, '<', 5_000_000, "  after $sent bytes";
my $answers = int $sent / 7;
$mta->{socket}->blocking(1);
my $taken = 0;
$taken++ while $taken < $answers && (() = $mta->recv);
is $taken, $answers, '  and goes on when they are: none is lost';

# Many connections that come and go
for (1 .. 300) {
	$rig->connect(raw => $_ % 2);
}
is $rig->connect->connect_from('h', 'U'), 'c', 'served after 300 connections that went away';
is $rig->stop, 0, 'a clean end';
done_testing;
