# Every variable of the filter API: filters may use it without declaring it, and it has its documented value.
use strict;
use warnings;
use Defang::Api;
use Test::More;

my $api = Defang::Api->start('our $Order = "filter"; sub filter_relay { return (1, join "|", $RelayAddr, $RelayHostname, $QueueID, $CWD) }');
my $spool = "$api->{worker}{dir}/spool";

# Settings and what they are until a filter sets them; then what is set for a message, outside of one.
my %default = (
	'$AdminAddress' => 'postmaster@localhost',
	'$AdminName' => 'MIMEDefang Administrator',
	'$Administrator' => undef,
	'$DaemonAddress' => 'mailer-daemon@localhost',
	'$DaemonName' => 'MIMEDefang',
	'$AddWarningsInline' => 0,
	'$WarningLocation' => 0,
	'$GeneralWarning' => undef,
	'$URL' => 'https://mimedefang.org/enduser/',
	'$MaxMIMEParts' => -1,
	'$MaxMIMEDepth' => -1,
	'$MaxMIMEHeaders' => -1,
	'$MaxMIMEHeaderBytes' => -1,
	'$MaxMIMEBodyBytes' => -1,
	'$Stupidity{NoMultipleInlines}' => 0,
	'$AddApparentlyToForSpamAssassin' => 0,
	'$SALocalTestsOnly' => 1,
	'$SASpamTester' => undef,
	'$SyslogFacility' => 'mail',
	'$GraphDefangSyslogFacility' => undef,
	'$EnumerateRecipients' => undef,
	'$NotifySenderSubject' => 'MIMEDefang Notification',
	'$NotifyAdministratorSubject' => 'MIMEDefang Notification',
	'$QuarantineSubject' => 'MIMEDefang Quarantine Report',
	'$NotifyNoPreamble' => 0,
	'$ValidateIPHeader' => undef,
	'$ClamdSock' => "$spool/clamd.sock",
	'$SophieSock' => "$spool/sophie",
	'$TrophieSock' => "$spool/trophie",
	'$CSSHost' => '127.0.0.1:7777:local',
	'$FprotdHost' => '127.0.0.1:10200',
	'$Fprotd6Host' => '127.0.0.1:10200',
	'$Features{"Path:SPOOLDIR"}' => $spool,
	'$Features{"Path:CONFDIR"}' => '/etc/mail',
	'$ServerMode' => 1,
	'$DoStatusTags' => undef,
	'$results_fh' => undef,
	'$Sender' => undef,
	'$RelayAddr' => undef,
	'$RelayHostname' => undef,
	'$RealRelayAddr' => undef,
	'$RealRelayHostname' => undef,
	'$WasResent' => 0,
	'$Helo' => undef,
	'$QueueID' => 'NOQUEUE',
	'$MsgID' => 'NOQUEUE',
	'$MessageID' => 'NOQUEUE',
	'$MIMEDefangID' => undef,
	'$Subject' => undef,
	'$SubjectCount' => 0,
	'$SuspiciousCharsInHeaders' => 0,
	'$SuspiciousCharsInBody' => 0,
	'$CWD' => $spool,
	'$Domain' => '',
	'$VirusName' => '',
	'$VirusScannerMessages' => '',
	'$CurrentVirusScannerMessage' => '',
	'$WasMultiPart' => 0,
	'$WarningCounter' => 0,
	'$DefangCounter' => 0,
	'$Changed' => 0,
	'$Rebuild' => 0,
	'$Action' => undef,
	'$ReplacementEntity' => undef,
	'$FilterEndReplacementEntity' => undef,
	'$QuarantineCount' => 0,
	'$QuarantineSubdir' => undef,
	'$EntireMessageQuarantined' => 0,
	'$TerminateAndDiscard' => 0,
	'$InMessageContext' => 0,
	'$InFilterContext' => 0,
	'$InFilterEnd' => 0,
	'$InFilterWrapUp' => 0,
	'$HTMLFoundEndBody' => 0,
	'$HTMLBoilerplate' => undef,
	map({ ("scalar \@$_" => 0) } qw(Recipients SenderESMTPArgs ESMTPArgs Warnings StatusTags AddedParts FlatParts)),
	map({ ("scalar %$_" => 0) } qw(RecipientMailers RecipientESMTPArgs SendmailMacros Actions)),
);
for my $name (sort keys %default) {
	is($api->values("use strict; $name"), $default{$name}, $name);
}
is_deeply([$api->values("use strict; no warnings; ($_)[0]; 1")], [1], "$_ is known")
	for qw(@VirusScannerMessageRoutines @VirusScannerEntityRoutines $VirusScannerRoutinesInitialized $CachedTimezone $PrivateMyHostName);

