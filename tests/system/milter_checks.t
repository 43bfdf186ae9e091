#!/usr/bin/perl
# The questions at connect, HELO, MAIL and RCPT: what is asked, and what the MTA is told for each reply.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);
use Sys::Hostname qw(hostname);
use Test::More;
use Time::HiRes qw(time);
use Defang::Rig;

# The reply is what the test has put into the file `reply`; with `free` in the file of that name.
sub answer {
	my ($line, $rig) = @_;
	return slurp("$rig->{dir}/free") // "4\n" if $line eq 'free';
	return 'default' if $line =~ /^scan /;
	my $reply = slurp("$rig->{dir}/reply") // "ok 1\n";
	return $reply eq 'hang' ? undef : $reply;
}

my $rig = Defang::Rig->new(args => [qw(-r -H -s -t)], answer => \&answer);

sub reply {
	my ($text) = @_;
	spew("$rig->{dir}/reply", $text);
	return;
}

sub at_phase {
	my ($phase, $reply) = @_;
	wait_until(sub { !$rig->work_dirs }); # the one before had the same queue id, and may be on its way out
	my $mta = $rig->connect;
	reply("ok 1\n");
	reply($reply) if $phase eq 'C';
	my $verdict = $mta->connect_from('client.example', '4', 4321, '192.0.2.1');
	return ($verdict, $mta) if $phase eq 'C';
	reply($reply) if $phase eq 'H';
	$verdict = $mta->helo('helo.example');
	return ($verdict, $mta) if $phase eq 'H';
	reply($reply) if $phase eq 'M';
	$mta->macros(M => 'i', 'Q1');
	$verdict = $mta->mail('<s@example.org>', 'SIZE=1');
	return ($verdict, $mta) if $phase eq 'M';
	$mta->rcpt('<first@example.org>');
	reply($reply);
	$mta->macros(R => '{rcpt_mailer}', 'local', '{rcpt_host}', 'h', '{rcpt_addr}', 'a b');
	return ($mta->rcpt('<r@example.org>', 'NOTIFY=never'), $mta);
}

# The requests
$rig->clear_requests;
at_phase(R => "ok 1\n");
my @asked = $rig->requests;
my $dir = "$rig->{spool}/mdefang-Q1";
is shift @asked, "free\n", 'connect asks for free workers';
like shift @asked, qr/^relayok 192\.0\.2\.1 client\.example 4321 \S+ 0 NOQUEUE$/, 'relayok';
like shift @asked, qr/^helook 192\.0\.2\.1 client\.example helo\.example 4321 \S+ 0 NOQUEUE$/, 'helook';
is shift @asked, "senderok <s\@example.org> 192.0.2.1 client.example helo.example $dir Q1 SIZE=1\n", 'senderok';
is shift @asked, "recipok <first\@example.org> <s\@example.org> 192.0.2.1 client.example <first\@example.org> helo.example "
	. "$dir Q1 ? ? ?\n", 'recipok';
is shift @asked, "recipok <r\@example.org> <s\@example.org> 192.0.2.1 client.example <first\@example.org> helo.example $dir Q1 "
	. "local h a%20b NOTIFY=never\n", '  of a second recipient';

