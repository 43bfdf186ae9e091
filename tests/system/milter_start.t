#!/usr/bin/perl
# Options that are refused, the way into the background, waiting for the controller, and the end.
use strict;
use warnings;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use Defang::Rig;
use Defang::Test ();

my $program = Defang::Rig::program();
my @root = $> == 0 ? qw(-U nobody) : ();

sub run_program {
	my (@args) = @_;
	my $pid = open my $fh, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		exec { $program } 'prog', @args or POSIX::_exit(127);
	}
	local $/;
	my $text = <$fh>;
	close $fh;
	return ($? >> 8, $text);
}

for my $case (
	[ [qw(-p /s)], 64, qr/^prog: You must use the `-m' option\.\nTry 'prog -h'\.\n\z/ ],
	[ [qw(-m /s)], 64, qr/^prog: You must use the `-p' option\.\n/ ],
	[ [qw(-p /s -m /m -W)], 64, qr/^prog: Unknown option -W\nTry 'prog -h'\.\n\z/ ],
	[ [qw(-p inet:x -m /m)], 64, qr/^prog: Option -p: 'inet:x': port is not a number of 1 to 65535\n/ ],
	[ [qw(-p /s -m /m -S none)], 64, qr/^prog: Unknown syslog facility none\n/ ],
	[ [qw(-p /s -m /m -R x)], 64, qr/^prog: Option -R: 'x' is not a number\n/ ],
	[ [qw(-p /s -m /m --loops 0)], 64, qr/^prog: Option --loops: '0' is out of range \(1 to 64\)\n/ ],
	[ [qw(-p /s -m /m --grace x)], 64, qr/^prog: Option --grace: 'x' is not a number\n/ ],
	[ [qw(-p bogus:foo -m /m)], 64, qr/^prog: Option -p: 'bogus:foo': not a path, nor unix:/ ],
	[ [qw(-p inet:1@no.such.host.invalid -m /m)], 68, qr/^prog: Option -p: 'inet:1\@no\.such\.host\.invalid': \w/ ],
	[ ['prcap'], 0, qr/^SMFI_VERSION {19}6 .*\n(MILTER_BUILDLIB_HAS_(?=.{10} )[A-Z]+ +[01]\n){12}\z/ ],
	[ ['-h'], 1, qr/^usage: prog / ],
	[ ['-v'], 0, qr/^mimedefang version \d+\.\d+\.\d+\n\z/ ],
	[ [qw(-p /s -m /m -U no-such-user)], 67, qr/-U no-such-user: no such user/ ],
	)
{
	my ($args, $status, $text) = @$case;
	my ($got, $said) = run_program(@$args);
	is $got, $status, "@$args: exit status";
	like $said, $text, '  and words';
}
SKIP: {
	skip 'not root', 3 if $> != 0;
	my ($got, $said) = run_program(qw(-p /s -m /m));
	is $got, 64, 'root without -U is refused';
	like $said, qr/^ERROR: You must not run mimedefang as root\./, '  with a word';
	is +(run_program(qw(-p /s -m /m -U root)))[0], 64, '  as is -U root';
}
my ($status, $said) = run_program(qw(-p /s -m /m -z /no/such/folder -D), @root);
is $status, 66, 'no spool: exit status';
like $said, qr{Unable to chdir\(/no/such/folder\): No such file}, '  and words';

# In the foreground
my $rig = Defang::Rig->new(args => ['-P', '/nonexistent/pid'], no_controller => 1);
ok $rig->wait_log(qr/pid file \/nonexistent\/pid: /), 'a pid file that cannot be made';
waitpid delete $rig->{pid}, 0;
is $? >> 8, 73, '  ends the program';
for my $case ([ [], '0750' ], [ ['-G'], '0770' ]) {
	$rig = Defang::Rig->new(args => $case->[0]);
	is sprintf('%04o', (stat "$rig->{spool}/milter.sock")[2] & 07777), $case->[1], "mode of the socket @{ $case->[0] }";
	like $rig->{log}, qr/info: MIMEDefang alive\. workersReservedForLoopback=-1 AllowNewConnectionsToQueue=0 doRelayCheck=0 /, '  start is logged';
	for my $signal ($case->[0][0] ? 'HUP' : 'INT') {
		my $start = time;
		is $rig->stop($signal), 0, "  SIG$signal ends it";
		cmp_ok time - $start, '<', 12, '  soon: not only when the time of grace is over';
		ok !-e "$rig->{spool}/milter.sock", '  and the socket is gone';
	}
}

# The controller comes late.
$rig = Defang::Rig->new(no_controller => 1);
ok wait_until(sub { -S "$rig->{spool}/milter.sock" }), 'without a controller the socket is there';
my $mta = $rig->connect(raw => 1);
$mta->send('O', pack 'NNN', 6, 0x1ff, 0x1fffff);
unlike $rig->{log}, qr/entering main loop/, '  but nobody is served';
$rig->start_controller;
ok $rig->wait_log(qr/Multiplexor alive - entering main loop/), '  until it comes';
is +($mta->recv)[0], 'O', '  who waited is served then';
$rig->stop;
$rig = Defang::Rig->new(no_controller => 1);
wait_until(sub { -S "$rig->{spool}/milter.sock" });
is $rig->stop('TERM'), 0, 'SIGTERM ends the waiting, too';

# Where it listens
$rig = Defang::Rig->new;
my $second = fork // die;
if (!$second) {
	open STDERR, '>', "$rig->{dir}/second";
	exec $program, '-p', "$rig->{spool}/milter.sock", '-m', "$rig->{dir}/pool.sock", '-z', $rig->{spool}, '-D', @root
		or POSIX::_exit(127);
}
waitpid $second, 0;
is $? >> 8, 69, 'a second one on the same socket ends';
like slurp("$rig->{dir}/second"), qr/cannot listen on -p \S+milter\.sock: Address already in use/, '  with a word';
is +($rig->connect->message)[-1][0], 'c', '  the first is served as before';
kill 'KILL', $rig->{pid};
waitpid delete $rig->{pid}, 0;
ok -S "$rig->{spool}/milter.sock", 'a killed one leaves its socket';
$rig->{log} = '';
$rig->start;
ok $rig->wait_log(qr/entering main loop/), '  which the next one takes over';
$rig->stop;

my $port = Defang::Test::free_port();
$rig = Defang::Rig->new(args => [ '-p', "inet:$port" ]);
ok $rig->wait_log(qr/warning: -p inet:$port names no host: listening on all addresses/), 'inet:PORT is all addresses, with a warning';
ok +IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port), '  and can be connected to';
$rig->stop;

