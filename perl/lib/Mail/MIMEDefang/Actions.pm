package Mail::MIMEDefang::Actions;

# What a filter can have done to a part, a message, its headers and its envelope. Most of it is a line in RESULTS, which the front
# end turns into milter replies.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::MIME;

our @EXPORT = qw(
	action_accept action_accept_with_warning action_drop action_drop_with_warning action_replace_with_warning
	action_bounce action_tempfail action_discard message_rejected action_rebuild
	action_add_header action_insert_header action_change_header action_delete_header action_delete_all_headers
	add_recipient delete_recipient change_sender
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
	push @Warnings, $text;
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
	return 0 unless in_message_context('action_delete_all_headers');
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

# --- Envelope ------------------------------------------------------------------------------------------------------------------

sub add_recipient {
	my ($address) = @_;
	write_result_line('R', $address);
	return 1;
}

sub delete_recipient {
	my ($address) = @_;
	write_result_line('S', $address);
	return 1;
}

sub change_sender {
	my ($address) = @_;
	write_result_line('f', $address);
	return 1;
}

1;