# The replies. At connect there are no words.
for my $case (
	[ "ok 1\n", 'c' ],
	[ "ok 0\n", 'r' ],
	[ "ok -1\n", 't' ],
	[ "ok 2\n", 'a' ],
	[ "ok 3\n", 'd' ],
	[ "ok 1", 't' ],
	[ "ok\n", 't' ],
	[ "error: No free workers\n", 't' ],
	[ "", 't' ],
	[ "ok 0 no%20way 550 5.1.1 0\n", 'y550 5.1.1 no way', 'r' ],
	[ "ok -1 later 450 4.7.1 0\n", 'y450 4.7.1 later', 't' ],
	[ "ok 0 no\n", 'y554 5.7.1 no', 'r' ],
	[ "ok 0 100%25%20no 250 x 0\n", 'y554 5.7.1 100%% no', 'r' ],
	[ "ok 0 one%0Atwo 550 5.1.1 0\n", "y550-5.1.1 one\r\n550 5.1.1 two", 'r' ],
	[ "ok 1\r\n", 't' ],
	[ "ok 1 \n", 't' ],
	[ "ok 4\n", 't' ],
	[ "ok 0  550 5.1.1 0\n", 'y550 5.1.1 Forbidden for policy reasons', 'r' ],
	[ "ok -1  450 4.1.1 0\n", 'y450 4.1.1 Please try again later', 't' ],
	[ "ok 0 no 450 4.1.1 0\n", 'y554 5.7.1 no', 'r' ],
	[ "ok 0 no 55x 5.1.1111 0\n", 'y554 5.7.1 no', 'r' ],
	[ "ok -1 no 550 5.1.1 0\n", 'y451 4.3.0 no', 't' ],
	[ "ok -1 no 45 4.1 0\n", 'y451 4.3.0 no', 't' ],
	[ "ok 0 a%09b%7F%01c%00d 550\n", 'y550 5.7.1 a b  c d', 'r' ],
	[ "ok 0 one%0D%0Atwo%0A 550 5.1.1\n", "y550-5.1.1 one \r\n550 5.1.1 two", 'r' ],
	[ 'ok 0 ' . '%0Ax' x 40 . " 550 5.1.1\n", join("\r\n", "y550-5.1.1 ", ('550-5.1.1 x') x 29, '550 5.1.1 x'), 'r' ],
	[ 'ok 0 ' . '%25' x 600 . " 550 5.1.1\n", 'y550 5.1.1 ' . '%%' x 490, 'r' ],
	[ 'ok 0 ' . 'x' x 70000, 'y554 5.7.1 ' . 'x' x 980, 'r' ],
	)
{
	my ($reply, $verdict, $plain) = @$case;
	my $shown = length $reply < 60 ? $reply =~ s/\n/\\n/r =~ s/\r/\\r/r : substr($reply, 0, 20) . '..';
	for my $phase (qw(C H M R)) {
		my ($got) = at_phase($phase, $reply);
		my $want = $phase eq 'C' && $plain ? $plain : $verdict;
		$want = 'c' if $want eq 'd' && $phase =~ /[CH]/; # told at each message: see below
		is $got, $want, "reply `$shown' in phase $phase";
	}
}
ok $rig->wait_log(qr/^.*error: Q1: Error from multiplexor: error: No free workers session=\w{11}$/m), 'an error is logged with the queue id';
ok $rig->wait_log(qr/^.*error: NOQUEUE: Error from multiplexor: error: No free workers session=\w{11}$/m), '  or NOQUEUE';

ok $rig->wait_log(qr/^.*warning: Q1: MXCommand: Overlong reply from multiplexor was truncated! /m), 'an overlong reply is logged';

# The address that the client came to; without one, that of this host, if its name has one.
my $own_address = defined gethostbyname(hostname()) ? '[\d.]+' : 'UNKNOWN';
for my $case ([ [ '{if_addr}', '192.0.2.50', '{daemon_port}', '587' ], '192.0.2.50 587' ], [ [ '{if_addr}', '', '{daemon_port}', 'smtp' ], "$own_address 0" ],
	[ [ '{if_addr}', '127.0.0.1' ], '\S+ 0' ], [ [ 'i', 'EARLY' ], '\S+ 0', 'EARLY' ])
{
	my ($macros, $own, $id) = @$case;
	my $mta = $rig->connect;
	reply("ok 1\n");
	$mta->macros(C => @$macros);
	$mta->connect_from('', '6', 25, '::192.0.2.6');
	like +($rig->requests)[-1], qr/^relayok 192\.0\.2\.6 192\.0\.2\.6 25 $own @{[ $id || 'NOQUEUE' ]}$/, "relayok with macros @$macros";
}

