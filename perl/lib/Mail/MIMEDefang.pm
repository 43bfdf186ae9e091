package Mail::MIMEDefang;

# The core of the filter API: the variables that a filter sees, and the functions that belong to no other subject. Functions
# that are not defined here are in C, in the program that loads this (src/worker/xs_*.c):
#   percent_encode percent_decode md_openlog log_line write_result_line results_open results_close commands_load parse_message
#   write_new_body md_time_left time_limit tmpdir_set
use strict;
use warnings;
use Exporter 'import';

our $VERSION = VERSION_TEXT();

# --- Set by us -----------------------------------------------------------------------------------------------------------------

# Of one message or one question; init_globals() clears them all.
our ($Sender, @Recipients, %RecipientMailers, @SenderESMTPArgs, %RecipientESMTPArgs, @ESMTPArgs, %SendmailMacros);
our ($RelayAddr, $RelayHostname, $RealRelayAddr, $RealRelayHostname, $WasResent, $Helo);
our ($QueueID, $MsgID, $MessageID, $MIMEDefangID, $Subject, $SubjectCount);
our ($SuspiciousCharsInHeaders, $SuspiciousCharsInBody, $CWD, $WasMultiPart, $Domain);
our ($VirusName, $VirusScannerMessages, $CurrentVirusScannerMessage);
our (%Actions, @Warnings, $WarningCounter, $DefangCounter, $Changed, $Rebuild, $TerminateAndDiscard);
our ($Action, $ReplacementEntity, $FilterEndReplacementEntity, @AddedParts, @FlatParts);
our ($QuarantineCount, $QuarantineSubdir, $EntireMessageQuarantined, $QuarantineFailed);
our ($InMessageContext, $InFilterContext, $InFilterEnd, $InFilterWrapUp);
our ($HTMLFoundEndBody, $HTMLBoilerplate);

# Of the process.
our (%Features, $ServerMode, $DoStatusTags, @StatusTags, $SpoolDir, $SASpamTester);
our ($VirusScannerRoutinesInitialized, @VirusScannerMessageRoutines, @VirusScannerEntityRoutines);
our ($CachedTimezone, $PrivateMyHostName);
our $results_fh; # never set: RESULTS is written in C; for filters that name it

# --- Set by the filter ---------------------------------------------------------------------------------------------------------

our $AdminAddress = 'postmaster@localhost';
our $Administrator; # what $AdminAddress was called long ago
our $AdminName = 'MIMEDefang Administrator';
our $DaemonAddress = 'mailer-daemon@localhost';
our $DaemonName = 'MIMEDefang';
our $AddWarningsInline = 0;
our $WarningLocation = 0;
our $GeneralWarning; # undef: general_warning() makes one that names the administrator
our $URL = 'https://mimedefang.org/enduser/';
our ($MaxMIMEParts, $MaxMIMEDepth, $MaxMIMEHeaders, $MaxMIMEHeaderBytes, $MaxMIMEBodyBytes) = (-1) x 5; # as usual: mime_defaults in src/mime
our %Stupidity = (NoMultipleInlines => 0);
our $SyslogFacility = 'mail';
our ($GraphDefangSyslogFacility, $EnumerateRecipients); # md_graphdefang_log_enable() sets them
our $NotifySenderSubject = 'MIMEDefang Notification';
our $NotifyAdministratorSubject = 'MIMEDefang Notification';
our $QuarantineSubject = 'MIMEDefang Quarantine Report';
our $NotifyNoPreamble = 0;
our $ValidateIPHeader; # by default from the key file
our $AddApparentlyToForSpamAssassin = 0;
our $SALocalTestsOnly = 1;
our ($ClamdSock, $SophieSock, $TrophieSock); # by default in the spool directory
our $CSSHost = '127.0.0.1:7777:local';
our $FprotdHost = '127.0.0.1:10200';
our $Fprotd6Host = '127.0.0.1:10200';

# Functions of the core that have modules of their own, for their subject or their size.
my %elsewhere;