# --- In a message ----------------------------------------------------------------------------------------------------------------
my @commands = ('iABCDEFG', 'S<Sender@example.org>', 'sSIZE=9', 'sBODY=8BITMIME', '=j mx.example.org', '=auth_type', 'QQ77', 'Hhost.example',
	'I192.0.2.7', 'Ehelo.example', 'R<a@example.net> esmtp mx a', 'rNOTIFY=never', 'R<b@example.net>', '!', '?', 'Ufirst%20subject', 'Usecond', 'X<id@x>');
my $got = $api->scan(['multipart_base64.eml', @commands], begin => <<'PERL', filter => <<'PERL', end => <<'PERL');
return {
	map({ $_ => ${$Mail::MIMEDefang::{$_}} } qw(Sender RelayAddr RelayHostname RealRelayAddr RealRelayHostname WasResent Helo QueueID MsgID
		MessageID MIMEDefangID Subject SubjectCount SuspiciousCharsInHeaders SuspiciousCharsInBody WasMultiPart InMessageContext
		InFilterContext InFilterEnd InFilterWrapUp)),
	map({ $_ => \@{$Mail::MIMEDefang::{$_}} } qw(Recipients SenderESMTPArgs)),
	map({ $_ => \%{$Mail::MIMEDefang::{$_}} } qw(RecipientMailers RecipientESMTPArgs SendmailMacros)),
	cwd => $CWD eq Cwd::getcwd(),
}
PERL
action_accept_with_warning('w');
return ($InFilterContext, $Action, $Changed, "@Warnings", $Actions{accept_with_warning})
PERL
($InFilterEnd, $InFilterContext, $Action, $Rebuild)
PERL
is_deeply($got->{begin}[0][0], {
	Sender => '<Sender@example.org>', RelayAddr => '192.0.2.7', RelayHostname => 'host.example', RealRelayAddr => '192.0.2.7',
	RealRelayHostname => 'host.example', WasResent => 0, Helo => 'helo.example', QueueID => 'Q77', MsgID => 'Q77', MessageID => '<id@x>',
	MIMEDefangID => 'ABCDEFG', Subject => 'first subject', SubjectCount => 2, SuspiciousCharsInHeaders => 1, SuspiciousCharsInBody => 1,
	WasMultiPart => 1, InMessageContext => 1, InFilterContext => 0, InFilterEnd => 0, InFilterWrapUp => 0, cwd => 1,
	Recipients => ['<a@example.net>', '<b@example.net>'], SenderESMTPArgs => ['SIZE=9', 'BODY=8BITMIME'],
	RecipientMailers => { '<a@example.net>' => [qw(esmtp mx a)], '<b@example.net>' => [qw(? ? ?)] },
	RecipientESMTPArgs => { '<a@example.net>' => ['NOTIFY=never'] }, SendmailMacros => { j => 'mx.example.org', auth_type => '' },
}, 'what a message sets') or diag explain $got;
is_deeply($got->{filter}[0], [1, 'accept', 1, 'w', 1], 'what an action sets');
is_deeply($got->{end}[0], [1, 0, 'accept', 0], 'in filter_end');

# A relay of ours names its client.
$got = $api->scan(['plain.eml', 'I192.0.2.7', 'Hrelay', 'J192.0.2.99'], begin => '($RelayAddr, $RelayHostname, $RealRelayAddr, $RealRelayHostname, $WasResent)');
is_deeply($got->{begin}[0], ['192.0.2.99', '[192.0.2.99]', '192.0.2.7', 'relay', 1], 'a J line');
is_deeply([$api->values('($Sender, $QueueID, scalar @Warnings, $WasResent)')], [undef, 'NOQUEUE', 0, 0], 'nothing is left for the next request');
is($api->{worker}->ask('relayok 192.0.2.1 host 1 2 3 Q5'), "ok 1 192.0.2.1|host|Q5|$spool ? ?" =~ s/ \? \?/ 250 2.1.0 0/r, 'in filter_relay');

