#!/usr/bin/perl
# What each option does that no other test of the milter shows: milter_start has those that are refused, milter_checks -r -H -s -t -q -R -L,
# milter_dirs -d -k -G, milter_files -a -c, milter_negotiate -y -N, milter_results -T -x, milter_start -D -P.
use strict;
use warnings;
use Fcntl qw(F_SETFL O_NONBLOCK);
use IO::Socket::IP;
use Socket qw(PF_UNIX SOCK_DGRAM SOCK_STREAM pack_sockaddr_un);
use Sys::Hostname;
use Test::More;
use Defang::Rig;
use Defang::Test ();

my $root = $> == 0;
my $namespaces = $root && system('unshare -um true 2>/dev/null') == 0;

# Started with options of the test's own making, which may use the folder; undef when it ended instead.
sub started {
	my ($options, %opt) = @_;
	my $rig = Defang::Rig->new(%opt, no_start => 1);
	$rig->start($options->($rig));
	return $rig if $rig->wait_log(qr/entering main loop/);
	return;
}

sub free_port {
	my ($host) = @_;
	for (1 .. 20) {
		my $port = Defang::Test::free_port();
		return $port if IO::Socket::IP->new(Listen => 1, LocalHost => $host, LocalPort => $port, ReuseAddr => 1);
	}
	return;
}

sub serves {
	my ($host, $port) = @_;
	my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port) or return;
	my $mta = bless { socket => $socket, input => '' }, 'Defang::Rig::Mta';
	return $mta->negotiate;
}

# -p and -m
for my $case ([ 'local:', sub { "local:$_[0]{spool}/milter.sock" } ], [ 'a path', sub { "$_[0]{spool}/milter.sock" } ], [ 'a relative path', sub { 'milter.sock' } ])
{
	my ($name, $text) = @$case;
	my $rig = started(sub { ('-p', $text->(@_), '-m', "local:$_[0]{dir}/pool.sock") });
	is $rig->connect->outcome =~ s/.* //r, 'c', "-p $name: serves";
	is $rig->stop, 0, '  and ends';
	ok !-e "$rig->{spool}/milter.sock", '  the socket is gone';
}
for my $case ([ 'inet', '127.0.0.1' ], [ 'inet6', '::1' ]) {
	SKIP: {
		my ($kind, $host) = @$case;
		my $port = free_port($host) // skip "no $kind here", 2;
		my $rig = started(sub { ('-p', "$kind:$port\@$host") });
		is serves($host, $port), 'O', "-p $kind:PORT\@HOST: serves";
		unlike $rig->{log}, qr/names no host/, '  without a warning';
		$rig->stop;
		$rig = started(sub { ('-p', "$kind:$port") });
		is serves($host, $port), 'O', "-p $kind:PORT: serves";
		like $rig->{log}, qr/warning: -p $kind:$port names no host: listening on all addresses/, '  with a warning';
	}
}
SKIP: {
	my $name = hostname();
	my $packed = gethostbyname $name;
	skip 'our host name has no address', 1 unless defined $packed && $name =~ /[a-z]/i && $name ne 'localhost';
	my $host = join '.', unpack 'C4', $packed;
	my $port = free_port($host) // skip "cannot listen on $host", 1;
	my $rig = started(sub { ('-p', "inet:$port\@$name") });
	is serves($host, $port), 'O', '-p with a host name: it is looked up';
}
my $rig = Defang::Rig->new(no_start => 1);
spew("$rig->{spool}/milter.sock", 'precious');
$rig->start;
ok $rig->wait_log(qr/cannot listen on -p \S+: File exists/), 'a file that is not a socket is in the way: told';
is slurp("$rig->{spool}/milter.sock"), 'precious', '  and stays';

# -b: a program that stands still fills its queue with that many, and one.
for my $case ([ 3, 5 ], [ 9, 9 ]) {
	my ($given, $backlog) = @$case;
	$rig = Defang::Rig->new(args => [ '-b', $given ]);
	kill 'STOP', $rig->{pid};
	waitpid $rig->{pid}, POSIX::WUNTRACED();
	my @waiting;
	while (@waiting < 50) {
		socket my $socket, PF_UNIX, SOCK_STREAM, 0 or die $!;
		fcntl $socket, F_SETFL, O_NONBLOCK or die $!;
		connect $socket, pack_sockaddr_un("$rig->{spool}/milter.sock") or last;
		push @waiting, $socket;
	}
	is scalar(@waiting), $backlog + 1, "-b $given: so many connections wait";
	kill 'CONT', $rig->{pid};
}

