#!/usr/bin/perl
# What is agreed with MTAs of each version, and that every stage is answered or silent as agreed.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

my $always = 0xf0380; # NR_HDR NODATA NOUNKNOWN, NR_DATA NR_UNKN NR_EOH NR_BODY
my $space = 0x100000; # HDR_LEADSPC
my $rig = Defang::Rig->new;

# [ offered version, actions, protocol ] => [ agreed ]
for my $case (
	[ [ 6, 0x1ff, 0x1fffff ], [ 6, 0x1ff, $always | $space | 0x800 | 0xe000 ], 'of today' ],
	[ [ 7, 0x1ff, 0x1fffff ], [ 6, 0x1ff, $always | $space | 0x800 | 0xe000 ], 'newer than we' ],
	[ [ 6, 0x1ff, 0x1fffff & ~0x80 ], [ 6, 0x1ff, ($always | $space | 0x800 | 0xe000) & ~0x80 ], 'without NR_HDR' ],
	[ [ 5, 0x7f, 0x3ff ], [ 5, 0x7f, 0x380 ], 'version 5' ],
	[ [ 4, 0x3f, 0x3ff ], [ 4, 0x3f, 0x380 ], 'version 4' ],
	[ [ 3, 0x3f, 0x1ff ], [ 3, 0x3f, 0x180 ], 'version 3' ],
	[ [ 2, 0x3f, 0x7f ], [ 2, 0x3f, 0 ], 'version 2' ],
	[ [ 2, 0, 0 ], [ 2, 0x0f, 0 ], 'version 2 that says nothing' ],
	)
{
	my ($offer, $agreed, $name) = @$case;
	my $mta = $rig->connect(version => $offer->[0], actions => $offer->[1], protocol => $offer->[2]);
	is_deeply [ @$mta{qw(version actions protocol)} ], $agreed, "an MTA $name: agreement";
	is $mta->{lists}, '', '  no macro lists unasked';
	my ($verdict) = ($mta->message(from => "<$offer->[0]\@example.org>"))[-1];
	is $verdict->[0], 'c', '  a message passes';
	is $rig->seen("<$offer->[0]\@example.org>", 'INPUTMSG'), "Subject: test\n\nbody\n", '  and is whole';
}

for my $line ('version 5, does not offer ADDRCPT_PAR', 'version 4, does not offer CHGFROM, ADDRCPT_PAR',
	'version 2, does not offer CHGHDRS, QUARANTINE, CHGFROM, ADDRCPT_PAR')
{
	ok $rig->wait_log(qr/info: NOQUEUE: the MTA, of protocol $line session=\w+$/m), "logged: $line";
}

my $mta = $rig->connect(protocol => 0x1fffff & ~0x300);
is $mta->connect_from('h', 'U'), 'c', 'CONNECT is answered where workers are counted';
is $mta->command('U', "FOO\0"), '', 'UNKNOWN is silent where NR_UNKN is offered but NOUNKNOWN is not';
is $mta->command('H', "h\0"), '', 'HELO is silent';
$mta = $rig->connect(protocol => 0x7f, version => 2);
is $mta->connect_from('h', 'U'), 'c', 'an old MTA: CONNECT is answered';
is $mta->helo('h'), 'c', '  HELO';
is $mta->mail('<a@b>'), 'c', '  MAIL';
is $mta->rcpt('<a@b>'), 'c', '  RCPT';
is $mta->command('T'), 'c', '  DATA';
is $mta->header('A', 'b'), 'c', '  HEADER';
is $mta->command('N'), 'c', '  EOH';
is $mta->command('B', 'x'), 'c', '  BODY';
is $mta->command('U', "FOO\0"), 'c', '  UNKNOWN';
$mta->send('Q');
ok $mta->at_end, '  QUIT closes';

for my $case ([ [ 1, 0, 0 ], 'version 1' ], [ [ 0, 0, 0 ], 'version 0' ]) {
	$mta = $rig->connect(raw => 1);
	$mta->send('O', pack 'NNN', @{ $case->[0] });
	ok $mta->at_end, "$case->[1] is refused by closing";
}
ok $rig->wait_log(qr/offers protocol version 1: closing/), 'and logged';
$rig->stop;

