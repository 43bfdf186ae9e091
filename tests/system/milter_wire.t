#!/usr/bin/perl
# The wire protocol: what MTAs of all kinds send in an order that is legal but rare, and every kind of packet that is odd or broken. The
# rest of it is in milter_negotiate (what is agreed), milter_hostile (lengths, order) and milter_results (changes and verdicts).
use strict;
use warnings;
use Test::More;
use Defang::Rig;

my $rig = Defang::Rig->new(args => [qw(-X -r -H -s -t)], answer => sub {
	my ($line) = @_;
	return "ok 0\n" if $line =~ /^recipok <refused/;
	return 'default';
});
my $old = 0x7f; # protocol steps of an MTA of version 2: every stage is answered

sub packet {
	my ($letter, $data) = @_;
	return pack('N', 1 + length($data // '')) . $letter . ($data // '');
}

# Offers: [ bytes, agreed version, actions, protocol, sent back beyond them ]
my $steps = 0x1fffff & (0x1f0380 | 0x800);
for my $case (
	[ 'of today', pack('NNN', 6, 0x1ff, 0x1fffff), 6, 0x1ff, $steps ],
	[ 'with larger packets', pack('NNN', 6, 0x1ff, 0x301fffff), 6, 0x1ff, $steps ],
	[ 'with unknown actions', pack('NNN', 6, 0xffffffff, 0x1fffff), 6, 0x1ff, $steps ],
	[ 'with more behind it', pack('NNN', 6, 0x1ff, 0x1fffff) . 'more', 6, 0x1ff, $steps ],
	[ 'of version 5', pack('NNN', 5, 0x1ff, 0x3ff), 5, 0x1ff, $steps & 0x3ff ],
	[ 'of version 2^32 - 1', pack('NNN', 0xffffffff, 0x1ff, 0x1fffff), 6, 0x1ff, $steps ],
	)
{
	my ($name, $offer, @agreed) = @$case;
	my $mta = $rig->connect(raw => 1);
	$mta->send('O', $offer);
	my ($letter, $data) = $mta->recv;
	is $letter, 'O', "an offer $name";
	is_deeply [ unpack 'NNN', $data ], \@agreed, '  is answered with what of it we want';
	is length $data, 12, '  and no more';
}

# Sessions as Postfix and Sendmail have them, by the letters of their commands; macros go before one in lower case. Each is answered, but for
# ABORT, QUIT and QUIT_NC. X is a recipient that the filter refuses.
my %data = (
	C => "h\0" . '4' . pack('n', 25) . "192.0.2.1\0", H => "helo\0", M => "<a\@x>\0SIZE=1\0", R => "<b\@x>\0", L => "A\0b\0", B => "x\r\n",
	U => "FOO x y\0", X => "<refused\@x>\0",
);
for my $case (
	[ 'two messages of Postfix', 'chmrtLLNBeAmrtLNBeAAQ' ],
	[ 'two messages of Sendmail', 'chmrTLLNBemrTLNBeQ' ],
	[ 'a second HELO in a transaction', 'chmrHAAmrTLNBeQ' ],
	[ 'a second HELO outside one', 'chHAmrTNeQ' ],
	[ 'HELO anew after STARTTLS', 'chAhmrTNeQ' ],
	[ 'RSET, twice', 'chmAAmrTNeQ' ],
	[ 'MAIL without RCPT', 'chmmrTNeQ' ],
	[ 'unknown commands everywhere', 'UcUhUmUrUrTNeUQ' ],
	[ 'no HELO', 'cmrTNeQ' ],
	[ 'MAIL first', 'mrTNeQ' ],
	[ 'no DATA command', 'chmrLNBeQ' ],
	[ 'no header, no end of headers', 'chmrTBeQ' ],
	[ 'nothing but the end', 'chmreQ' ],
	[ 'a refused recipient', 'chmXrXTNeQ' ],
	[ 'QUIT_NC', 'chmrTNeKchmrTNeQ' ],
	[ 'QUIT_NC in a message', 'chmrKchmrTNeQ' ],
	[ 'QUIT after the banner', 'CQ' ],
	[ 'QUIT in a message', 'chmrTLAAQ' ],
	)
{
	my ($name, $letters) = @$case;
	my $want = join '', map { $_ eq 'X' ? 'r' : 'c' } grep { !/[AQK]/i } split //, $letters;
	for my $at_once (0, 1) {
		next if $at_once && $letters =~ /A/; # what an ABORT finds unanswered is withdrawn
		my $mta = $rig->connect(protocol => $old, version => 6);
		my ($bytes, $got) = ('', '');
		for my $letter (split //, $letters) {
			my $command = uc $letter;
			my $send = $command ne $letter ? packet('D', $command) . packet('D', "${command}i\0") : '';
			$send .= packet($command eq 'X' ? 'R' : $command, $data{$command});
			$bytes .= $send;
			next if $at_once;
			$mta->write($send);
			$got .= ($mta->answer)[-1][0] unless $command =~ /[AQK]/;
		}
		$mta->write($bytes) if $at_once;
		while (my ($letter) = $mta->recv) {
			$got .= $letter if $letter ne 'p'; # a scan may take its time on a busy machine
		}
		is $got, $want, "$name, " . ($at_once ? 'all at once' : 'a command at a time');
	}
}
ok wait_until(sub { !$rig->work_dirs }), 'no directory is left';
$rig->clear_log;

# Odd, but taken. [ name, packets, what COMMANDS or INPUTMSG have ]
for my $case (
	[ 'data behind DATA, EOH, QUIT', [ T => 'x' ], [ N => "x\0" ] ],
	[ 'a third string in a header', [ L => "A\0b\0c\0" ], qr/^A: b\n\n/ ],
	[ 'bytes behind the last argument of RCPT', [ R => "<c\@x>\0NOTIFY=never\0lost" ], qr/\nR<c\@x> \? \? \?\nrNOTIFY=never\nF/ ],
	[ 'a null sender', [ M => "<>\0" ], qr/^S<>\n/m ],
	[ 'an address with a blank', [ R => "<a b\@c>\0" ], qr/\nR<a%20b\@c> / ],
	[ 'an address without brackets', [ R => "d\@c\0" ], qr/\nRd\@c / ],
	[ 'arguments in their case', [ R => "<e>\0OrCpt=x\0oDD\0" ], qr/\nrOrCpt=x\nroDD\n/ ],
	[ 'the queue id with EOH', [ D => "Ni\0ATEOH\0" ], ['N'], qr/\nQATEOH\n/ ],
	[ 'a macro packet that replaces one', [ D => "Rrcpt_mailer\0one\0" ], [ D => "R{rcpt_mailer}\0two\0" ], [ R => "<f>\0" ], qr/\nR<f> two / ],
	[ 'macros in brackets or bare', [ D => "M{i}\0BARE\0auth_type\0PLAIN\0" ], [ M => "<g>\0" ], qr/\n=auth_type PLAIN\n=i BARE\n(?s:.*)\nQBARE\n/ ],
	[ 'a macro name without a value', [ D => "Mauth_type\0" ], [ M => "<g>\0" ], qr/\n=auth_type \n/ ],
	)
{
	my ($name, @packets) = @$case;
	my $re = ref $packets[-1] eq 'Regexp' ? pop @packets : qr/./;
	my $mta = $rig->connect(protocol => $old);
	$mta->command('C', $data{C});
	$mta->mail('<s@x>') unless $packets[-1][0] eq 'M';
	for (@packets) {
		$mta->write(packet(@$_));
		is +($mta->answer)[-1][0], 'c', "$name: $_->[0]" unless $_->[0] eq 'D';
	}
	$mta->send('E');
	is +($mta->answer)[-1][0], 'c', '  the message passes';
	my ($sender) = reverse map { $_->[0] eq 'M' ? $_->[1] =~ s/\0.*//sr : () } @packets;
	my $seen = join '', map { $rig->seen($sender // '<s@x>', $_) } qw(INPUTMSG COMMANDS);
	like $seen, $re, '  and is as it should be';
}

# Broken: closed, and logged.
for my $case (
	[ 'CONNECT: address without NUL', C => "h\0" . '4' . "\0\x19192.0.2.1" ],
	[ 'CONNECT: bad IPv4 address', C => "h\0" . '4' . "\0\x19192.0.2.256\0" ],
	[ 'CONNECT: IPv6 address in the family 4', C => "h\0" . '4' . "\0\x19::1\0" ],
	[ 'CONNECT: bad IPv6 address', C => "h\0" . '6' . "\0\x19" . "IPv6:x\0" ],
	[ 'CONNECT: path of 108 bytes', C => "h\0L\0\0" . '/' . 'x' x 107 . "\0" ],
	[ 'HELO without NUL', H => 'helo' ],
	[ 'UNKNOWN without NUL', U => 'FOO' ],
	[ 'UNKNOWN without data', U => '' ],
	[ 'RCPT without NUL', R => '<a>' ],
	[ 'HEADER without data', L => '' ],
	[ 'HEADER with one string', L => "A\0" ],
	[ 'HEADER without the last NUL', L => "A\0b" ],
	[ 'a reply of ours', y => "550 no\0" ],
	[ 'a letter in lower case', 'm', "<a>\0" ],
	)
{
	my ($name, $letter, $bytes) = @$case;
	my $mta = $rig->connect(protocol => $old);
	if ($letter ne 'C') {
		$mta->command('C', $data{C});
		$mta->mail('<s@x>');
	}
	$mta->write(packet($letter, $bytes));
	ok $mta->at_end, "$name: closed";
	ok $rig->wait_log(qr/warning: NOQUEUE: malformed packet '\Q$letter\E' of \d+ bytes from the MTA: closing/), '  and logged';
	$rig->clear_log;
}
ok wait_until(sub { !$rig->work_dirs }), 'no directory is left';

# The largest packets
my $mta = $rig->connect(protocol => $old);
$mta->command('C', $data{C});
$mta->mail('<large@x>');
is $mta->rcpt('<r@x>'), 'c', 'before the large ones';
is $mta->header('A', 'v' x 65532), 'c', 'a header of 65535 bytes of data';
is $mta->command('N'), 'c', 'end of headers';
is $mta->command('B', 'b' x 65535), 'c', 'a body packet of 65535 bytes';
$mta->send('E', 'e' x 65535);
is +($mta->answer)[-1][0], 'c', 'an end of message with 65535 bytes';
is $rig->seen('<large@x>', 'INPUTMSG'), 'A: ' . 'v' x 65532 . "\n\n" . 'b' x 65535 . 'e' x 65535, '  all is there';
is $rig->stop, 0, 'a clean end';
done_testing;