# -U, modes of files, -G
for my $case ([ [], '0700', '0600' ], [ ['-G'], '0750', '0640' ]) {
	my ($args, $dir_mode, $file_mode) = @$case;
	$rig = Defang::Rig->new(args => [ @$args, '-d', '-C', '-M' ]);
	my $mta = $rig->connect;
	is $mta->outcome =~ s/.* //r, 'c', "options @$args -d -C -M";
	my ($dir) = map { "$rig->{spool}/$_" } $rig->work_dirs;
	is sprintf('%04o', (stat $dir)[2] & 07777), $dir_mode, '  mode of the directory';
	is sprintf('%04o', (stat "$dir/$_")[2] & 07777), $file_mode, "  mode of $_" for qw(COMMANDS HEADERS INPUTMSG);
	is slurp("$dir/INPUTMSG"), "Subject: test\n\nbody\n", '  the message is as without them';
	my ($uid) = slurp("/proc/$rig->{pid}/status") =~ /^Uid:\s+(.*)/m;
	my $want = $root ? (getpwnam 'nobody')[2] : $>;
	is $uid, join("\t", ($want) x 4), '  the user';
}

# -o
$rig = started(sub { ('-o', "$_[0]{spool}/my.lock") });
my $second = fork // die;
if (!$second) {
	open STDERR, '>', "$rig->{dir}/second";
	exec Defang::Rig::program(), '-p', "$rig->{spool}/other.sock", '-m', "$rig->{dir}/pool.sock", '-z', $rig->{spool}, '-D', '-o',
		"$rig->{spool}/my.lock", $root ? qw(-U nobody) : ()
		or POSIX::_exit(127);
}
waitpid $second, 0;
is $? >> 8, 75, '-o: a second one ends';
like slurp("$rig->{dir}/second"), qr/Cannot lock lockfile \S+my\.lock: Is another copy running\?/, '  with a word';
$rig->stop;
ok !-e "$rig->{spool}/my.lock", '  the lock file is gone with the first';

# -S, and what the log is like for syslog
SKIP: {
	skip 'needs namespaces', 3 unless $namespaces;
	$rig = Defang::Rig->new(no_start => 1);
	my $dev = "$rig->{dir}/dev";
	mkdir $dev or die $!;
	spew("$dev/null", '');
	my $syslog = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dev/log") or die $!;
	chmod 0777, "$dev/log";
	$rig->{wrap} = [ 'unshare', '-m', 'sh', '-c', "mount --bind /dev/null $dev/null && mount --rbind $dev /dev && exec \"\$@\"", 'sh' ];
	$rig->start(qw(-S local3));
	$rig->wait_log(qr/entering main loop/);
	my $got = '';
	wait_until(sub { IO::Select->new($syslog)->can_read(0.1) && sysread $syslog, $got, 65536, length $got; $got =~ /entering main/ });
	like $got, qr/<158>\w+ .* mimedefang\[$rig->{pid}\]: MIMEDefang alive\. /, '-S: the facility of what syslog gets';
	$rig->stop;
	is_deeply [ grep { $_ >> 3 != 19 } $got =~ /<(\d+)>/g ], [], '  of all of it'; # a host whose name has no address is warned
	like $rig->{log}, qr/info: Multiplexor alive/, '  and -D shows the same on standard error';
}

# -a
my $name = 'n' x 200;
$rig = Defang::Rig->new(args => [ map { ('-a', $_) } $name, map { "m$_" } 1 .. 29 ]);
my $mta = $rig->connect;
$mta->message(macros => { M => [ "{$name}", 'long', '{m29}', 'last' ] });
like $rig->seen('<s@example.org>', 'COMMANDS'), qr/\n=$name long\n=m29 last\nH/, '-a: thirty macros, one with a name of 200 bytes';
my $program = Defang::Rig::program();
like qx($program -p /s -m /m -a $name$name 2>&1), qr/Macro name too long: $name/, '  a longer one is refused';
like qx($program -p /s -m /m @{[ '-a x ' x 31 ]} 2>&1), qr/Too many Sendmail macros \(max 30\)/, '  and one more';

