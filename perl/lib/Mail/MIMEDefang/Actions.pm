package Mail::MIMEDefang::Actions;

# What a filter can have done to a part, a message, its headers and its envelope. Most of it is a line in RESULTS, which the front
# end turns into milter replies.
use strict;
use warnings;
use Exporter 'import';
use MIME::Entity ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::InputHead;
use Mail::MIMEDefang::MIME;
use Mail::MIMEDefang::Quarantine;
use Mail::MIMEDefang::Utils;

our @EXPORT = qw(
	action_accept action_accept_with_warning action_drop action_drop_with_warning action_replace_with_warning
	action_replace_with_url action_defang action_external_filter
	action_quarantine action_quarantine_entire_message action_sm_quarantine get_quarantine_dir
	action_bounce action_tempfail action_discard message_rejected action_rebuild
	action_add_part action_add_entity process_added_parts
	action_add_header action_insert_header action_change_header action_delete_header action_delete_all_headers
	action_add_header_now action_insert_header_now action_change_header_now action_delete_header_now
	action_delete_all_headers_now
	add_recipient delete_recipient change_sender
	action_notify_sender action_notify_administrator action_greylist
);

# --- The part at hand: only inside filter() and filter_multipart(); the last call wins -----------------------------------------

sub dispose {
	my ($name, $action) = @_;
	return 0 unless in_filter_context("action_$name");
	$Action = $action;
	$ReplacementEntity = undef;
	Mail::MIMEDefang::count_action($name);
	return 1;
}

sub warn_of {
	my ($text) = @_;
	push @Warnings, Mail::MIMEDefang::bytes_of($text);
	$Changed = 1;
	return 1;
}

sub action_accept {
	return dispose('accept', 'accept');
}

sub action_accept_with_warning {
	my ($text) = @_;
	return dispose('accept_with_warning', 'accept') && warn_of($text);
}

sub action_drop {
	return dispose('drop', 'drop');
}

sub action_drop_with_warning {
	my ($text) = @_;
	return dispose('drop_with_warning', 'drop') && warn_of($text);
}

sub action_replace_with_warning {
	my ($text) = @_;
	return 0 unless dispose('replace_with_warning', 'replace');
	$ReplacementEntity = Mail::MIMEDefang::MIME::build_warning_part($text);
	return 1;
}