# What is asked for follows from the options.
for my $case (
	[ [qw(-q)], $always | 0xf000 | 0x800 ],
	[ [qw(-q -r)], $always | 0xe000 | 0x800 ],
	[ [qw(-q -r -H -s -t -N)], $always ],
	[ [qw(-s)], $always | 0xa000 | 0x800 ],
	)
{
	$rig = Defang::Rig->new(args => $case->[0]);
	$mta = $rig->connect;
	is sprintf('%x', $mta->{protocol}), sprintf('%x', $case->[1]), "options @{ $case->[0] }";
	my ($verdict) = ($mta->message)[-1];
	is $verdict->[0], 'c', '  a message passes';
}

$rig = Defang::Rig->new(args => [qw(-y -a mine)]);
$mta = $rig->connect;
my @lists = $mta->{lists} =~ /\G(....)([^\0]*)\0/gs;
is scalar @lists, 14, '-y: macro lists for all seven stages';
like $lists[1], qr/^_ \{auth_authen\} .* i \{if_addr\} \{if_name\} j .* \{rcpt_mailer\} \{mine\}$/, '  with all names';
$rig->stop;

# HDR_LEADSPC: values as they stand in the message. INPUTMSG is exact, HEADERS and COMMANDS look as ever.
$rig = Defang::Rig->new(args => [qw(-x scanned)], key => "X-Valid\n", results => sub {
	return "HX-Add%20 v\nNX-Ins 0 v\nIX-Chg 1 v\nIX-Two 1 %20v\nJX-Del 1\nF\n" =~ s/X-Add%20/X-Add/r;
});
$mta = $rig->connect(protocol => 0x1fffff);
$mta->connect_from('client.example', '4', 4321, '192.0.2.1');
$mta->mail('<space@example.org>');
$mta->rcpt('<r@example.org>');
my @headers = (One => ' one', Two => '  two', None => 'none', Tab => "\ttab", Empty => '', Subject => ' s', Folded => "\n folded",
	'X-Valid' => ' 10.1.2.3', 'Content-Type' => ' text/plain');
while (my ($name, $value) = splice @headers, 0, 2) {
	$mta->command('L', "$name\0$value\0");
}
$mta->command('N');
$mta->send('E');
my @packets = map { $_->[0] . $_->[1] =~ s/\0/|/gr } $mta->answer;
my $one = '|||' . chr 1;
is_deeply \@packets, [
	'hX-Add| v|', 'i||||X-Ins| v|', "m${one}X-Chg| v|", "m${one}X-Two|  v|", "m${one}X-Del||", $packets[5], "m${one}X-Valid||", 'c' ],
	'values are sent with their space, deletions without';
like $packets[5], qr/^hX-Scanned-By\| scanned/, '  our own too';
is $rig->seen('<space@example.org>', 'INPUTMSG'),
	"One: one\nTwo:  two\nNone:none\nTab:\ttab\nEmpty:\nSubject: s\nFolded:\n folded\nX-Valid: 10.1.2.3\nContent-Type: text/plain\n\n",
	'INPUTMSG is exact';
is $rig->seen('<space@example.org>', 'HEADERS'),
	"One: one\nTwo:  two\nNone: none\nTab: \ttab\nEmpty: \nSubject: s\nFolded:  folded\nX-Valid: 10.1.2.3\nContent-Type: text/plain\n",
	'HEADERS has one space more or less';
like $rig->seen('<space@example.org>', 'COMMANDS'), qr/^Us\nJ10\.1\.2\.3\nF\n\z/m, 'COMMANDS have the values without it';

# QUIT_NC: another client on the same connection, without another negotiation.
$mta->send('K');
is $mta->connect_from('second.example', '4', 1, '192.0.2.2'), 'c', 'QUIT_NC: the next client is served';
$mta->{connected} = 1;
$mta->message(from => '<second@example.org>');
like $rig->seen('<second@example.org>', 'COMMANDS'), qr/^Hsecond\.example\nI192\.0\.2\.2\nR/m, '  and nothing is left of the first';
is $rig->seen('<second@example.org>', 'INPUTMSG'), "Subject: test\n\nbody\n", '  what was agreed stands';
done_testing;
