package Mail::MIMEDefang::Smtp;

# The client's side of an SMTP conversation, as far as a question about a recipient needs it. Not for filters.
use strict;
use warnings;
use IO::Socket::IP ();
use Socket qw(SOL_SOCKET SO_RCVTIMEO SO_SNDTIMEO);
use Mail::MIMEDefang;

my $patience = 60; # seconds for a connection, and for each reply
my $max_line = 4096; # bytes of a reply's line that are looked at
my $max_lines = 200; # of a reply

# A connected socket, or undef with a line in the log.
sub connect_to {
	my ($server, $port) = @_;
	my $socket = IO::Socket::IP->new(PeerHost => $server, PeerPort => $port, Timeout => $patience);
	if (!$socket) {
		md_syslog('warning', "cannot connect to $server, port $port: $@");
		return undef;
	}
	limit_waiting($socket);
	return $socket;
}

sub limit_waiting {
	my ($socket) = @_;
	setsockopt $socket, SOL_SOCKET, $_, pack 'l!l!', $patience, 0 for SO_RCVTIMEO, SO_SNDTIMEO;
	return;
}

my %verdict = (2 => 'CONTINUE', 3 => 'CONTINUE', 4 => 'TEMPFAIL', 5 => 'REJECT');

# One reply: (verdict, code, dsn, text of each line). A server that hangs up or talks nonsense is a temporary failure.
sub read_reply {
	my ($socket, $server) = @_;
	my @texts;
	local $/ = "\n";
	while (@texts < $max_lines) {
		my $line = $socket->getline;
		return ('TEMPFAIL', '451', '4.3.0', "$server: connection lost") unless defined $line;
		my ($code, $more, $text) = substr($line, 0, $max_line) =~ /^([2-5]\d\d)(?:([ -])(.*?))?\r?\n?\z/s;
		last unless defined $code;
		$text //= '';
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
	$socket->print("$command\r\n");
	$socket->flush;
	return read_reply($socket, $server);
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
		&& IO::Socket::SSL->start_SSL($socket, SSL_verify_mode => 0, SSL_hostname => $server, Timeout => $patience) ? 1 : 0;
}

1;