# Store the part where a web server finds it, under a name made of its content, and put a text with the address in its place. Of the
# part's own name only a plain ending is taken over. $data goes to a hidden file beside it; $salt keeps others from guessing names.
sub action_replace_with_url {
	my ($entity, $docroot, $base_url, $text, $data, $salt) = @_;
	return 0 unless in_filter_context('action_replace_with_url');
	my $body = $entity->bodyhandle or return 0;
	my $name = Mail::MIMEDefang::Utils::digest_name($body, Mail::MIMEDefang::bytes_of($salt));
	my ($ending) = Mail::MIMEDefang::Utils::extension_of(takeStabAtFilename($entity)) =~ /^(\.[A-Za-z0-9]{1,16})\z/;
	$name .= $ending // '';
	my $stored = Mail::MIMEDefang::Quarantine::attempt(sub {
		Mail::MIMEDefang::Utils::publish($docroot // '', $name, $body);
		Mail::MIMEDefang::Utils::publish_text($docroot, ".$name", $data) if defined $data;
		1;
	});
	return 0 unless $stored;
	dispose('replace_with_url', 'replace');
	$base_url = ($base_url // '') =~ s{/+\z}{}r;
	$ReplacementEntity = Mail::MIMEDefang::MIME::build_warning_part(($text // '') =~ s{_URL_}{$base_url/$name}gr);
	return 1;
}

# A text for the head of a part, which may come from the message: in bytes, and no control bytes, with which MIME-tools would drop it.
sub one_line { return Mail::MIMEDefang::bytes_of($_[0]) =~ s/[\x00-\x1f\x7f]/_/gr }

# Keep the part under a harmless name and type. Names that are not given are made up.
sub action_defang {
	my $entity = shift;
	return 0 unless dispose('defang', 'accept');
	my ($name, $file_name, $type) = map { one_line($_) } @_[0 .. 2];
	my $old = takeStabAtFilename($entity);
	if ($name eq '' || $file_name eq '') {
		my $made_up = 'defang-' . ++$DefangCounter . '.binary';
		$_ = length ? $_ : $made_up for $name, $file_name;
	}
	my $head = $entity->head;
	$head->replace('Content-Type', length $type ? $type : 'application/octet-stream');
	$head->mime_attr('Content-Type.name' => $name);
	$head->replace('Content-Disposition', 'attachment');
	$head->mime_attr('Content-Disposition.filename' => $file_name);
	$head->replace('Content-Description', $file_name) if $head->count('Content-Description');
	my $warning = main->can('defang_warning');
	return warn_of($warning ? $warning->($old, $file_name) : "An attachment named '$old' was converted to '$file_name'.\n");
}

# Have a shell command make FILTEROUTPUT of FILTERINPUT. When it fails the part stays as it is.
sub action_external_filter {
	my ($entity, $command) = @_;
	return 0 unless in_filter_context('action_external_filter');
	my $body = $entity->bodyhandle or return 0;
	$command //= '';
	unlink 'FILTERINPUT', 'FILTEROUTPUT';
	my $fault = external_fault($body, $command);
	Mail::MIMEDefang::MIME::replace_body($entity, 'FILTEROUTPUT') unless defined $fault;
	unlink 'FILTERINPUT', 'FILTEROUTPUT';
	if (defined $fault) {
		md_syslog('err', "action_external_filter: $command: $fault");
		return 0;
	}
	$Changed = 1;
	return dispose('external_filter', 'accept');
}

# undef when FILTEROUTPUT is there, else what went wrong.
sub external_fault {
	my ($body, $command) = @_;
	local $SIG{CHLD} = 'DEFAULT'; # or a filter that ignores its children would never know how one ended
	return "cannot write FILTERINPUT: $!" unless Mail::MIMEDefang::Utils::save_body($body, 'FILTERINPUT');
	return 'cannot be run' if system($command) == -1;
	return sprintf 'status %d, signal %d', $? >> 8, $? & 127 if $?;
	return -e 'FILTEROUTPUT' ? undef : 'no FILTEROUTPUT';
}

# --- Quarantine: what is said to be kept is on disk ----------------------------------------------------------------------------

sub get_quarantine_dir {
	return '' unless in_message_context('get_quarantine_dir');
	return Mail::MIMEDefang::Quarantine::folder();
}

sub action_quarantine {
	my ($entity, $text) = @_;
	return 0 unless in_filter_context('action_quarantine');
	return 0 unless Mail::MIMEDefang::Quarantine::keep_part($entity, $text);
	return dispose('quarantine', 'drop') && warn_of($text);
}

sub action_quarantine_entire_message {
	my ($text) = @_;
	return 0 unless in_message_context('action_quarantine_entire_message');
	return 1 if $EntireMessageQuarantined;
	return 0 unless Mail::MIMEDefang::Quarantine::keep_message($text);
	Mail::MIMEDefang::count_action('quarantine_entire_message');
	return 1;
}

# In the mail server's own queue.
sub action_sm_quarantine {
	my ($reason) = @_;
	return 0 unless in_message_context('action_sm_quarantine');
	Mail::MIMEDefang::count_action('sm_quarantine');
	write_result_line('Q', $reason);
	return 1;
}

# --- The message ---------------------------------------------------------------------------------------------------------------

# Refuse with a reply of the given class; a code or DSN that does not fit it becomes the default. The front end obeys the last
# such line.
sub refuse {
	my ($name, $letter, $reply, $code, $dsn, $default_code, $default_dsn) = @_;
	return 0 unless in_message_context("action_$name");
	my $class = substr $default_code, 0, 1;
	$code = $default_code unless defined $code && $code =~ /^$class\d\d\z/;
	$dsn = $default_dsn unless defined $dsn && $dsn =~ /^$class\.\d{1,3}\.\d{1,3}\z/;
	Mail::MIMEDefang::count_action($name);
	write_result_line($letter, $code, $dsn, $reply);
	return 1;
}

sub action_bounce {
	my ($reply, $code, $dsn) = @_;
	$reply = 'Forbidden for policy reasons' unless defined $reply && length $reply;
	return refuse('bounce', 'B', $reply, $code, $dsn, '554', '5.7.1');
}

sub action_tempfail {
	my ($reply, $code, $dsn) = @_;
	$reply = 'Try again later' unless defined $reply && length $reply;
	return refuse('tempfail', 'T', $reply, $code, $dsn, '450', '4.7.1');
}

sub action_discard {
	return 0 unless in_message_context('action_discard');
	Mail::MIMEDefang::count_action('discard');
	write_result_line('D');
	return 1;
}

sub message_rejected {
	return 0 unless in_message_context('message_rejected');
	return grep({ $Actions{$_} } qw(bounce tempfail discard)) ? 1 : 0;
}

sub action_rebuild {
	return 0 unless in_message_context('action_rebuild');
	if ($InFilterWrapUp) {
		md_syslog('warning', 'action_rebuild called inside filter_wrapup: the body is already written');
		return 0;
	}
	Mail::MIMEDefang::count_action('rebuild');
	return $Rebuild = 1;
}

# --- Further parts -------------------------------------------------------------------------------------------------------------

# They are added when the filter is done with the message, by process_added_parts(). $offset as in MIME::Entity: -1 is the end.
sub action_add_entity {
	my ($part, $offset) = @_;
	return 0 unless Mail::MIMEDefang::MIME::is_entity($part, 'action_add_entity') && action_rebuild();
	push @AddedParts, [$part, $offset // -1];
	Mail::MIMEDefang::count_action('add_entity');
	return $part;
}

sub action_add_part {
	my (undef, $type, $encoding, $data, $name, $disposition, $offset) = @_;
	my $bytes = Mail::MIMEDefang::bytes_of(ref $data ? join('', @$data) : $data);
	my @name = defined $name && length $name ? (Filename => one_line($name)) : ();
	my $part = MIME::Entity->build(Type => one_line($type // 'text/plain'), Encoding => $encoding // '-suggest', Data => $bytes, @name,
		Disposition => one_line($disposition // 'inline'), Top => 0);
	return action_add_entity($part, $offset);
}

# Only a multipart/mixed can take parts that have nothing to do with the others: anything else goes into a new one.
sub process_added_parts {
	my ($entity) = @_;
	return $entity unless @AddedParts;
	$entity->make_multipart('mixed', Force => 1) if $entity->mime_type ne 'multipart/mixed';
	$entity->add_part(@$_) for splice @AddedParts;
	return $entity;
}

# --- Headers -------------------------------------------------------------------------------------------------------------------

sub action_add_header {
	my ($name, $value) = @_;
	return write_result_line('H', $name, $value);
}

sub action_insert_header {
	my ($name, $value, $position) = @_;
	return write_result_line('N', $name, $position // 0, $value);
}

sub action_change_header {
	my ($name, $value, $index) = @_;
	return write_result_line('I', $name, $index // 1, $value);
}

sub action_delete_header {
	my ($name, $index) = @_;
	return write_result_line('J', $name, $index // 1);
}

# From the last one down, so that the numbers of those still to go stay true.
sub action_delete_all_headers {
	my ($name) = @_;
	return 0 unless in_message_context('action_delete_all_headers') && defined $name;
	open my $fh, '<', "$CWD/HEADERS" or do {
		md_syslog('warning', "action_delete_all_headers: cannot open HEADERS: $!");
		return 0;
	};
	local $/ = "\n";
	my $count = grep { /^\Q$name\E:/i } <$fh>;
	close $fh;
	action_delete_header($name, $_) for reverse 1 .. $count;
	return 1;
}

# A line break in a name, say, would smuggle in another field. (In RESULTS, the front end looks.)
sub may_change_now {
	my ($function, $name) = @_;
	return 0 unless in_message_context($function);
	return 1 if defined $name && $name =~ /\A[!-9;-~]+\z/;
	md_syslog('err', "$function: not the name of a header: " . ($name // 'undef'));
	return 0;
}

# The same, and INPUTMSG is changed at once: what looks at it later sees the message as it will be.
sub action_add_header_now {
	my ($name, $value) = @_;
	return 0 unless may_change_now('action_add_header_now', $name);
	action_add_header($name, $value);
	return Mail::MIMEDefang::InputHead::add($name, $value);
}

sub action_insert_header_now {
	my ($name, $value, $position) = @_;
	return 0 unless may_change_now('action_insert_header_now', $name);
	action_insert_header($name, $value, $position);
	return Mail::MIMEDefang::InputHead::insert($name, $value, $position // 0);
}

sub action_change_header_now {
	my ($name, $value, $index) = @_;
	return 0 unless may_change_now('action_change_header_now', $name);
	action_change_header($name, $value, $index);
	return Mail::MIMEDefang::InputHead::change($name, $value, $index // 1);
}

sub action_delete_header_now {
	my ($name, $index) = @_;
	return 0 unless may_change_now('action_delete_header_now', $name);
	action_delete_header($name, $index);
	return Mail::MIMEDefang::InputHead::remove($name, $index // 1);
}

sub action_delete_all_headers_now {
	my ($name) = @_;
	return 0 unless action_delete_all_headers($name);
	return Mail::MIMEDefang::InputHead::remove_all($name);
}

# --- Envelope ------------------------------------------------------------------------------------------------------------------

# ESMTP parameters may be given with an address, as they stand in an SMTP command: 'NOTIFY=NEVER'.
sub with_parameters {
	my ($letter, $address, $parameters) = @_;
	write_result_line($letter, $address, defined $parameters && length $parameters ? $parameters : ());
	return 1;
}

sub add_recipient {
	my ($address, $parameters) = @_;
	return with_parameters('R', $address, $parameters);
}

sub delete_recipient {
	my ($address) = @_;
	write_result_line('S', $address);
	return 1;
}

sub change_sender {
	my ($address, $parameters) = @_;
	return with_parameters('f', $address, $parameters);
}

# --- Notices -------------------------------------------------------------------------------------------------------------------

# Collected in the work directory, mailed at the end of the message.
sub collect {
	my ($file, $text) = @_;
	local ($, , $\); # the filter's own are for what it prints
	my $fh;
	return 1 if open($fh, '>>', "$CWD/$file") && print({$fh} Mail::MIMEDefang::bytes_of($text)) && close $fh;
	md_syslog('err', "cannot write $file: $!");
	return 0;
}

# Not to a sender who cannot be answered, nor about a virus: its sender is nearly always forged.
sub action_notify_sender {
	my ($text) = @_;
	return 0 unless in_message_context('action_notify_sender');
	if (!defined $Sender || $Sender =~ /^(?:<>)?\z/) {
		md_syslog('info', 'action_notify_sender: there is no sender');
		return 0;
	}
	if (length $VirusName) {
		md_syslog('err', 'action_notify_sender: not done, since a virus was found');
		return 0;
	}
	Mail::MIMEDefang::count_action('notify_sender');
	return collect('NOTIFICATION', $text);
}

sub action_notify_administrator {
	my ($text) = @_;
	return send_admin_mail($NotifyAdministratorSubject, $text) unless $InMessageContext;
	Mail::MIMEDefang::count_action('notify_administrator');
	return collect('ADMIN_NOTIFICATION', $text);
}

# --- Greylisting ---------------------------------------------------------------------------------------------------------------

sub action_greylist {
	require Mail::MIMEDefang::Greylist;
	return Mail::MIMEDefang::Greylist::judge(time, @_);
}

1;