# Requests that are too long: the ESMTP arguments behind those that fit are left out.
{
	my (undef, $mta) = at_phase(M => "ok 1\n");
	$mta->rcpt('<first@x>');
	my $long = "\1" x 20000; # 60000 bytes when encoded
	is $mta->rcpt("<$long\@x>", 'A=1', "B=$long", 'C=1'), 'c', 'an ESMTP argument that does not fit into the request';
	like +($rig->requests)[-1], qr/ A=1$/, '  is left out';
	is $mta->rcpt("<$long$long\@x>"), 't', 'a recipient that does not: TEMPFAIL';
	ok $rig->wait_log(qr/error: Q1: request to the multiplexor not sent: it is too long /), '  logged';
	is $mta->helo("$long$long"), 't', 'a HELO that does not: TEMPFAIL';
	is $mta->mail("<$long$long\@x>"), 't', 'a sender that does not: TEMPFAIL';
	ok wait_until(sub { !$rig->work_dirs }), '  no directory is left';
}

# DISCARD at connect or HELO is told at each message, at the first stage that the MTA waits for; no message is begun.
sub at_next_stage {
	my ($mta) = @_;
	my $told = $mta->mail('<s@example.org>') || $mta->rcpt('<r@example.org>');
	return $told if $told ne '';
	$mta->command('N');
	$mta->send('E');
	return ($mta->answer)[-1][0];
}

for my $silent (0, 1) {
	my $other = Defang::Rig->new(args => $silent ? [qw(-r -H)] : [qw(-r -H -s -t)], answer => \&answer);
	my $phases = $silent ? 'at the end of message' : 'at MAIL';
	for my $phase (qw(C H)) {
		my $mta = $other->connect;
		spew("$other->{dir}/reply", $phase eq 'C' ? "ok 3\n" : "ok 1\n");
		$mta->connect_from('client.example', '4', 4321, '192.0.2.1');
		spew("$other->{dir}/reply", $phase eq 'H' ? "ok 3\n" : "ok 1\n");
		is $mta->helo('helo.example'), 'c', "DISCARD in phase $phase: the session goes on";
		spew("$other->{dir}/reply", "ok 1\n");
		is at_next_stage($mta), 'd', "  the message is discarded $phases";
		is at_next_stage($mta), 'd', '  and the next one';
		$mta->send('A');
		$mta->helo('other.example');
		is at_next_stage($mta), $phase eq 'C' ? 'd' : 'c', '  after another HELO ' . ($phase eq 'C' ? 'too' : 'no more');
		$mta->send('A');
		ok wait_until(sub { !$other->work_dirs }), '  no work directory is left';
	}
	ok $other->wait_log(qr/info: NOQUEUE: Discarding because filter instructed us to at (CONNECT|HELO) session=\w+$/m), 'logged';
	$other->stop;
}

# What becomes of the message
for my $case ([ 0, 'M', 0 ], [ -1, 'M', 0 ], [ 2, 'M', 0 ], [ 3, 'M', 0 ], [ 1, 'M', 1 ],
	[ 0, 'R', 1 ], [ -1, 'R', 1 ], [ 2, 'R', 0 ], [ 3, 'R', 0 ], [ 1, 'R', 1 ])
{
	my ($n, $phase, $stays) = @$case;
	my (undef, $mta) = at_phase($phase, "ok $n\n");
	is scalar($rig->work_dirs), $stays, "ok $n in phase $phase: the directory " . ($stays ? 'stays' : 'is removed');
}
wait_until(sub { !$rig->work_dirs });

my (undef, $mta) = at_phase(R => "ok 0\n");
is $mta->rcpt('<third@example.org>'), 'r', 'a recipient refused';
reply("ok 1\n");
is $mta->rcpt('<fourth@example.org>', 'X=1'), 'c', '  the next accepted';
$mta->command('N');
$mta->send('E');
is +($mta->answer)[-1][0], 'c', '  the message goes on';
like $rig->seen('<s@example.org>', 'COMMANDS'), qr/\nR<first\@example.org> \? \? \?\nR<fourth\@example.org> .*\nrX=1\nF\n/,
	'  and the refused ones are not recorded';