# --- Settings that act ---------------------------------------------------------------------------------------------------------
my $multipart = "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>two</p>\n--b--\n";
my $warn = 'action_accept_with_warning("careful\n") if $_[3] eq "text/plain"';
my $body = sub { my ($scan) = @_; return Defang::Test::slurp("$scan->{dir}/NEWBODY") };
$got = $api->scan($multipart, begin => '$AdminName = "Ann"; $AdminAddress = "ann\@x"; $URL = "http://u/"', filter => $warn);
like($body->($got), qr{\A.*warning1\.txt.*Ann <ann\@x>.*http://u/.*careful.*one}s, 'the preamble, and a part in front');
$got = $api->scan($multipart, begin => '$WarningLocation = -1; $GeneralWarning = "General."', filter => $warn);
like($body->($got), qr{one.*two.*warning1\.txt.*General\.}s, '$WarningLocation, $GeneralWarning');
$got = $api->scan($multipart, begin => '$WarningLocation = 0; $AddWarningsInline = 1', filter => $warn);
unlike($body->($got), qr/warning1/, '$AddWarningsInline: no part of its own');
like($body->($got), qr{one\n.*careful.*<p>two</p>.*<pre>.*careful}s, '  but in the text and in the HTML');
$got = $api->scan($multipart, begin => '$AddWarningsInline = 0; $Stupidity{NoMultipleInlines} = 1', filter => $warn);
like($body->($got), qr{warning1\.txt.*filename="message\.txt".*one}s, '$Stupidity{NoMultipleInlines}');
$api->scan('plain.eml', begin => '$Stupidity{NoMultipleInlines} = 0');
# A limit, the highest number with which the message is still refused, why, and the message.
for my $case (
	['$MaxMIMEParts', 2, 'more parts', $multipart],
	['$MaxMIMEDepth', 9, 'parts nested deeper', "Content-Type: message/rfc822\n\n" x 10 . "\n"],
	['$MaxMIMEHeaders', 4, 'more header fields', "A: 1\nB: 2\nContent-Type: message/rfc822\n\nC: 3\nD: 4\n\nx\n"],
	['$MaxMIMEHeaderBytes', 11, 'headers longer', "A: 1\nBcd: 2\n\n" . 'x' x 100 . "\n"],
	['$MaxMIMEBodyBytes', 299, 'decoded bodies longer', "Content-Transfer-Encoding: base64\n\n" . 'QUJD' x 100 . "\n"],
) {
	my ($limit, $most, $why, $message) = @$case;
	$api->values("$limit = $most");
	$got = $api->scan($message, begin => '1');
	my $result = $got->{results}[0] =~ s/%20/ /gr;
	like($result, qr/^B554 5\.7\.1 Message refused: $why than allowed/, "$limit: a message above it is refused");
	is(@{ $got->{begin} }, 0, '  and the filter is not asked');
	for my $enough ($most + 1, -1) {
		$api->values("$limit = $enough");
		is(@{ $api->scan($message, begin => '1')->{begin} }, 1, "  not when it is $enough");
	}
}
$api->values('$MaxMIMEDepth = 1000');
$got = $api->scan("Content-Type: message/rfc822\n\n" x 1000 . "\n", begin => '1', end => 'action_add_part($_[0], "text/plain", "7bit", "added\n", "added.txt", "inline")');
is(@{ $got->{begin} }, 1, 'a limit may be higher than the usual one');
like($body->($got), qr/^added$/m, '  the message can be written');
unlike($api->{worker}->stderr, qr/recursion/, '  without a word of Perl');
$api->values('$MaxMIMEDepth = -1');
is($api->stop, 0, 'ends well');

# --- Outside of functions --------------------------------------------------------------------------------------------------------
$api = Defang::Api->start('$Administrator = q(old@example.org); $Features{"Net::DNS"} = 0; detect_and_load_perl_modules();');
is($api->values('$AdminAddress'), 'old@example.org', '$Administrator is taken for $AdminAddress');
is_deeply([$api->values('@Features{qw(Net::DNS Archive::Zip Digest::SHA)}')], [0, 1, 1], '%Features');
like($api->values('$Features{tar}'), qr{/tar$}, 'paths of programs');
is_deeply([$api->values('grep { !exists $Features{$_} } qw(SpamAssassin HTML::Parser unrar 7zip tar Path:SENDMAIL Path:QUARANTINEDIR Path:CLAMDCONF Path:RSPAMC Mail::BIMI Digest::MD5)')], [], 'all keys are there');
is($api->stop, 0, 'ends well');

done_testing;
