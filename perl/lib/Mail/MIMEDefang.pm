package Mail::MIMEDefang;

# The core of the filter API: the variables that a filter sees, and the functions that belong to no other subject. Functions
# that are not defined here are in C, in the program that loads this (src/worker/xs_*.c):
#   percent_encode percent_decode md_openlog log_line write_result_line results_open results_close commands_load parse_message
use strict;
use warnings;
use Exporter 'import';

our $VERSION = VERSION_TEXT();

# --- Set by us -----------------------------------------------------------------------------------------------------------------

# Of one message or one question; init_globals() clears them all.
our ($Sender, @Recipients, %RecipientMailers, @SenderESMTPArgs, %RecipientESMTPArgs, @ESMTPArgs, %SendmailMacros);
our ($RelayAddr, $RelayHostname, $RealRelayAddr, $RealRelayHostname, $WasResent, $Helo);
our ($QueueID, $MsgID, $MessageID, $MIMEDefangID, $Subject, $SubjectCount);
our ($SuspiciousCharsInHeaders, $SuspiciousCharsInBody, $CWD, $WasMultiPart);
our (%Actions, @Warnings, $WarningCounter, $Changed, $Rebuild, $Action, $ReplacementEntity);
our ($InMessageContext, $InFilterContext, $InFilterEnd, $InFilterWrapUp);

# Of the process.
our (%Features, $ServerMode, $DoStatusTags, @StatusTags, $SpoolDir);

# --- Set by the filter ---------------------------------------------------------------------------------------------------------

our $AdminAddress = 'postmaster@localhost';
our $AdminName = 'MIMEDefang Administrator';
our $DaemonAddress = 'mailer-daemon@localhost';
our $DaemonName = 'MIMEDefang';
our $AddWarningsInline = 0;
our $WarningLocation = 0;
our $GeneralWarning; # undef: general_warning() makes one that names the administrator
our $URL = 'https://mimedefang.org/enduser/';
our $MaxMIMEParts = -1;
our %Stupidity = (NoMultipleInlines => 0);
our $SyslogFacility = 'mail';

our @EXPORT = qw(
	$Sender @Recipients %RecipientMailers @SenderESMTPArgs %RecipientESMTPArgs @ESMTPArgs %SendmailMacros
	$RelayAddr $RelayHostname $RealRelayAddr $RealRelayHostname $WasResent $Helo
	$QueueID $MsgID $MessageID $MIMEDefangID $Subject $SubjectCount
	$SuspiciousCharsInHeaders $SuspiciousCharsInBody $CWD $WasMultiPart
	%Actions @Warnings $WarningCounter $Changed $Rebuild $Action $ReplacementEntity
	$InMessageContext $InFilterContext $InFilterEnd $InFilterWrapUp
	%Features $ServerMode $DoStatusTags @StatusTags
	$AdminAddress $AdminName $DaemonAddress $DaemonName $AddWarningsInline $WarningLocation $GeneralWarning $URL
	$MaxMIMEParts %Stupidity $SyslogFacility
	detect_and_load_perl_modules init_globals read_commands_file md_version md_syslog percent_encode percent_decode
	write_result_line signal_changed signal_unchanged init_status_tag push_status_tag pop_status_tag set_status_tag
	in_message_context in_filter_context in_filter_end in_filter_wrapup
);

our @EXPORT_OK = qw(general_warning md_openlog);

# The recipient that filter_recipient() is asked about; undef elsewhere.
our $CurrentRecipient;

sub md_version {
	return $VERSION;
}

# --- Log -----------------------------------------------------------------------------------------------------------------------

# The text is taken as it is: `%` means nothing.
sub md_syslog {
	my ($level, $text) = @_;
	$text = "$MsgID: $text" if defined $MsgID && $MsgID ne 'NOQUEUE';
	return log_line($level, $text);
}

# --- State of one message ------------------------------------------------------------------------------------------------------

sub init_globals {
	$_ = undef for $Sender, $RelayAddr, $RelayHostname, $RealRelayAddr, $RealRelayHostname, $Helo, $Subject, $MIMEDefangID,
		$Action, $ReplacementEntity, $CurrentRecipient;
	$_ = 0 for $WasResent, $SubjectCount, $SuspiciousCharsInHeaders, $SuspiciousCharsInBody, $WasMultiPart, $WarningCounter,
		$Changed, $Rebuild, $InMessageContext, $InFilterContext, $InFilterEnd, $InFilterWrapUp;
	$_ = 'NOQUEUE' for $QueueID, $MsgID, $MessageID;
	@$_ = () for \@Recipients, \@SenderESMTPArgs, \@ESMTPArgs, \@Warnings, \@StatusTags;
	%$_ = () for \%RecipientMailers, \%RecipientESMTPArgs, \%SendmailMacros, \%Actions;
	$CWD = $SpoolDir;
	return;
}