# All this before the modules below are compiled: they import from here.
BEGIN {
	%elsewhere = (
		Graph => [qw(md_graphdefang_log_enable md_graphdefang_log md_graphdefang_log_array percent_encode_for_graphdefang)],
		Notice => [qw(send_mail send_multipart_mail send_admin_mail send_quarantine_notifications signal_complete)],
		RFC2822 => [qw(gen_msgid_header rfc2822_date header_timezone)],
		Stream => [qw(stream_by_domain stream_by_recipient)],
		Rebuild => [qw(rebuild_entity replace_entire_message)],
	);
	our @EXPORT = (
		qw($Sender @Recipients %RecipientMailers @SenderESMTPArgs %RecipientESMTPArgs @ESMTPArgs %SendmailMacros),
		qw($RelayAddr $RelayHostname $RealRelayAddr $RealRelayHostname $WasResent $Helo),
		qw($QueueID $MsgID $MessageID $MIMEDefangID $Subject $SubjectCount),
		qw($SuspiciousCharsInHeaders $SuspiciousCharsInBody $CWD $WasMultiPart $Domain),
		qw($VirusName $VirusScannerMessages $CurrentVirusScannerMessage),
		qw(%Actions @Warnings $WarningCounter $DefangCounter $Changed $Rebuild $TerminateAndDiscard),
		qw($Action $ReplacementEntity $FilterEndReplacementEntity @AddedParts @FlatParts),
		qw($QuarantineCount $QuarantineSubdir $EntireMessageQuarantined),
		qw($InMessageContext $InFilterContext $InFilterEnd $InFilterWrapUp $HTMLFoundEndBody $HTMLBoilerplate),
		qw(%Features $ServerMode $DoStatusTags @StatusTags $SASpamTester $CachedTimezone $PrivateMyHostName $results_fh),
		qw($VirusScannerRoutinesInitialized @VirusScannerMessageRoutines @VirusScannerEntityRoutines),
		qw($AdminAddress $Administrator $AdminName $DaemonAddress $DaemonName $AddWarningsInline $WarningLocation),
		qw($GeneralWarning $URL %Stupidity $SyslogFacility $GraphDefangSyslogFacility $EnumerateRecipients),
		qw($MaxMIMEParts $MaxMIMEDepth $MaxMIMEHeaders $MaxMIMEHeaderBytes $MaxMIMEBodyBytes),
		qw($NotifySenderSubject $NotifyAdministratorSubject $QuarantineSubject $NotifyNoPreamble $ValidateIPHeader),
		qw($AddApparentlyToForSpamAssassin $SALocalTestsOnly $ClamdSock $SophieSock $TrophieSock),
		qw($CSSHost $FprotdHost $Fprotd6Host),
		qw(detect_and_load_perl_modules init_globals read_commands_file read_config md_version md_syslog fatal get_host_name),
		qw(percent_encode percent_decode write_result_line signal_changed signal_unchanged print_and_flush send_filter_answer),
		qw(init_status_tag push_status_tag pop_status_tag set_status_tag),
		qw(md_time_left in_message_context in_filter_context in_filter_end in_filter_wrapup),
		qw(add_ip_validation_header delete_ip_validation_header md_copy_orig_msg_to_work_dir),
		map { @$_ } values %elsewhere,
	);
	our @EXPORT_OK = qw(general_warning md_openlog detect_antivirus_support);
	for my $module (keys %elsewhere) {
		no strict 'refs';
		*$_ = \&{"Mail::MIMEDefang::${module}::$_"} for @{ $elsewhere{$module} };
	}
}

# The recipient that filter_recipient() is asked about; undef elsewhere.
our $CurrentRecipient;

# The reply of a request that is the filter's own, when it gave it with print_and_flush().
our $Answer;

sub md_version {
	return $VERSION;
}

# --- Log -----------------------------------------------------------------------------------------------------------------------

# The text is taken as it is: `%` means nothing.
sub md_syslog {
	my ($level, $text) = @_;
	$text //= '';
	$text = "$MsgID: $text" if defined $MsgID && $MsgID ne 'NOQUEUE';
	return log_line($level, $text);
}

# Give the request up: it is answered with an error, and the log has the text.
sub fatal {
	my ($text) = @_;
	die "$text\n";
}

# --- State of one message ------------------------------------------------------------------------------------------------------