# -L in another spelling
$rig = Defang::Rig->new(args => [ '-L', '2001:DB8:0:0::1', '-r' ]);
$rig->connect->connect_from('h', '6', 25, 'IPv6:2001:db8::1');
like +($rig->requests)[-1], qr/^relayok 127\.0\.0\.1 h 25 /, '-L: the same address in another spelling';

# -x, -X and the address behind the text
for my $case (
	[ [], 'MIMEDefang \d\S+ on 192\.0\.2\.99' ],
	[ [ '-x', 'our text' ], 'our text on 192\.0\.2\.99' ],
	[ [ '-x', '' ] ],
	[ ['-X'] ],
	[ [ '-X', '-x', 'text' ] ],
	)
{
	my ($args, $header) = @$case;
	$rig = Defang::Rig->new(args => $args);
	$mta = $rig->connect;
	$mta->macros(C => '{if_addr}', '192.0.2.99');
	like $mta->outcome, $header ? qr/^hX-Scanned-By\|$header\| c$/ : qr/^c$/, 'X-Scanned-By with options ' . join ' ', map { "`$_'" } @$args;
}

# The address of this host
SKIP: {
	skip 'needs namespaces', 5 unless $namespaces;
	my @wrap = ('unshare', '-u', 'sh', '-c', 'hostname no-such-host.invalid && exec "$@"', 'sh');
	my $warning = qr/Could not determine my own IP address!  Ensure that no-such-host\.invalid has an entry in \/etc\/hosts or the DNS/;
	$rig = Defang::Rig->new(wrap => \@wrap, args => ['-r']);
	like $rig->{log}, qr/warning: $warning/, 'a host name without an address is told';
	$mta = $rig->connect;
	like $mta->outcome, qr/^hX-Scanned-By\|MIMEDefang \S+\| c$/, '  X-Scanned-By tells none';
	like join('', $rig->requests), qr/^relayok \S+ \S+ \S+ UNKNOWN 0 /m, '  nor do requests';
	$rig->stop;
	$rig = Defang::Rig->new(wrap => \@wrap, daemon => 1, no_start => 1);
	$rig->start('-P', "$rig->{dir}/pid");
	waitpid delete $rig->{pid}, 0;
	is $?, 0, '  in the background, too, that is no failure';
	ok $rig->wait_log(qr/^$warning\n/), '  but told on standard error';
	kill 'TERM', $1 if (slurp("$rig->{dir}/pid") // '') =~ /(\d+)/;
}

# mimedefang-ip-key
for my $case (
	[ "X-Key: no\n", 78 ],
	[ "X" x 600 . "\n", 78 ],
	[ "\xe4\n", 78 ],
	[ "\nX-Key\n", 0, qr/warning: \S+mimedefang-ip-key: No data available: no IP validation header/ ],
	[ "X-Key", 0, qr/debug: IP validation header is X-Key/ ],
	)
{
	my ($key, $status, $log) = @$case;
	$rig = Defang::Rig->new(key => $key, no_start => 1);
	$rig->start;
	my $shown = length $key < 20 ? $key =~ s/\n/\\n/gr : 'long';
	if ($status) {
		ok $rig->wait_log(qr/mimedefang-ip-key: the first line is not a header's name of at most 512 bytes/), "key file `$shown': told";
		waitpid delete $rig->{pid}, 0;
		is $? >> 8, $status, '  exit status';
	} else {
		ok $rig->wait_log(qr/entering main loop/), "key file `$shown': starts";
		like $rig->{log}, $log, '  logged';
	}
}
$rig = Defang::Rig->new(no_start => 1);
mkdir "$rig->{dir}/mimedefang-ip-key";
$rig->start;
ok $rig->wait_log(qr/warning: \S+mimedefang-ip-key: Is a directory: no IP validation header/), 'a key file that cannot be read: told';
ok $rig->wait_log(qr/entering main loop/), '  and we go on';
done_testing;
