package Mail::MIMEDefang::Graph;

# Lines in the log for programs that draw graphs of them: MDLOG,msgid,event,v1,v2,sender,recipient,subject. Part of the core.
use strict;
use warnings;
use Exporter 'import';
use MIME::WordDecoder ();
use Mail::MIMEDefang qw(md_syslog $MsgID $Sender @Recipients $Subject $GraphDefangSyslogFacility $EnumerateRecipients);

our @EXPORT_OK = qw(md_graphdefang_log_enable md_graphdefang_log md_graphdefang_log_array percent_encode_for_graphdefang);

# Until this has been called, nothing is logged.
sub md_graphdefang_log_enable {
	my ($facility, $enumerate) = @_;
	$GraphDefangSyslogFacility = $facility // 'mail';
	$EnumerateRecipients = $enumerate // 1;
	return;
}

# Blanks and quotes stay; a comma would look like the end of the field.
sub percent_encode_for_graphdefang {
	my ($text) = @_;
	return '' unless defined $text;
	utf8::encode($text) if utf8::is_utf8($text);
	return $text =~ s/([^ -~]|[%\\,])/sprintf '%%%02X', ord $1/ger;
}

# The same, but letters of UTF-8 stay as they are, and encoded words become such.
sub encode_utf8_for_graphdefang {
	my ($text) = @_;
	return '' unless defined $text;
	$text = (supported MIME::WordDecoder 'UTF-8')->decode($text) if $text =~ /=\?/;
	utf8::encode($text) if utf8::is_utf8($text);
	return $text =~ s/([\x00-\x1f\x7f]|[%\\,])/sprintf '%%%02X', ord $1/ger;
}

sub address {
	my ($address) = @_;
	return percent_encode_for_graphdefang(lc(($address // '') =~ s/^<(.*)>\z/$1/r));
}

sub md_graphdefang_log {
	my ($event, $v1, $v2, $utf8, $per_message) = @_;
	return md_graphdefang_log_array($event, $utf8, [$v1, $v2], $per_message);
}

sub md_graphdefang_log_array {
	my ($event, $utf8, $values, $per_message) = @_;
	return unless defined $GraphDefangSyslogFacility;
	my $encode = $utf8 ? \&encode_utf8_for_graphdefang : \&percent_encode_for_graphdefang;
	my $begin = join ',', 'MDLOG', percent_encode_for_graphdefang($MsgID), map({ $encode->($_) } $event, @{ $values // [] }), address($Sender);
	my $once = $per_message || !$EnumerateRecipients;
	my @who = $once ? 'rcpts=' . @Recipients : map { address($_) } @Recipients;
	for my $who (@who) {
		my $line = join ',', $begin, $who, $encode->($Subject);
		Mail::MIMEDefang::log_line('info', $line, $GraphDefangSyslogFacility);
	}
	return;
}

1;
