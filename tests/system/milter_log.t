#!/usr/bin/perl
# What the front end logs: every line of a session has its id, and every message one line that sums it up.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

# A sender names what becomes of its message: the answer to a check or to the scan.
sub answer {
	my ($line, $rig) = @_;
	if (my ($dir) = $line =~ /^scan \S+ (\S+)/) {
		my ($what) = (slurp("$dir/COMMANDS") // return) =~ /^S<(\w+)/m;
		return if $what eq 'hang';
		return '' if $what eq 'gone';
		return "error: no luck\nfacts worker=7 queued_ms=1 run_ms=2\n" if $what eq 'fail';
		return "ok\nfacts worker=7 queued_ms=1 run_ms=2\n" if $what eq 'missing';
		my %results = (reject => "B550 5.7.1 not%20\"me\"\nF\n", discard => "D\nF\n", bad => "D\n", body => "C\nF\n", header => "HA b\nF\n");
		spew("$dir/RESULTS", $results{$what} // "F\n");
		return "ok\n" . ($what eq 'old' ? '' : "facts worker=7 queued_ms=15 run_ms=230\n");
	}
	return "ok 0 go%20away 550 5.1.8 0\n" if $line =~ /^senderok <refused/;
	return "ok 0 go%20away 550 5.1.8 20\n" if $line =~ /^senderok <late/;
	return "ok 2\n" if $line =~ /^senderok <trusted/;
	return "error: No free workers\n" if $line =~ /^senderok <busy/;
	return "ok 0 no%20such%20user 550 5.1.1 0\n" if $line =~ /^recipok <nobody/;
	return 'default';
}

my $rig = Defang::Rig->new(args => ['-T', '-s', '-t'], answer => \&answer);

# The next summary line, without queue id and ids that differ from run to run.
sub summary {
	my $line = $rig->wait_log(qr/info: (\S+: message .*)$/m) // return 'none';
	$rig->clear_log;
	return $line =~ s/ total_ms=\d+ session=\w{11}$//r =~ s/^Q\K\d+(: )message client=\[192\.0\.2\.1\] name=client\.example /$1/r
		=~ s/message client=\[192\.0\.2\.1\] name=client\.example //r;
}

# Messages that come to their end. [ sender, summary ]
my $mta = $rig->connect;
for my $case (
	[ 'good@x', 'verdict=accept stage=eom reply= cause= worker=7 queued_ms=15 run_ms=230' ],
	[ 'old@x', 'verdict=accept stage=eom reply= cause= worker= queued_ms= run_ms=' ],
	[ 'reject@x', 'verdict=reject stage=eom reply="550 5.7.1 not \"me\"" cause= worker=7 queued_ms=15 run_ms=230' ],
	[ 'discard@x', 'verdict=discard stage=eom reply= cause= worker=7 queued_ms=15 run_ms=230' ],
	[ 'fail@x', 'verdict=tempfail stage=eom reply= cause=controller-error worker=7 queued_ms=1 run_ms=2' ],
	[ 'missing@x', 'verdict=tempfail stage=eom reply= cause=results-missing worker=7 queued_ms=1 run_ms=2' ],
	[ 'body@x', 'verdict=tempfail stage=eom reply= cause=results-missing worker=7 queued_ms=15 run_ms=230' ],
	[ 'bad@x', 'verdict=tempfail stage=eom reply= cause=results-bad worker=7 queued_ms=15 run_ms=230' ],
	[ 'gone@x', 'verdict=tempfail stage=eom reply= cause=no-controller worker= queued_ms= run_ms=' ],
	)
{
	my ($sender, $rest) = @$case;
	$mta->message(from => "<$sender>", to => [ '<a@x>', '<nobody@x>', '<b@x>' ], macros => { M => [ i => 'Q1' ] });
	is summary(), "Q: message from=<$sender> nrcpts=2 size=20 $rest" =~ s/message //r, $sender;
}
$mta->message(from => "<good \"q\" verdict=reject\r\n\xe9\@x>");
is summary(), 'NOQUEUE: from="<good \"q\" verdict=reject\x0D\x0A\xE9@x>" nrcpts=1 size=20 verdict=accept stage=eom reply= cause= '
	. 'worker=7 queued_ms=15 run_ms=230', 'a hostile sender';

# Those that end on the way
my $next_id = 2;
my $none = 'worker= queued_ms= run_ms=';
sub begun {
	my ($sender) = @_;
	my $new = $rig->connect;
	$new->connect_from('client.example', '4', 4321, '192.0.2.1');
	$new->macros(M => i => 'Q' . $next_id++);
	$new->mail("<$sender>");
	return $new;
}
begun('refused@x');
is summary(), "Q: from=<refused\@x> nrcpts=0 size=0 verdict=reject stage=mail reply=\"550 5.1.8 go away\" cause= $none", 'refused at MAIL';
begun('trusted@x');
is summary(), "Q: from=<trusted\@x> nrcpts=0 size=0 verdict=accept stage=mail reply= cause= $none", 'accepted at MAIL';
begun('busy@x');
is summary(), "Q: from=<busy\@x> nrcpts=0 size=0 verdict=tempfail stage=mail reply= cause=controller-error $none", 'not judged at MAIL';
$mta = begun('a@x');
$mta->rcpt('<nobody@x>');
$mta->send('A');
is summary(), "Q: from=<a\@x> nrcpts=0 size=0 verdict=aborted stage=rcpt reply= cause=aborted-by-mta $none", 'ABORT when no recipient is left';
$mta = begun('a@x');
$mta->rcpt('<r@x>');
$mta->macros(R => '{rcpt_mailer}', 'error', '{rcpt_host}', '5.1.1', '{rcpt_addr}', 'no such user');
$mta->rcpt('<r2@x>');
$mta->send('A');
is summary(), "Q: from=<a\@x> nrcpts=1 size=0 verdict=aborted stage=rcpt reply= cause=aborted-by-mta $none", 'a recipient that the MTA refuses';
$mta = begun('a@x');
$mta->mail('<b@x>');
is summary(), "Q: from=<a\@x> nrcpts=0 size=0 verdict=aborted stage=mail reply= cause=aborted-by-mta $none", 'another MAIL';
$mta->rcpt('<r@x>');
$mta->header(A => 'b');
close $mta->{socket};
is summary(), "Q: from=<b\@x> nrcpts=1 size=5 verdict=lost stage=header reply= cause=hangup $none", 'hang-up';
$mta = begun('hang@x');
$mta->rcpt('<r@x>');
$mta->send('E');
ok wait_until(sub { grep { /^scan/ } $rig->requests }), 'a scan is asked for';
$mta->send('A');
is summary(), "Q: from=<hang\@x> nrcpts=1 size=1 verdict=aborted stage=eom reply= cause=aborted-by-mta $none", '  and withdrawn';
$mta->mail('<a@x>');
$mta->send(N => '');
$mta->command(T => '');
$mta->send('E');
like summary(), qr/verdict=tempfail stage=data reply= cause=protocol-error /, 'commands out of order';
mkdir "$rig->{spool}/mdefang-TAKEN";
$mta->macros(M => i => 'TAKEN');
$mta->mail('<a@x>');
like summary(), qr/^TAKEN: .*from=<a\@x> nrcpts=0 size=0 verdict=tempfail stage=mail reply= cause=spool/, 'no work directory';
rmdir "$rig->{spool}/mdefang-TAKEN";
$mta = begun('a@x');
$mta->write("\0\0\0\0");
like summary(), qr/verdict=lost stage=mail reply= cause=protocol-error/, 'nonsense';
$mta = $rig->connect(actions => 2);
$mta->message(from => '<header@x>');
like summary(), qr/verdict=tempfail stage=eom reply= cause=mta-cannot/, 'an MTA that can add no header';
$mta = begun('a@x');
my $waits = begun('hang@x');
$waits->rcpt('<r@x>');
$rig->clear_requests;
$waits->send('E');
ok wait_until(sub { grep { /^scan/ } $rig->requests }), 'two messages in hand';
my $late = $rig->connect;
$late->connect_from('h', 'U');
$late->send('M', "<late\@x>\0");
ok wait_until(sub { grep { /^senderok <late/ } $rig->requests }), '  and one whose refusal is delayed';
$mta->rcpt('<r@x>') for 1 .. 2;
is $rig->stop, 0, '  at the end';
like $rig->{log}, qr/from=<a\@x> nrcpts=2 size=0 verdict=lost stage=rcpt reply= cause=stopping/, '  one is lost';
like $rig->{log}, qr/from=<late\@x> nrcpts=0 size=0 verdict=tempfail stage=mail reply= cause=stopping/, '  one is told, in words of ours';
like $rig->{log}, qr/from=<hang\@x> nrcpts=1 size=1 verdict=tempfail stage=eom reply= cause=stopping/, '  the other is told';

# Session ids
$rig = Defang::Rig->new(args => ['-T'], answer => sub { $_[0] =~ /^scan / ? "error: no luck\n" : 'default' });
for my $each (map { $rig->connect } 1 .. 2) {
	$each->outcome(macros => { M => [ i => "Q$_" ] }) for 1 .. 2;
}
ok $rig->wait_log(qr/(?:Filter time .*){4}/s), 'messages of two sessions';
my %ids; # by the session: its lines
push @{ $ids{$2} }, $1 while $rig->{log} =~ /^mimedefang\[\d+\]: \w+: (Q\d: .*) session=(\w{11})$/mg;
is scalar(keys %ids), 2, 'each session has an id';
for (values %ids) {
	is scalar(grep({ /^Q\d: Error from multiplexor: error: no luck$/ } @$_)), 2, 'in an error of either message';
	is scalar(grep({ /^Q\d: Filter time is \d+ms$/ } @$_)), 2, 'in an information';
	is scalar(grep({ /^Q\d: message client=/ } @$_)), 2, 'and in the summary';
}
is $rig->stop, 0, 'end';

$rig = Defang::Rig->new(args => ['--no-summary', '-T']);
$rig->connect->message;
is $rig->stop, 0, '--no-summary';
like $rig->{log}, qr/NOQUEUE: Filter time/, '  other lines are there';
unlike $rig->{log}, qr/message client/, '  summaries are not';
done_testing;