# A check sees the files.
$rig->stop;
$rig = Defang::Rig->new(args => [qw(-s -t)], answer => sub {
	my ($line, $r) = @_;
	spew("$r->{dir}/at-$1", slurp("$r->{spool}/mdefang-Q1/COMMANDS") . '|' . slurp("$r->{spool}/mdefang-Q1/HEADERS"))
		if $line =~ /^(senderok|recipok)/;
	return 'default';
});
at_phase(R => '');
like slurp("$rig->{dir}/at-senderok"), qr/\nS<s\@example\.org>\n.*\|\z/s, 'senderok finds COMMANDS and HEADERS';
like slurp("$rig->{dir}/at-recipok"), qr/\nR<first.*\n\|\z/s, 'recipok, too, with the recipients so far';
$rig->stop;

# A delay is a timer: other sessions are served meanwhile.
$rig = Defang::Rig->new(args => [qw(-q -r -H -s -t)], answer => \&answer);
# A delay that is not to be is so long that nobody would wait for it here.
for my $phase (qw(C H M R)) {
	my $start = time;
	my ($verdict) = at_phase($phase, 'ok 1 x 250 2.0.0 ' . ($phase eq 'C' ? 600 : 1) . "\n");
	my $took = time - $start;
	is $verdict, 'c', "delay in phase $phase: the verdict";
	cmp_ok $took, '>=', 0.99, "  after $took s" unless $phase eq 'C';
}
for my $case ([ 'ok 0 no 550 5.1.1 1', 'y550 5.1.1 no', 1 ], [ 'ok -1 x 450 4.1.1 1', 'y450 4.1.1 x', 1 ], [ 'ok 2 x 250 2.0.0 1', 'a', 1 ],
	[ 'ok 1 x 250 2.0.0 -600', 'c', 0 ], [ 'ok 1 x 250 2.0.0 600x', 'c', 0 ], [ 'ok 1 x 250 2.0.0', 'c', 0 ])
{
	my ($reply, $want, $delay) = @$case;
	my $start = time;
	my ($verdict) = at_phase(R => "$reply\n");
	my $took = time - $start;
	is $verdict, $want, "delay of `$reply': the verdict";
	cmp_ok $took, '>=', 0.99, "  after $took s" if $delay;
}
my $slow = $rig->connect;
reply("ok 1\n");
$slow->connect_from('h', 'U');
reply("ok 0 no 550 5.1.1 600\n");
$slow->send('H', "h\0");
wait_until(sub { ($rig->requests)[-1] =~ /^helook/ });
is +(at_phase(H => "ok 1\n"))[0], 'c', 'a session in a long delay holds nobody up';
undef $slow;

# The controller's answer never comes, and the MTA goes.
(undef, $slow) = at_phase(M => "ok 1\n");
reply('hang');
$slow->send('R', "<hang\@example.org>\0");
wait_until(sub { grep { /^recipok <hang/ } $rig->requests });
close $slow->{socket};
ok wait_until(sub { grep { /^hangup recipok <hang/ } $rig->requests }), 'an MTA that hangs up withdraws its question';
ok wait_until(sub { !$rig->work_dirs }), '  and its directory is removed';
(undef, $slow) = at_phase(M => "ok 1 x 250 2.0.0 0\n");
reply("ok 1 x 250 2.0.0 600\n");
$slow->send('R', "<delayed\@example.org>\0");
wait_until(sub { grep { /^recipok <delayed/ } $rig->requests });
$slow->send('A');
ok wait_until(sub { !$rig->work_dirs }), 'ABORT in a delay is heard';
reply("ok 1\n");
is $slow->mail('<again@example.org>'), 'c', '  and the session goes on';
undef $slow;

