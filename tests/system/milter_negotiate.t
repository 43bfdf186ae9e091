#!/usr/bin/perl
# What is agreed with MTAs of each version, and that every stage is answered or silent as agreed.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

my $always = 0xf0380; # NR_HDR NODATA NOUNKNOWN, NR_DATA NR_UNKN NR_EOH NR_BODY
my $rig = Defang::Rig->new;

# [ offered version, actions, protocol ] => [ agreed ]
for my $case (
	[ [ 6, 0x1ff, 0x1fffff ], [ 6, 0x1ff, $always | 0x800 | 0xe000 ], 'of today' ],
	[ [ 7, 0x1ff, 0x1fffff ], [ 6, 0x1ff, $always | 0x800 | 0xe000 ], 'newer than we' ],
	[ [ 6, 0x1ff, 0x1fffff & ~0x80 ], [ 6, 0x1ff, ($always | 0x800 | 0xe000) & ~0x80 ], 'without NR_HDR' ],
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
done_testing;
