package Mail::MIMEDefang::Dialog;

# Conversations with daemons on sockets, each step with a limit in time. Not for filters.
use strict;
use warnings;
use IO::Socket::IP ();
use IO::Socket::UNIX ();
use Socket qw(SOL_SOCKET SO_RCVTIMEO SO_SNDTIMEO);

my $max_answer = 16 * 1024 * 1024; # bytes: a report, or a line for each file of a message

# $where is the path of a UNIX-domain socket, or host:port. Connecting, and each reading and writing, may take $patience seconds. A
# socket, or undef with $! or $@ set.
sub connect_to {
	my ($where, $patience) = @_;
	my $socket;
	if ($where =~ m{^/}) {
		$socket = IO::Socket::UNIX->new(Peer => $where, Timeout => $patience);
	} elsif ($where =~ /^\[?(.+?)\]?:(\d+)\z/) {
		$socket = IO::Socket::IP->new(PeerHost => $1, PeerPort => $2, Timeout => $patience);
	}
	return undef unless $socket;
	$socket->blocking(1);
	setsockopt $socket, SOL_SOCKET, $_, pack 'l!l!', $patience, 0 for SO_RCVTIMEO, SO_SNDTIMEO;
	return $socket;
}

# True when the other end is this machine, so that paths mean the same to it.
sub is_local {
	my ($where) = @_;
	return $where =~ m{^/|^(?:127\.[\d.]+|localhost|\[?::1\]?):\d+\z} ? 1 : 0;
}

# Write all of it. True, or false with $! set.
sub say_to {
	my ($socket, @bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	for my $bytes (@bytes) {
		my $at = 0;
		while ($at < length $bytes) {
			my $n = syswrite $socket, $bytes, 1 << 20, $at;
			return 0 unless $n;
			$at += $n;
		}
	}
	return 1;
}

# Everything up to the end, or undef with $! set.
sub hear_all {
	my ($socket) = @_;
	my $answer = '';
	while (1) {
		my $n = sysread $socket, $answer, 65536, length $answer;
		return $answer if defined $n && $n == 0;
		return undef if !defined $n || length $answer > $max_answer;
	}
}

# One line without its end, or undef.
sub hear_line {
	my ($socket) = @_;
	local $/ = "\n";
	my $line = $socket->getline // return undef;
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
