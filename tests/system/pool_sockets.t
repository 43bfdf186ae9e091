# Where the controller listens: every form of a socket for -a, -N and -O, modes, backlog, and what is in the way.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use IO::Socket::IP;
use POSIX ();
use IO::Socket::UNIX;
use Socket qw(AF_UNIX SOCK_NONBLOCK SOCK_STREAM pack_sockaddr_un);
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew free_port);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
sub mode { return sprintf '%o', (stat $_[0])[2] & 0777 }

# What each socket says to whoever asks as it should be asked.
my %service = (
	-a => { ask => "free\n", want => '2' },
	-N => { ask => '9:echo good,', want => '4:good,' },
	-O => { ask => '', want => "*OK\n" },
);

sub answer
{
	my ($handle, $service) = @_;
	return 'no connection' if !$handle;
	syswrite $handle, $service->{ask};
	my $got = '';
	wait_until(10, sub { !sysread($handle, $got, 1, length $got) || length $got == length $service->{want} });
	return $got;
}

# The addresses that the port is listened on, as /proc has them.
sub listening
{
	my ($port) = @_;
	my $hex = sprintf '%04X', $port;
	return join ' ', map { slurp("/proc/net/$_") =~ /^ *\d+: ([0-9A-F]+):$hex \S+ 0A /mg } 'tcp', 'tcp6';
}

my $ipv6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1);
my %forms = (
	'inet:' => [ '127.0.0.1', '0100007F' ],
	'inet_any:' => [ '127.0.0.1', '00000000' ],
	'inet6:' => [ '::1', '0' x 24 . '01000000' ],
	'inet6_any:' => [ '::1', '0' x 32 ],
);

for my $option (sort keys %service) {
	subtest $option => sub {
		for my $form ('', 'unix:', 'local:') {
			my $path = "$dir/some.sock";
			$pool->start($option, "$form$path");
			is answer(IO::Socket::UNIX->new(Peer => $path), $service{$option}), $service{$option}{want}, "${form}PATH";
			is mode($path), $option eq '-a' ? '777' : '750', "${form}PATH: mode";
			$pool->stop;
			ok !-e $path, "${form}PATH: gone with the controller";
		}
		for my $form (sort keys %forms) {
			SKIP: {
				skip 'no IPv6 here', 2 if $form =~ /6/ && !$ipv6;
				my ($host, $address) = @{ $forms{$form} };
				my $port = free_port();
				$pool->start($option, "$form$port");
				is answer(IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Type => SOCK_STREAM), $service{$option}),
					$service{$option}{want}, "${form}PORT";
				is listening($port), $address, "${form}PORT: on that address";
				$pool->stop;
			}
		}
	};
}

subtest 'the request socket' => sub {
	local $pool->{socket} = "unix:$dir/pool.sock";
	defined(my $pid = fork) or die $!;
	exec $pool->command('-D') if !$pid;
	local $pool->{socket} = "$dir/pool.sock";
	$pool->{pid} = $pid;
	ok wait_until(10, sub { defined $pool->ask('version') }), 'unix:PATH';
	$pool->stop;
	ok !-e "$dir/pool.sock", 'is gone with the controller';
	my @command = grep { $_ ne '-s' && $_ ne $pool->{socket} } $pool->command('-D');
	defined($pid = fork) or die $!;
	exec @command if !$pid;
	$pool->{pid} = $pid;
	local $pool->{socket} = "$dir/mimedefang-multiplexor.sock";
	ok wait_until(10, sub { defined $pool->ask('version') }), 'without -s it is in the spool folder';
	$pool->stop;
};

subtest 'modes with -G' => sub {
	$pool->start('-G', '-a', "$dir/open.sock", '-N', "$dir/map.sock", '-O', "$dir/notify.sock");
	is mode($pool->{socket}), '770', '-s';
	is mode("$dir/open.sock"), '777', '-a';
	is mode("$dir/map.sock"), '770', '-N';
	is mode("$dir/notify.sock"), '770', '-O';
	$pool->stop;
};

# Connections that a socket takes while its owner is stopped: the backlog, and one.
sub room
{
	my ($path) = @_;
	my @held;
	while (@held < 1000) {
		socket my $handle, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0 or die $!;
		connect $handle, pack_sockaddr_un($path) or last;
		push @held, $handle;
	}
	return scalar @held;
}

subtest 'backlog' => sub {
	for my $row ([ [], 5 ], [ [ '-x', 40 ], 10 ], [ [ '-x', 9000 ], 200 ], [ [ '-I', 7 ], 7 ]) {
		my ($options, $want) = @$row;
		$pool->start(@$options, '-a', "$dir/open.sock", '-N', "$dir/map.sock");
		kill STOP => $pool->{pid};
		waitpid $pool->{pid}, POSIX::WUNTRACED(); # or it may take some yet
		is room($_), $want + 1, "@$options: $_" for $pool->{socket}, "$dir/open.sock", "$dir/map.sock";
		kill CONT => $pool->{pid};
		$pool->stop;
	}
};

subtest 'what is in the way' => sub {
	spew($pool->{socket}, 'precious');
	my ($status, undef, $err) = $pool->run($pool->command('-D'));
	is $status, 73, 'a file that is no socket';
	like $err, qr/Unable to create listening socket\. \Q$pool->{socket}\E: File exists/, 'by name';
	is slurp($pool->{socket}), 'precious', 'it stays';
	unlink $pool->{socket};
	$pool->start;
	($status, undef, $err) = $pool->run($pool->command('-D'));
	is $status, 73, 'the socket of another that runs';
	like $err, qr/Address already in use/, 'why';
	ok defined $pool->ask('version'), 'which still serves';
	my $port = free_port();
	my $other = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port, Listen => 1) or die $!;
	for my $row ([ '-a', 'unprivileged listening' ], [ '-N', 'map' ], [ '-O', 'notification' ]) {
		($status, undef, $err) = $pool->run($pool->command('-D', '-s', "$dir/other.sock", $row->[0], "inet:$port"));
		is $status, 73, "$row->[0]: a port that is taken";
		like $err, qr/Unable to create $row->[1] socket inet:$port: Address already in use/, "$row->[0]: by name";
		ok !-e "$dir/other.sock", "$row->[0]: the socket made before is gone";
	}
	($status, undef, $err) = $pool->run($pool->command('-D', '-s', "$dir/same.sock", '-a', "$dir/same.sock"));
	is $status, 73, 'one path for two sockets';
	$pool->stop;
};

done_testing;
