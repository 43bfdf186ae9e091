package Mail::MIMEDefang::Notice;

# Mail that we write ourselves: to the administrator, to senders, reports of quarantines. Part of the core.
use strict;
use warnings;
use Encode ();
use Exporter 'import';
use MIME::Entity ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Sendmail;

our @EXPORT_OK = qw(send_mail send_multipart_mail send_admin_mail send_quarantine_notifications signal_complete);

# $text is the whole message, head and body. 1, or 0 with a line in the log.
sub send_mail {
	my ($from, $name, $rcpt, $text, $mode) = @_;
	$text = Mail::MIMEDefang::bytes_of($text);
	$text .= "\n" unless $text =~ /\n\z/;
	return Mail::MIMEDefang::Sendmail::submit(sub { print { $_[0] } $text }, from => $from, name => $name, mode => $mode, rcpts => [$rcpt]);
}

# Text that goes into a field: in bytes, on one line, encoded when it has to be.
sub field_text {
	my $text = Mail::MIMEDefang::bytes_of($_[0]) =~ s/[\x00-\x20\x7f]+/ /gr;
	return $text =~ /[^ -~]/ ? Encode::encode('MIME-Header', Encode::decode('UTF-8', $text)) : $text;
}

sub mailbox {
	my ($name, $address) = @_;
	$address = Mail::MIMEDefang::Sendmail::bare($address) =~ s/\s//gr;
	return "<$address>" unless defined $name && length $name;
	$name = field_text($name);
	$name = '"' . $name =~ s/(["\\])/\\$1/gr . '"' if $name =~ /[^\w .=?-]/ || $name =~ /\./;
	return "$name <$address>";
}

# The fields that each of our messages has, as pairs. Auto-Submitted keeps programs from answering (RFC 3834).
sub common_fields {
	my ($from, $from_name, $rcpt, $rcpt_name, $subject) = @_;
	return (
		From => mailbox($from_name, $from),
		To => mailbox($rcpt_name, $rcpt),
		Subject => field_text($subject),
		Date => Mail::MIMEDefang::RFC2822::rfc2822_date(),
		'Message-ID' => (Mail::MIMEDefang::RFC2822::gen_msgid_header() =~ /(<.*>)/)[0],
		'Auto-Submitted' => 'auto-generated',
		Precedence => 'bulk',
	);
}

# A message of one text.
sub text_message {
	my ($body, @fields) = @_;
	$body = Mail::MIMEDefang::bytes_of($body);
	my $charset = $body =~ /[^\x00-\x7f]/ ? 'utf-8' : 'us-ascii';
	push @fields, 'MIME-Version' => '1.0', 'Content-Type' => "text/plain; charset=$charset",
		'Content-Transfer-Encoding' => $charset eq 'utf-8' ? '8bit' : '7bit';
	my $head = '';
	while (my ($name, $value) = splice @fields, 0, 2) {
		$head .= "$name: $value\n";
	}
	return "$head\n$body";
}

sub send_admin_mail {
	my ($subject, $body) = @_;
	my $text = text_message($body, common_fields($DaemonAddress, $DaemonName, $AdminAddress, $AdminName, $subject));
	return send_mail($DaemonAddress, $DaemonName, $AdminAddress, $text);
}

# The same content as text and as HTML. $headers: further fields, a reference to a hash; one that has no proper name is left out.
sub send_multipart_mail {
	my ($from, $name, $rcpt, $subject, $text, $html, $headers) = @_;
	my @names = grep { /\A[!-9;-~]+\z/ } keys %{ $headers // {} };
	my %fields = (common_fields($from, $name, $rcpt, undef, $subject), map { $_ => field_text($headers->{$_}) } @names);
	($text, $html) = map { length ? $_ : "\n" } map { Mail::MIMEDefang::bytes_of($_) } $text, $html; # MIME::Entity wants some body
	my $entity = MIME::Entity->build(Type => 'multipart/alternative', 'X-Mailer' => undef, %fields);
	$entity->attach(Type => 'text/plain', Charset => 'utf-8', Encoding => '-SUGGEST', Data => $text);
	$entity->attach(Type => 'text/html', Charset => 'utf-8', Encoding => '-SUGGEST', Data => $html);
	return Mail::MIMEDefang::Sendmail::submit(sub { $entity->print($_[0]); 1 }, from => $from, name => $name, rcpts => [$rcpt]);
}

# --- At the end of a message ---------------------------------------------------------------------------------------------------

sub about_message {
	my $text = 'Sender: ' . ($Sender // '') . "\n";
	$text .= "Recipient: $_\n" for @Recipients;
	$text .= 'Relay: ' . ($RelayAddr // '') . ' (' . ($RelayHostname // '') . ")\n";
	$text .= 'Subject: ' . ($Subject // '') . "\nQueue-ID: $QueueID\nMessage-ID: $MessageID\n";
	return $text;
}

# What was put into quarantine. Only filters that call this want the mail.
sub send_quarantine_notifications {
	return unless $QuarantineCount || $EntireMessageQuarantined;
	my $what = $QuarantineCount ? "$QuarantineCount part" . ($QuarantineCount == 1 ? '' : 's') : '';
	$what .= ($what ? ' and ' : '') . 'the entire message' if $EntireMessageQuarantined;
	my $text = "Quarantined: $what\nFolder: $QuarantineSubdir\n\n" . about_message();
	for my $n (0 .. $QuarantineCount) {
		my $reason = read_file("$QuarantineSubdir/MSG.$n");
		$text .= "\n" . ($n ? "Part $n:" : 'Entire message:') . "\n$reason\n" if length $reason;
	}
	return send_admin_mail($QuarantineSubject, $text);
}

sub read_file {
	my ($path) = @_;
	open my $fh, '<', $path or return '';
	local $/;
	return readline($fh) // '';
}

# What the notify actions have collected.
sub send_notifications {
	# Nearly always there are none; to look costs a fraction of an open that fails.
	my ($for_sender, $for_admin) = map { -e ? read_file($_) : '' } "$CWD/NOTIFICATION", "$CWD/ADMIN_NOTIFICATION";
	if (length $for_sender) {
		my $preamble = $NotifyNoPreamble ? '' : "A mail filter has dealt with a message of yours:\n\n" . about_message()
			. "\nThe administrator of the filter is $AdminName <$AdminAddress>.\n\n";
		my @fields = common_fields($DaemonAddress, $DaemonName, $Sender, undef, $NotifySenderSubject);
		send_mail($DaemonAddress, $DaemonName, $Sender, text_message($preamble . $for_sender, @fields));
	}
	send_admin_mail($NotifyAdministratorSubject, $for_admin) if length $for_admin;
	return;
}

# The end of a scan: what was to be told is told, RESULTS is complete.
sub signal_complete {
	send_notifications();
	return write_result_line('F');
}

1;
