package Mail::MIMEDefang::Dialog;

# Conversations with daemons on sockets, each within a limit of time, however slowly the other end speaks, and whatever signals come
# meanwhile (that of the slow log does when a scanner takes long). Not for filters.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR ETIMEDOUT EWOULDBLOCK);
use IO::Socket::IP ();
use IO::Socket::UNIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $max_answer = 16 * 1024 * 1024; # bytes: a report, or a line for each file of a message
my $max_line = 65536; # bytes of an answer's line

sub now { return clock_gettime(CLOCK_MONOTONIC) }

# $where is the path of a UNIX-domain socket, or host:port. Connecting, and the whole conversation, may take $patience seconds. A socket
# for the functions below, or undef with $! set.
sub connect_to {
	my ($where, $patience) = @_;
	my $end = now() + $patience;
	my $socket = new_socket($where, Timeout => $patience) or return undef;
	$socket->blocking(0);
	${*$socket}{defang} = { end => $end, input => '' };
	return $socket;
}

sub new_socket {
	my ($where, @how) = @_;
	local $@; # set in any case
	return IO::Socket::UNIX->new(Peer => $where, @how) if $where =~ m{^/};
	return IO::Socket::IP->new(PeerHost => $1, PeerPort => $2, @how) if $where =~ /^\[?(.+?)\]?:([0-9]+)\z/;
	$! = Errno::EINVAL();
	return undef;
}

# True when the other end is this machine, so that paths mean the same to it.
sub is_local {
	my ($where) = @_;
	return $where =~ m{^/|^(?:127\.[\d.]+|localhost|\[?::1\]?):\d+\z} ? 1 : 0;
}

# Wait until the socket can be read or written. False with $! set when its time is over.
sub wait_for {
	my ($socket, $writing) = @_;
	while ((my $left = ${*$socket}{defang}{end} - now()) > 0) {
		vec(my $bits = '', fileno $socket, 1) = 1;
		my $n = $writing ? select(undef, $bits, undef, $left) : select($bits, undef, undef, $left);
		return 1 if $n > 0;
		return 0 if $n < 0 && $! != EINTR;
	}
	$! = ETIMEDOUT;
	return 0;
}

sub may_go_on { return $! == EINTR || $! == EAGAIN || $! == EWOULDBLOCK }

# Write all of it. True, or false with $! set.
sub say_to {
	my ($socket, @bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	for my $bytes (@bytes) {
		my $at = 0;
		while ($at < length $bytes) {
			return 0 unless wait_for($socket, 1);
			my $n = syswrite $socket, $bytes, 1 << 20, $at;
			return 0 unless defined $n || may_go_on();
			$at += $n // 0;
		}
	}
	return 1;
}

# Read once, behind what has come already: the number of bytes, 0 at the end, undef with $! set.
sub hear_more {
	my ($socket) = @_;
	while (wait_for($socket, 0)) {
		my $n = sysread $socket, ${*$socket}{defang}{input}, 65536, length ${*$socket}{defang}{input};
		return $n if defined $n;
		return undef unless may_go_on();
	}
	return undef;
}

# Everything up to the end, or undef with $! set.
sub hear_all {
	my ($socket) = @_;
	while (1) {
		my $n = hear_more($socket) // return undef;
		return ${*$socket}{defang}{input} if $n == 0;
		return undef if length ${*$socket}{defang}{input} > $max_answer;
	}
}

# One line without its end; undef when there is none, or none of a sane length.
sub hear_line {
	my ($socket) = @_;
	my $input = \${*$socket}{defang}{input};
	my $end;
	while (($end = index $$input, "\n") < 0) {
		return undef if length $$input > $max_line;
		last unless hear_more($socket) // return undef;
	}
	return undef if $$input eq '';
	my $line = substr $$input, 0, $end < 0 ? length $$input : $end + 1, '';
	return $line =~ s/\r?\n\z//r;
}

# A question, and all of the answer; undef when something went wrong.
sub ask {
	my ($where, $patience, @bytes) = @_;
	my $socket = connect_to($where, $patience) or return undef;
	return undef unless say_to($socket, @bytes);
	return hear_all($socket);
}

1;
