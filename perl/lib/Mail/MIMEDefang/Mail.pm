package Mail::MIMEDefang::Mail;

# Sending the message at hand again, asking other mail servers, and a message as plain text.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::MIME ();
use Mail::MIMEDefang::Sendmail;
use Mail::MIMEDefang::Utils;

our @EXPORT = qw(
	resend_message resend_message_specifying_mode resend_message_one_recipient
	md_check_against_smtp_server get_smtp_return_code get_smtp_extensions pretty_print_mail
);

# --- Resending -----------------------------------------------------------------------------------------------------------------

sub resend_message {
	my (@rcpts) = @_;
	return resend_message_specifying_mode('-odd', \@rcpts);
}

sub resend_message_one_recipient {
	my ($rcpt, $mode) = @_;
	return resend_message_specifying_mode($mode // '-odd', [$rcpt]);
}

# The message as it came, from its sender, with a trace of where it came from. 1, or 0 with a line in the log.
sub resend_message_specifying_mode {
	my ($mode, $rcpts) = @_;
	return 0 unless in_message_context('resend_message');
	return 0 unless @$rcpts;
	my $write = sub {
		my ($to) = @_;
		open my $from, '<', "$CWD/INPUTMSG" or return 0;
		binmode $_ for $from, $to;
		return print({$to} synthesize_received_header()) && Mail::MIMEDefang::Utils::copy_handle($from, $to);
	};
	return Mail::MIMEDefang::Sendmail::submit($write, from => $Sender, mode => $mode, rcpts => $rcpts);
}

# --- Asking another server -----------------------------------------------------------------------------------------------------

# (verdict, code, dsn, text). The recipient is only for the log.
sub get_smtp_return_code {
	my ($socket, $rcpt, $server) = @_;
	require Mail::MIMEDefang::Smtp;
	my ($verdict, $code, $dsn, @texts) = Mail::MIMEDefang::Smtp::read_reply($socket, $server);
	md_syslog('info', "get_smtp_return_code: $server about $rcpt: $texts[-1]") if $verdict eq 'TEMPFAIL';
	return ($verdict, $code, $dsn, join ' ', @texts);
}

# (verdict, code, dsn, reference to a hash name => parameters). EHLO has been said.
sub get_smtp_extensions {
	my ($socket, $server) = @_;
	require Mail::MIMEDefang::Smtp;
	my ($verdict, $code, $dsn, @texts) = Mail::MIMEDefang::Smtp::read_reply($socket, $server);
	return ($verdict, $code, $dsn, $verdict eq 'CONTINUE' ? Mail::MIMEDefang::Smtp::extensions(@texts) : {});
}

# Whether another server would take mail for the recipient: (verdict, text, code, dsn), as filter_recipient() returns it.
sub md_check_against_smtp_server {
	my ($sender, $rcpt, $helo, $server, $port) = @_;
	require Mail::MIMEDefang::Smtp;
	return ('TEMPFAIL', 'No server to ask', '451', '4.3.0') unless defined $server && $server =~ /\A[!-~]+\z/;
	my $conversation = { server => $server, port => $port || 25, helo => $helo // get_host_name() };
	my @failure = greet($conversation, 1);
	@failure = greet($conversation, 0) if $conversation->{tls_failed};
	my @reply = @failure ? @failure : ask_about($conversation, $sender, $rcpt);
	if ($conversation->{socket}) {
		Mail::MIMEDefang::Smtp::part($conversation->{socket}, $server) unless $reply[1] =~ /: connection lost\z/;
		$conversation->{socket}->close;
	}
	return @reply;
}

# Connect and introduce ourselves. The empty list, or what to answer.
sub greet {
	my ($c, $try_tls) = @_;
	delete $c->{tls_failed};
	$c->{socket} = Mail::MIMEDefang::Smtp::connect_to($c->{server}, $c->{port})
		or return ('TEMPFAIL', "Cannot connect to $c->{server}", '451', '4.3.0');
	my @reply = Mail::MIMEDefang::Smtp::read_reply($c->{socket}, $c->{server});
	return refusal(@reply) if $reply[0] ne 'CONTINUE';
	my ($name) = $reply[3] =~ /^(\S+)/;
	return ('REJECT', "Verification server loop: $c->{server} is this host", '554', '5.4.6')
		if defined $name && lc $name eq lc get_host_name();
	@reply = Mail::MIMEDefang::Smtp::say($c->{socket}, $c->{server}, "EHLO $c->{helo}");
	if ($reply[0] ne 'CONTINUE') {
		@reply = Mail::MIMEDefang::Smtp::say($c->{socket}, $c->{server}, "HELO $c->{helo}");
		return $reply[0] eq 'CONTINUE' ? () : refusal(@reply);
	}
	return () unless $try_tls && exists Mail::MIMEDefang::Smtp::extensions(@reply[3 .. $#reply])->{STARTTLS};
	return encrypt($c);
}

# A server with which no encryption comes about is asked again in clear text.
sub encrypt {
	my ($c) = @_;
	if (Mail::MIMEDefang::Smtp::start_tls($c->{socket}, $c->{server})) {
		my @reply = Mail::MIMEDefang::Smtp::say($c->{socket}, $c->{server}, "EHLO $c->{helo}");
		return () if $reply[0] eq 'CONTINUE';
	}
	md_syslog('warning', "md_check_against_smtp_server: $c->{server}: no TLS, going on in clear text");
	$c->{socket}->close;
	$c->{tls_failed} = 1;
	return ('TEMPFAIL', 'TLS failed', '451', '4.3.0');
}

sub ask_about {
	my ($c, $sender, $rcpt) = @_;
	my ($from, $to) = map { '<' . Mail::MIMEDefang::Sendmail::bare($_ // '') . '>' } $sender, $rcpt;
	for my $command ("MAIL FROM:$from", "RCPT TO:$to") {
		my @reply = Mail::MIMEDefang::Smtp::say($c->{socket}, $c->{server}, $command);
		return refusal(@reply) if $reply[0] ne 'CONTINUE';
	}
	return ('CONTINUE', 'OK', '250', '2.1.5');
}

sub refusal {
	my ($verdict, $code, $dsn, @texts) = @_;
	$dsn = $verdict eq 'REJECT' ? '5.7.1' : '4.3.0' if $dsn eq '';
	return ($verdict, join(' ', @texts), $code, $dsn);
}

# --- As text -------------------------------------------------------------------------------------------------------------------

# The texts of a message, and a line for each part that is none, in at most $size characters.
sub pretty_print_mail {
	my ($entity, $size) = @_;
	$size //= 0;
	my $text = '';
	for my $part (Mail::MIMEDefang::MIME::leaves($entity)) {
		last if length $text >= $size;
		my $name = Mail::MIMEDefang::MIME::takeStabAtFilename($part);
		my $is_text = $part->mime_type eq 'text/plain' && $part->bodyhandle;
		$text .= $is_text ? $part->bodyhandle->as_string : '[' . $part->mime_type . ($name eq '' ? '' : ": $name") . ']';
		$text .= "\n" unless $text =~ /\n\z/;
	}
	return substr $text, 0, $size;
}

1;