# No controller at all
$rig->stop_controller;
for my $phase (qw(C H M R)) {
	my $next = $rig->connect;
	is $next->command('C', "h\0U"), 't', 'controller gone: CONNECT' if $phase eq 'C';
	is $next->helo('h'), 't', '  HELO' if $phase eq 'H';
	is $next->mail('<a@b>'), 't', '  MAIL' if $phase eq 'M';
	is $next->rcpt('<a@b>'), 't', '  RCPT' if $phase eq 'R';
}
ok $rig->wait_log(qr/NOQUEUE: MXCommand: connect: No such file or directory: Is multiplexor running\?/), '  is logged';
ok wait_until(sub { !$rig->work_dirs }), '  no directory stays';

# A controller that hangs up at the question
{
	my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => "$rig->{dir}/pool.sock", Listen => 5) or die $!;
	chmod 0777, "$rig->{dir}/pool.sock";
	my $mta = $rig->connect;
	$mta->send('H', "h\0");
	my $asked = $listen->accept;
	IO::Select->new($asked)->can_read(20);
	close $asked;
	is +($mta->answer)[-1][0], 't', 'controller hangs up unread: HELO';
	ok $rig->wait_log(qr/error: NOQUEUE: MXCommand: (read|write): \w[^:]*: Is multiplexor running\?/), '  is logged';
	unlink "$rig->{dir}/pool.sock";
}
$rig->stop;

# Free workers: [ options, reply to `free`, verdict for this host, verdict for others ]
for my $case (
	[ [], "1\n", 'c', 'c' ],
	[ [], "0\n", 't', 't' ],
	[ [], "-1\n", 't', 't' ],
	[ [], "nonsense\n", 't', 't' ],
	[ [], '', 't', 't' ],
	[ [qw(-R 3)], "3\n", 'c', 'c' ],
	[ [qw(-R 3)], "2\n", 'c', 't' ],
	[ [qw(-R 3)], "0\n", 'c', 't' ],
	[ [qw(-R 3)], "-1\n", 't', 't' ],
	[ [qw(-R 0)], "0\n", 'c', 'c' ],
	[ [qw(-R -7)], "0\n", 't', 't' ],
	[ [qw(-q -R 3 -r)], "0\n", 'c', 'c' ],
	)
{
	my ($args, $free, $near, $far) = @$case;
	$rig = Defang::Rig->new(args => $args, answer => \&answer);
	spew("$rig->{dir}/free", $free);
	my $name = "@$args, free " . ($free =~ s/\n/\\n/r);
	is $rig->connect->connect_from('h', '4', 1, '127.0.0.1'), $near, "$name: 127.0.0.1";
	is $rig->connect->connect_from('h', '6', 1, 'IPv6:0:0:0:0:0:0:0:1'), $near, "$name: ::1";
	is $rig->connect->connect_from('h', 'U'), $near, "$name: no address";
	is $rig->connect->connect_from('h', 'L', 0, '/s'), $far, "$name: a local socket";
	is $rig->connect->connect_from('h', '4', 1, '192.0.2.1'), $far, "$name: elsewhere";
	ok $rig->wait_log(qr/warning: mfconnect: No free workers: Need 3, found 2/), '  logged' if $free eq "2\n";
	is $rig->{log} =~ /warning: -R has no effect with -q/ ? 1 : 0, "@$args" =~ /-q -R/ ? 1 : 0, '  a -R that has no effect is told';
	ok $rig->wait_log(qr/warning: mfconnect: Error communicating with multiplexor/), '  logged' if $free eq '';
}

# -L shows a client as 127.0.0.1 without making it this host.
$rig = Defang::Rig->new(args => [qw(-R 3 -r -L 192.0.2.1)], answer => \&answer);
is $rig->connect->connect_from('h', '4', 1, '192.0.2.1'), 'c', '-L with enough workers';
like +($rig->requests)[-1], qr/^relayok 127\.0\.0\.1 h 1 /, '  is told as 127.0.0.1';
spew("$rig->{dir}/free", "2\n");
is $rig->connect->connect_from('h', '4', 1, '192.0.2.1'), 't', '  but is not this host';
done_testing;
