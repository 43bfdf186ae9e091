# Plays the service manager for the daemons: opens sockets that outlive them, passes them on as sd_listen_fds(3) has it, and hears what
# they tell it as sd_notify(3) has it.
#
#	my $manager = Defang::Manager->new($dir);
#	my $program = $manager->start($log, ["milter=$path"], @command);	# for Defang::Test::end_program()
#	wait_until(10, sub { $manager->heard(qr/^READY=1$/m) });
package Defang::Manager;
use strict;
use warnings;
use Fcntl qw(F_DUPFD);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(MSG_DONTWAIT SOCK_DGRAM SOCK_STREAM);

my $backlog = 1024;

# Keeps its own socket in $dir, where it must be found by nobody.
sub new
{
	my ($class, $dir) = @_;
	my $path = "$dir/notify.sock";
	my $hears = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!\n";
	chmod 0777, $path or die "$path: $!\n";
	return bless { path => $path, hears => $hears, sockets => {}, environment => {} }, $class;
}

# Variables that the programs started from now on find in their environment.
sub set
{
	my ($self, %variables) = @_;
	$self->{environment} = \%variables;
	return;
}

# The listening socket for an address, opened the first time and kept.
sub socket_of
{
	my ($self, $address) = @_;
	return $self->{sockets}{$address} //= do {
		my $path = $address =~ s/^unix://r;
		my $socket = $address =~ /^inet:(\d+)@(.*)/
			? IO::Socket::INET->new(LocalAddr => $2, LocalPort => $1, Listen => $backlog, ReuseAddr => 1)
			: IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => $backlog);
		die "$address: $!\n" if !$socket;
		chmod 0777, $path if $address !~ m{^inet};
		$socket;
	};
}

# In the child: the sockets become 3, 4 and so on.
sub plumb
{
	my ($self, $named) = @_;
	my @sockets = map { $self->socket_of(s/^.*?=//r) } @$named;
	my @above = map { fcntl($_, F_DUPFD, 100) } @sockets; # out of the way of each other
	POSIX::dup2($above[$_], 3 + $_) // die "dup2: $!\n" for 0 .. $#above;
	POSIX::close($_) for @above;
	$ENV{LISTEN_PID} = $$;
	$ENV{LISTEN_FDS} = @$named;
	$ENV{LISTEN_FDNAMES} = join ':', map { /^(.*?)=/ } @$named;
	delete @ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} if !@$named;
	return;
}

# $named: [ NAME=ADDRESS, .. ] of the sockets to pass.
sub start
{
	my ($self, $log, $named, @command) = @_;
	$self->socket_of(s/^.*?=//r) for @$named;
	$self->said; # what is there already is another's
	$self->{said} = '';
	my $program = Defang::Test::start_prepared(sub {
		$self->plumb($named);
		$ENV{NOTIFY_SOCKET} = $self->{path};
		$ENV{$_} = $self->{environment}{$_} for keys %{ $self->{environment} };
	}, $log, @command);
	return $program;
}

# All that was said since the last start, each datagram on lines of its own.
sub said
{
	my ($self) = @_;
	while (defined $self->{hears}->recv(my $text, 65536, MSG_DONTWAIT)) {
		$self->{said} .= "$text\n";
	}
	return $self->{said};
}

# Whether it has said so by now.
sub heard { my ($self, $pattern) = @_; return $self->said =~ $pattern ? 1 : 0 }

1;