# What log lines begin with: the best name that the message has.
sub choose_message_name {
	($MsgID) = grep { defined && length && $_ ne 'NOQUEUE' } $QueueID, $MessageID;
	$MsgID //= 'NOQUEUE';
	return;
}

# Read COMMANDS of the message at hand into the variables: for filter_sender() and filter_recipient(), where the file is not yet
# complete; $needF is set when it has to be. 1, or 0 after a line in the log.
sub read_commands_file {
	my ($needF) = @_;
	my $mailer = defined $CurrentRecipient ? $RecipientMailers{$CurrentRecipient} : undef;
	my $ended = commands_load("$CWD/COMMANDS");
	if (!defined $ended) {
		md_syslog('err', "Cannot open COMMANDS file from mimedefang: $!");
		return 0;
	}
	if (defined $CurrentRecipient) { # it is not in the file yet
		push @Recipients, $CurrentRecipient;
		$RecipientMailers{$CurrentRecipient} = $mailer;
	}
	choose_message_name();
	return 1 if $ended || !$needF;
	md_syslog('err', 'COMMANDS file did not end with F');
	return 0;
}

# Note an action, for the line in the log at the end of a scan.
sub count_action {
	my ($name) = @_;
	return ++$Actions{$name};
}

# --- What may be called where --------------------------------------------------------------------------------------------------

sub check_context {
	my ($in, $name, $where) = @_;
	return 1 if $in;
	md_syslog('warning', "$name called outside of $where");
	return 0;
}

sub in_message_context { return check_context($InMessageContext, $_[0], 'message context') }
sub in_filter_context { return check_context($InFilterContext, $_[0], 'filter context') }
sub in_filter_end { return check_context($InFilterEnd, $_[0], 'filter_end') }
sub in_filter_wrapup { return check_context($InFilterWrapUp, $_[0], 'filter_wrapup') }

# --- The end of a scan ---------------------------------------------------------------------------------------------------------

sub signal_changed {
	return write_result_line('C');
}

sub signal_unchanged {
	return;
}

# The preamble of warnings: the filter's own, or one that tells whom to ask.
sub general_warning {
	return $GeneralWarning if defined $GeneralWarning;
	return "WARNING: This e-mail has been altered by a mail filter. Below is what it did,\n"
		. "and why. Your mail administrator is $AdminName <$AdminAddress>.\n"
		. "More about such filters: $URL\n\n";
}

# --- Status lines on descriptor 3 (-serveru): depth, `>` entering or `<` back in, what ----------------------------------------

sub init_status_tag {
	return unless $DoStatusTags;
	open STATUS, '>&=', 3 or die "cannot use descriptor 3 for status lines: $!\n";
	STATUS->autoflush(1);
	return;
}

sub set_status_tag {
	my ($depth, $tag) = @_;
	return unless $DoStatusTags;
	$tag = '' unless defined $tag;
	$tag .= " $MsgID" if length $tag && defined $MsgID && $MsgID ne 'NOQUEUE';
	print STATUS percent_encode("$depth: $tag"), "\n";
	return;
}

sub push_status_tag {
	my ($tag) = @_;
	return unless $DoStatusTags;
	push @StatusTags, $tag;
	return set_status_tag(scalar @StatusTags, "> $tag");
}

sub pop_status_tag {
	return unless $DoStatusTags;
	pop @StatusTags;
	my $tag = @StatusTags ? $StatusTags[-1] : 'no_tag';
	return set_status_tag(scalar @StatusTags, "< $tag");
}

# --- Features ------------------------------------------------------------------------------------------------------------------

# Modules that filters call directly when %Features says so. A key that the filter has set to 0 beforehand stays 0.
my %wanted = (
	'Archive::Zip' => 'Archive::Zip',
	'HTML::Parser' => 'HTML::Parser',
	'Net::DNS' => 'Net::DNS',
);

sub detect_and_load_perl_modules {
	my $probe = $Features{AutoDetectPerlModules} // 1;
	for my $feature (sort keys %wanted) {
		next if defined $Features{$feature} && !$Features{$feature};
		$Features{$feature} = $probe && module_loads($wanted{$feature}) ? 1 : 0;
	}
	return;
}

sub module_loads {
	my ($module) = @_;
	local $@;
	local $SIG{__DIE__};
	return eval "require $module; 1";
}

1;