# In the background
my $told = qx{sh -c 'ulimit -n 4; exec "\$0" "\$@"' $program -p /s -m /m @root 2>&1};
is $? >> 8, 71, 'no descriptors for the way there: exit status';
like $told, qr/cannot go into the background: Too many open files/, '  and words';
$rig = Defang::Rig->new(daemon => 1, no_start => 1);
my $pid_file = "$rig->{dir}/pid";
$rig->start('-P', $pid_file);
waitpid delete $rig->{pid}, 0;
is $?, 0, 'a daemon: the first process ends with 0';
like slurp($pid_file), qr/^\d+\n\z/, '  the pid file is written';
is +($rig->connect->message)[-1][0], 'c', '  and it serves';
my ($daemon) = slurp($pid_file) =~ /(\d+)/;
$rig->start('-P', $pid_file);
waitpid delete $rig->{pid}, 0;
is $? >> 8, 75, 'another one with the same pid file ends with an error';
is slurp($pid_file), "$daemon\n", '  and leaves the pid file alone';
ok kill(0, $daemon), '  and the first one';
kill 'TERM', $daemon;
ok wait_until(sub { !kill 0, $daemon }), 'SIGTERM ends it';
ok !-s $pid_file, '  the pid file is empty or gone';
ok !-e "$pid_file.lock", '  the lock file is gone';

# A controller that does not come, and one that takes the question and is silent
for my $silent (0, 1) {
	my $start = time;
	$rig = Defang::Rig->new(args => [ '--wait-controller', 1 ], answer => sub { return }, no_controller => 1);
	$rig->start_controller if $silent;
	ok $rig->wait_log(qr/Multiplexor socket did not appear\.  Exiting\./), $silent ? 'a silent controller: gives up' : 'no controller at all: gives up';
	waitpid delete $rig->{pid}, 0;
	is $? >> 8, 1, '  with exit status 1';
	cmp_ok time - $start, '>=', 1, '  not before the time is over';
	ok !-e "$rig->{spool}/milter.sock", '  and removes its socket';
}
done_testing;