sub init_globals {
	($Sender, $RelayAddr, $RelayHostname, $RealRelayAddr, $RealRelayHostname, $Helo, $Subject, $MIMEDefangID,
		$Action, $ReplacementEntity, $FilterEndReplacementEntity, $QuarantineSubdir, $CurrentRecipient, $Answer,
		$HTMLBoilerplate,
		@Recipients, @SenderESMTPArgs, @ESMTPArgs, @Warnings, @StatusTags, @AddedParts, @FlatParts,
		%RecipientMailers, %RecipientESMTPArgs, %SendmailMacros, %Actions) = ();
	$WasResent = $SubjectCount = $SuspiciousCharsInHeaders = $SuspiciousCharsInBody = $WasMultiPart = $WarningCounter
		= $DefangCounter = $Changed = $Rebuild = $TerminateAndDiscard = $QuarantineCount = $EntireMessageQuarantined = $QuarantineFailed
		= $InMessageContext = $InFilterContext = $InFilterEnd = $InFilterWrapUp = $HTMLFoundEndBody = 0;
	$QueueID = $MsgID = $MessageID = 'NOQUEUE';
	$VirusName = $VirusScannerMessages = $CurrentVirusScannerMessage = $Domain = '';
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

# A text of the filter's as bytes: characters as UTF-8, undef as nothing.
sub bytes_of {
	my ($text) = @_;
	$text //= '';
	utf8::encode($text) if utf8::is_utf8($text);
	return $text;
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
	$name //= 'a function';
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

# The reply of a request that is the filter's own. There is one for each request, so that of our own requests is not to be had.
sub print_and_flush {
	my ($text) = @_;
	$text = ($text // '') =~ s/\s+\z//r;
	if ($InMessageContext || defined $Answer) {
		md_syslog('warning', "print_and_flush: not sent, since there is a reply already: $text");
		return;
	}
	$Answer = $text =~ s/\n/ /gr;
	return;
}

# The same for what functions like filter_relay() return.
sub send_filter_answer {
	my ($verdict, $text, undef, undef, @rest) = @_;
	return print_and_flush(Mail::MIMEDefang::Check::reply($verdict, $text, @rest));
}

# --- The validation header, by which relays of ours tell each other of the client ----------------------------------------------

# The name in the key file; undef when there is none that can be used.
sub read_ip_key {
	my ($path) = @_;
	open my $fh, '<', $path or return undef;
	my $name = readline($fh) // '';
	close $fh;
	return $name =~ /^(X-MIMEDefang-Relay[!-9;-~]*)\s*\z/ ? $1 : undef;
}

sub add_ip_validation_header {
	if (!defined $ValidateIPHeader || $ValidateIPHeader !~ /^X-MIMEDefang-Relay/) {
		md_syslog('warning', 'add_ip_validation_header called, but there is no valid name for it: is there a key file?');
		return 0;
	}
	Mail::MIMEDefang::Actions::action_add_header($ValidateIPHeader, $RelayAddr);
	return 1;
}

sub delete_ip_validation_header {
	if (!defined $ValidateIPHeader || $ValidateIPHeader !~ /^X-MIMEDefang-Relay/) {
		md_syslog('warning', 'delete_ip_validation_header called, but there is no valid name for it: is there a key file?');
		return 0;
	}
	return Mail::MIMEDefang::Actions::action_delete_all_headers($ValidateIPHeader);
}

# --- Surroundings --------------------------------------------------------------------------------------------------------------

# Run a file of settings in package main: 0, or 1 with a line in the log. Only one that none but root can have written.
sub read_config {
	my ($path) = @_;
	$path //= '';
	my $fault = config_fault($path);
	if (!defined $fault) {
		local $@;
		local $!;
		Mail::MIMEDefang::Worker::run_file($path =~ m{^\.{0,2}/} ? $path : "./$path");
		$fault = $@ if $@;
	}
	return 0 unless defined $fault;
	chomp $fault;
	md_syslog('err', "read_config: $path: $fault");
	return 1;
}

# Why a file of settings is not to be run, or undef. Perl says nothing of one that it cannot open.
sub config_fault {
	my ($path) = @_;
	open my $fh, '<', $path or return "$!";
	my ($mode, $owner) = (stat $fh)[2, 4];
	return 'no file' unless -f _;
	return $owner != 0 ? 'not owned by root' : $mode & 022 ? 'others may write it' : undef;
}

# Our name, with its domain when the system knows it.
sub get_host_name {
	return $PrivateMyHostName if defined $PrivateMyHostName;
	require Sys::Hostname;
	my $name = Sys::Hostname::hostname();
	my ($full) = gethostbyname $name;
	return $PrivateMyHostName = defined $full && $full =~ /\./ && $full !~ /^localhost/ ? $full : $name;
}

# Into Work, so that scanners see the message as it came, too.
sub md_copy_orig_msg_to_work_dir {
	return 0 unless in_message_context('md_copy_orig_msg_to_work_dir');
	return Mail::MIMEDefang::Utils::copy_or_link("$CWD/INPUTMSG", "$CWD/Work/INPUTMSG");
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
	local ($, , $\); # the filter's own are for what it prints
	print STATUS percent_encode("$depth: $tag") . "\n";
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

# Modules that filters use, or whose absence they want to know of. A key that the filter has set to 0 beforehand stays 0.
my %wanted = (
	'Archive::Zip' => 'Archive::Zip',
	'Digest::MD5' => 'Digest::MD5',
	'Digest::SHA' => 'Digest::SHA',
	'HTML::Parser' => 'HTML::Parser',
	'Mail::BIMI' => 'Mail::BIMI',
	'Net::DNS' => 'Net::DNS',
	'SpamAssassin' => 'Mail::SpamAssassin',
);

# What we would have to load to use them: Debian's packages, for messages.
my %package = (
	'Archive::Zip' => 'libarchive-zip-perl',
	'HTML::Parser' => 'libhtml-parser-perl',
	'IO::Socket::SSL' => 'libio-socket-ssl-perl',
	'Mail::AuthenticationResults' => 'libmail-authenticationresults-perl',
	'Mail::DKIM' => 'libmail-dkim-perl',
	'Mail::DMARC' => 'libmail-dmarc-perl',
	'Mail::SPF' => 'libmail-spf-perl',
	'Mail::SpamAssassin' => 'spamassassin',
	'Net::DNS' => 'libnet-dns-perl',
	'Net::SSLeay' => 'libnet-ssleay-perl',
);

sub detect_and_load_perl_modules {
	my $probe = $Features{AutoDetectPerlModules} // 1;
	for my $feature (sort keys %wanted) {
		next if defined $Features{$feature} && !$Features{$feature};
		$Features{$feature} = $probe && module_loads($wanted{$feature}) ? 1 : 0;
	}
	return;
}

# Whether some virus scanner is there.
sub detect_antivirus_support {
	return grep({ /^Virus:/ && $Features{$_} } keys %Features) ? 1 : 0;
}

sub module_loads {
	my ($module) = @_;
	local $@;
	local $SIG{__DIE__};
	return eval "require $module; 1";
}

# For a function that cannot do without a module: true, or a line in the log that says what to install.
sub needs_module {
	my ($module, $function) = @_;
	return 1 if module_loads($module);
	my ($package) = map { $package{$_} } grep { $module eq $_ || $module =~ /^${_}::/ } sort keys %package;
	md_syslog('err', "$function needs the Perl module $module" . ($package ? " (Debian: $package)" : ''));
	return 0;
}

# Where things are, before the filter is loaded, which may change it.
sub detect_surroundings {
	my ($spool, $conf) = @_;
	$SpoolDir = $spool;
	@Features{qw(Path:SPOOLDIR Path:CONFDIR)} = ($spool, $conf);
	($Features{'Path:QUARANTINEDIR'}) = grep { -d } '/var/spool/MD-Quarantine', $spool;
	($Features{'Path:SENDMAIL'}) = ((grep { -x } '/usr/sbin/sendmail', '/usr/lib/sendmail'), '/usr/sbin/sendmail');
	($Features{'Path:CLAMDCONF'}) = ((grep { -r } '/etc/clamav/clamd.conf', '/etc/clamd.conf'), 0);
	$Features{$_->[0]} = find_program($_->[1]) for ['unrar', 'unrar'], ['7zip', '7z'], ['tar', 'tar'], ['Path:RSPAMC', 'rspamc'];
	$ClamdSock = "$spool/clamd.sock";
	$SophieSock = "$spool/sophie";
	$TrophieSock = "$spool/trophie";
	$ValidateIPHeader = read_ip_key("$conf/mimedefang-ip-key");
	return;
}

# Its path, or 0.
sub find_program {
	my (@names) = @_;
	for my $name (@names) {
		my ($found) = grep { -x && -f } map { "$_/$name" } split(/:/, $ENV{PATH} // ''), qw(/usr/local/sbin /usr/sbin /sbin);
		return $found if defined $found;
	}
	return 0;
}

require "Mail/MIMEDefang/$_.pm" for sort keys %elsewhere;

1;
