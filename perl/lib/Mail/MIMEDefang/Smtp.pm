package Mail::MIMEDefang::Smtp;

# The client's side of an SMTP conversation, as far as a question about a recipient needs it. Not for filters.
use strict;
use warnings;
use IO::Socket::IP ();
use Socket qw(SOL_SOCKET SO_RCVTIMEO SO_SNDTIMEO);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use Mail::MIMEDefang;

our $Patience = 60; # seconds for a connection, and for each reply; twice that for one that comes byte by byte
my $farewell = 5; # seconds for the reply to QUIT, of which nothing depends
my $max_line = 4096; # bytes of a reply's line, above which it is none
my $max_lines = 200; # of a reply

# A connected socket, or undef with a line in the log.
sub connect_to {
	my ($server, $port) = @_;
	local $@; # set in any case
	my $socket = IO::Socket::IP->new(PeerHost => $server, PeerPort => $port, Timeout => $Patience);
	if (!$socket) {
		md_syslog('warning', "cannot connect to $server, port $port: $@");
		return undef;
	}
	limit_waiting($socket, $Patience);
	return $socket;
}

sub limit_waiting {
	my ($socket, $seconds) = @_;
	setsockopt $socket, SOL_SOCKET, $_, pack 'l!l!', $seconds, 0 for SO_RCVTIMEO, SO_SNDTIMEO;
	return;
}

# A line with its end; undef when it does not come, or is too long. Byte by byte out of Perl's buffer, so that what is behind it stays there
# for whoever reads next, and the time can be looked at.
sub read_line {
	my ($socket) = @_;
	my $end = clock_gettime(CLOCK_MONOTONIC) + $Patience;
	my $line = '';
	while (length $line < $max_line && clock_gettime(CLOCK_MONOTONIC) < $end) {
		$socket->read(my $byte, 1) or return undef;
		$line .= $byte;
		return $line if $byte eq "\n";
	}
	return undef;
}

my %verdict = (2 => 'CONTINUE', 3 => 'CONTINUE', 4 => 'TEMPFAIL', 5 => 'REJECT');

# One reply: (verdict, code, dsn, text of each line). A server that hangs up or talks nonsense is a temporary failure.
sub read_reply {
	my ($socket, $server) = @_;
	my @texts;
	while (@texts < $max_lines) {
		my $line = read_line($socket) // return ('TEMPFAIL', '451', '4.3.0', "$server: connection lost");
		my ($code, $more, $text) = $line =~ /^([2-5][0-9][0-9])(?:([ -])(.*?))?\r?\n\z/s;
		last unless defined $code;
		$text = ($text // '') =~ s/[^\t -~]/?/gr; # it may become ours
		my $dsn = $text =~ s/^([245]\.\d{1,3}\.\d{1,3})[ ]?// ? $1 : '';
		push @texts, $text;
		return ($verdict{ substr $code, 0, 1 }, $code, $dsn, @texts) unless ($more // ' ') eq '-';
	}
	return ('TEMPFAIL', '451', '4.3.0', "$server: not the reply of an SMTP server");
}

# A command, and its reply as above.
sub say {
	my ($socket, $server, $command) = @_;
	$command =~ s/[\x00-\x1f\x7f]//g; # of an address that somebody else gave us: it must not become two commands
	local $SIG{PIPE} = 'IGNORE';
	local ($, , $\); # the filter's own are for what it prints
	$socket->print("$command\r\n");
	$socket->flush;
	return read_reply($socket, $server);
}

sub part {
	my ($socket, $server) = @_;
	limit_waiting($socket, $farewell);
	say($socket, $server, 'QUIT');
	return;
}

# Names in capitals => what stands behind them, of the lines of a reply to EHLO.
sub extensions {
	my (undef, @lines) = @_;
	return { map { /^(\S+)[ ]?(.*)\z/s ? (uc $1 => $2) : () } @lines };
}

# True when the conversation is encrypted from here on.
sub start_tls {
	my ($socket, $server) = @_;
	return 0 unless Mail::MIMEDefang::needs_module('IO::Socket::SSL', 'STARTTLS');
	my ($verdict) = say($socket, $server, 'STARTTLS');
	# Whom we talk to is settled by the administrator's configuration; this is against listeners.
	return $verdict eq 'CONTINUE'
		&& IO::Socket::SSL->start_SSL($socket, SSL_verify_mode => 0, SSL_hostname => $server, Timeout => $Patience) ? 1 : 0;
}

1;
