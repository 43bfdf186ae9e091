#!/usr/bin/perl
# The three files of the work directory, byte for byte as the filter sees them.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

my $rig = Defang::Rig->new(args => [qw(-a mine -a absent -a two)]);
my $mta = $rig->connect;

sub seen {
	my ($sender) = @_;
	return map { $rig->seen($sender, $_) } qw(COMMANDS HEADERS INPUTMSG);
}

sub commands {
	my ($sender) = @_;
	return ($rig->seen($sender, 'COMMANDS') // '') =~ s/^i[0-9a-zA-X]{7}\n//r;
}

# All items, in their order.
$mta->macros(C => '_', 'client.example [192.0.2.1]', 'j', 'mx', '{daemon_port}', '25', '{mine}', 'of connect');
$mta->connect_from('client.example', '4', 3456, '192.0.2.1');
$mta->helo(q(helo "quoted" 'x' \\ %));
$mta->macros(M => 'i', '4QABCD1234', '{mail_addr}', 's@example.org', '{auth_type}', '', '{two}', '2');
$mta->mail('<all@example.org>', 'SIZE=1234', 'BODY=8BITMIME');
$mta->macros(R => '{rcpt_mailer}', 'local', '{rcpt_addr}', 'r 1');
$mta->rcpt('<r1@example.org>', 'NOTIFY=never');
$mta->macros(R => '{rcpt_mailer}', 'error', '{rcpt_host}', '5.1.1', '{rcpt_addr}', 'no such user');
$mta->rcpt('<r2@example.org>');
$mta->header('Subject', 'Hello world');
$mta->header('Message-ID', '<mid@x>');
$mta->header('subject', "second\n\tline");
$mta->command('N');
$mta->command('B', "text\r\n");
$mta->send('E');
$mta->answer;
my ($commands, $headers, $inputmsg) = seen('<all@example.org>');
like $commands, qr/^i[0-9a-zA-X]{7}\n/, 'COMMANDS begin with the id';
is $commands =~ s/^i.*\n//r, <<'X', 'COMMANDS: all items in order, encoded';
S<all@example.org>
sSIZE=1234
sBODY=8BITMIME
=_ client.example%20[192.0.2.1]
=auth_type 
=daemon_port 25
=i 4QABCD1234
=j mx
=mail_addr s@example.org
=client_port 3456
=mine of%20connect
=two 2
Q4QABCD1234
Hclient.example
I192.0.2.1
Ehelo%20%22quoted%22%20%27x%27%20%5C%20%25
R<r1@example.org> local ? r%201
rNOTIFY=never
R<r2@example.org> error 5.1.1 no%20such%20user
UHello%20world
X<mid@x>
Usecond%09line
F
X
is $headers, "Subject: Hello world\nMessage-ID: <mid\@x>\nsubject: second\tline\n", 'HEADERS: one line each';
is $inputmsg, "Subject: Hello world\nMessage-ID: <mid\@x>\nsubject: second\n\tline\n\ntext\n", 'INPUTMSG keeps the folding';
is_deeply [ grep { /4QABCD1234/ } $rig->requests ], ["scan 4QABCD1234 $rig->{spool}/mdefang-4QABCD1234\n"],
	'the directory has the queue id in its name';

# All macros, in their order, from whatever stage the MTA told them at; its own last.
{
	my @names = qw(_ auth_authen auth_author auth_ssf auth_type cert_issuer cert_subject cipher cipher_bits daemon_name daemon_port i
		if_addr if_name j mail_addr mail_host mail_mailer tls_version verify rcpt_addr rcpt_host rcpt_mailer);
	my @pairs = map { (length > 1 ? "{$_}" : $_, $_ eq 'i' ? 'ALL' : "of $_") } reverse @names, 'mine';
	my $other = $rig->connect;
	$other->macros(C => splice @pairs, 0, 20);
	$other->connect_from('h', 'U');
	$other->macros(H => splice @pairs, 0, 10);
	$other->helo('h');
	$other->macros(M => @pairs);
	$other->mail('<macros@example.org>');
	$other->send('E');
	$other->answer;
	my ($got) = commands('<macros@example.org>') =~ /^((?:=.*\n)+)/m;
	is $got, join('', map({ "=$_ " . ($_ eq 'i' ? 'ALL' : "of%20$_") . "\n" } @names), "=client_port 0\n=mine of%20mine\n"), 'all macros, in order';
}

# Headers and bodies: [ name, headers, body pieces, HEADERS, INPUTMSG, items of COMMANDS ]
for my $case (
	[ 'no header, no body', [], [], '', "\n", '' ],
	[ 'no body', [ A => 'b' ], [], "A: b\n", "A: b\n\n", '' ],
	[ 'blanks of values stay', [ A => ' b', T => "\tv", E => '' ], ['x'], "A:  b\nT: \tv\nE: \n", "A:  b\nT: \tv\nE: \n\nx", '' ],
	[ '8-bit', [ Subject => "\xe4\xf6" ], ["\xff\r\n"], "Subject: \xe4\xf6\n", "Subject: \xe4\xf6\n\n\xff\n", "U%E4%F6\n" ],
	[ 'CR LF in a value', [ A => "b\r\n c" ], ['x'], "A: b c\n", "A: b\n c\n\nx", '' ],
	[ 'a lone CR in a value', [ Subject => "a\rb" ], ['x'], "Subject: ab\n", "Subject: a b\n\nx", "!\nUab\n" ],
	[ 'a lone CR in a name', [ "A\rB" => 'v' ], ['x'], "AB: v\n", "A B: v\n\nx", "!\n" ],
	[ 'a lone CR before CR LF in a value', [ A => "b\r\r\n c" ], ['x'], "A: b c\n", "A: b \n c\n\nx", "!\n" ],
	[ 'a line break in a name', [ "A: x\nB" => 'v', "C\r\n\r\nD" => 'w' ], ['x'], "A: xB: v\nCD: w\n", "A: x B: v\nC    D: w\n\nx", "!\n!\n" ],
	[ 'a line break in a value', [ Subject => "a\nB: c", X => "d\r\n\r\ne" ], ['x'], "Subject: aB: c\nX: de\n",
		"Subject: a\n\tB: c\nX: d\n\t\n\te\n\nx", "!\nUaB:%20c\n!\n" ],
	[ 'a long header', [ Subject => 'x' x 60000 ], ['x'], 'Subject: ' . 'x' x 60000 . "\n", 'Subject: ' . 'x' x 60000 . "\n\nx", 'U' . 'x' x 60000 . "\n" ],
	[ 'CR CR LF in the body', [], ["a\r\r\nb\r", "\r", "\nc"], '', "\na\r\nb\r\nc", "?\n" ],
	[ 'a CR as the last byte', [], ["a\r\nb\r"], '', "\na\nb", "?\n" ],
	[ 'body cut between CR and LF', [], [ "a\r", "\nb\r\n" ], '', "\na\nb\n", '' ],
	[ 'a lone CR in the body', [], [ "a\r", "b\r\n" ], '', "\na\rb\n", "?\n" ],
	[ 'a NUL in the body', [], ["a\0b\r\n"], '', "\na\0b\n", "?\n" ],
	[ 'no last line end', [], ["a\r\nb"], '', "\na\nb", '' ],
	[ 'two Content-Types', [ 'Content-Type' => 'text/plain', X => 'y', 'CONTENT-TYPE' => 'text/html' ], ['x'],
		"Content-Type: text/plain\nX: y\n", "Content-Type: text/plain\nX: y\n\nx", '' ],
	)
{
	my ($name, $in, $body, $want_headers, $want_message, $items) = @$case;
	my $sender = '<' . $name =~ tr/ /-/r . '@example.org>';
	$mta->message(from => $sender, headers => $in, body => $body);
	($commands, $headers, $inputmsg) = seen($sender);
	is $headers, $want_headers, "$name: HEADERS";
	is $inputmsg, $want_message, "$name: INPUTMSG";
	is +($commands =~ /^R.*\n((?s:.*))F\n\z/m)[0], $items, "$name: COMMANDS";
}

# Queue ids that come late, or are no names.
$mta->mail('<late@example.org>');
$mta->rcpt('<r@example.org>');
$mta->macros(R => 'i', 'LATE1');
$mta->rcpt('<r2@example.org>');
$mta->macros(E => 'i', 'LATE2');
$mta->send('E');
$mta->answer;
like $rig->seen('<late@example.org>', 'COMMANDS'), qr/\nR<r\@example.org> .*\nQLATE1\nR<r2\@.*\nF\n\z/, 'a late queue id: one Q line';
like +($rig->requests)[-1], qr{^scan LATE2 \Q$rig->{spool}\E/mdefang-[0-9a-zA-X]{7}$}, '  the newest is told, the directory keeps its name';
for my $id ('../../etc', '', "a\nb", 'x' x 200) {
	my $sender = '<id' . length($id) . '@example.org>';
	$mta->message(from => $sender, macros => { M => [ i => $id ] });
	unlike $rig->seen($sender, 'COMMANDS'), qr/^Q/m, 'a queue id that is no name is not used';
}
unlike commands('<late@example.org>'), qr/4QABCD/, 'an old queue id does not stay';

# Client data
for my $case (
	[ [ 'h', '4', 25, '127.0.0.1' ], 'h', '127.0.0.1', 25 ],
	[ [ '[192.0.2.7]', '4', 25, '192.0.2.7' ], '[192.0.2.7]', '192.0.2.7', 25 ],
	[ [ 'h', '6', 25, 'IPv6:2001:db8:0:0:0:0:0:1' ], 'h', '2001:db8::1', 25 ],
	[ [ 'h', '6', 25, '::ffff:192.0.2.8' ], 'h', '192.0.2.8', 25 ],
	[ [ 'h', '6', 25, '::192.0.2.10' ], 'h', '192.0.2.10', 25 ],
	[ [ 'h', 'L', 0, '/some/socket' ], 'h', '127.0.0.1', 0 ],
	[ [ 'unknown', 'U' ], 'unknown', '', 0 ],
	[ [ '', '4', 9, '192.0.2.9' ], '', '192.0.2.9', 9 ],
	)
{
	my ($from, $host, $ip, $port) = @$case;
	$mta = $rig->connect;
	$mta->connect_from(@$from);
	$mta->{connected} = 1;
	$mta->message(from => "<client@> $ip>");
	like commands("<client@> $ip>"), qr/\n=client_port $port\nH\Q$host\E\nI\Q$ip\E\nR/, "client $from->[0] $from->[1] " . ($ip || '-');
}

# A body in many large pieces, and one in the end-of-message packet.
$mta = $rig->connect;
my $line = ('x' x 70) . "\r\n";
my $text = $line x 20000;
my @pieces = $text =~ /(.{1,65534})/gs;
$mta->message(from => '<large@example.org>', body => \@pieces);
is $rig->seen('<large@example.org>', 'INPUTMSG'), "Subject: test\n\n" . ($text =~ tr/\r//dr), 'a large body';
$mta->mail('<end@example.org>');
$mta->command('N');
$mta->command('B', "one\r");
$mta->send('E', "\ntwo\r\n");
$mta->answer;
is $rig->seen('<end@example.org>', 'INPUTMSG'), "\none\ntwo\n", 'a piece of body with the end of message';
$rig->stop;

# -c, -L
$rig = Defang::Rig->new(args => [qw(-c -L 192.0.2.1)]);
$mta = $rig->connect;
$mta->message(body => ["a\rb\r\r\n"]);
is $rig->seen('<s@example.org>', 'INPUTMSG'), "Subject: test\n\nab\n", '-c drops lone CRs';
like commands('<s@example.org>'), qr/\n\?\nF\n\z/, '  and they are suspicious all the same';
like commands('<s@example.org>'), qr/\nI127\.0\.0\.1\n/, '-L shows the address as 127.0.0.1';

# The validation header
$rig->stop;
$rig = Defang::Rig->new(key => "X-Validate-This\nsecond line\n");
$mta = $rig->connect;
for my $case ([ 'X-Validate-This', '10.1.2.3 x', 1 ], [ 'x-validate-this', '10.1.2.3', 0 ], [ 'X-Validate-This', 'no', 0 ]) {
	my ($name, $value, $valid) = @$case;
	my $outcome = $mta->outcome(headers => [ $name => $value ]);
	is scalar($rig->seen('<s@example.org>', 'COMMANDS') =~ /^J10\.1\.2\.3\n/m), $valid ? 1 : '', "validation header $name: $value";
	is scalar($outcome =~ /m\|\|\|\x01X-Validate-This\|\|/), $valid ? 1 : '', '  is deleted when valid';
}
done_testing;
