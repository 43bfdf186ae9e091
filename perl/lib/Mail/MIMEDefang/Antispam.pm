package Mail::MIMEDefang::Antispam;

# What spam filters think of the message at hand: SpamAssassin in this process or in its daemon, and rspamd.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::Utils;

our @EXPORT = qw(
	spam_assassin_init spam_assassin_mail spam_assassin_status spam_assassin_check spam_assassin_is_spam
	rspamd_check md_spamc_init md_spamc_check
);

our $Patience = 300; # seconds for a conversation with a daemon; the controller's limit is what ends a scan
my $max_answer = 16 * 1024 * 1024; # bytes

# --- SpamAssassin in this process ------------------------------------------------------------------------------------------------

# The first settings that can be read.
sub default_config {
	my $conf = $Features{'Path:CONFDIR'};
	my ($found) = grep { -r } map { "$conf/$_" } qw(sa-mimedefang.cf spamassassin/sa-mimedefang.cf spamassassin/local.cf);
	return $found // "$conf/spamassassin.cf";
}

# The Mail::SpamAssassin object, made on the first call: later settings are ignored. undef when there is none.
sub spam_assassin_init {
	my ($config) = @_;
	return $SASpamTester if defined $SASpamTester;
	return undef unless Mail::MIMEDefang::needs_module('Mail::SpamAssassin', 'spam_assassin_init');
	$SASpamTester = Mail::SpamAssassin->new({
		local_tests_only => $SALocalTestsOnly,
		dont_copy_prefs => 1,
		userprefs_filename => $config // default_config(),
	});
	return $SASpamTester;
}

# The message as SpamAssassin would get it from the mail server.
sub message_text {
	open my $fh, '<', "$CWD/INPUTMSG" or die "cannot open INPUTMSG: $!\n";
	binmode $fh;
	my $message = do { local $/; <$fh> };
	my $sender = ($Sender // '<>') =~ s/[\r\n]//gr;
	my $front = "Return-Path: $sender\n" . synthesize_received_header();
	$front .= 'Apparently-To: ' . join(', ', map { s/[\r\n]//gr } @Recipients) . "\n" if $AddApparentlyToForSpamAssassin && @Recipients;
	my $end = index $message, "\n\n";
	$front .= gen_msgid_header() if substr($message, 0, $end < 0 ? length $message : $end) !~ /^Message-ID[ \t]*:/mi;
	return $front . $message;
}

sub spam_assassin_mail {
	return undef unless in_message_context('spam_assassin_mail');
	my $tester = spam_assassin_init() or return undef;
	return $tester->parse(message_text());
}

# The caller calls finish() of what it gets. undef when there is no SpamAssassin.
sub spam_assassin_status {
	my ($config) = @_;
	return undef unless in_message_context('spam_assassin_status');
	my $tester = spam_assassin_init($config) or return undef;
	push_status_tag('Running SpamAssassin');
	my $mail = spam_assassin_mail();
	my $status = $tester->check($mail);
	$mail->finish;
	pop_status_tag();
	return $status;
}

# (score, required, names of tests, report), or the empty list.
sub spam_assassin_check {
	my ($config) = @_;
	my $status = spam_assassin_status($config) or return;
	my @result = ($status->get_score, $status->get_required_score, $status->get_names_of_tests_hit, $status->get_report);
	$status->finish;
	return @result;
}

sub spam_assassin_is_spam {
	my ($config) = @_;
	my ($score, $required) = spam_assassin_check($config);
	return defined $score && $score >= $required ? 1 : 0;
}

# --- spamd, SpamAssassin's daemon: SPAMC/1.2, described in its spamd/PROTOCOL ------------------------------------------------------

# What md_spamc_check() takes. $max: bytes above which a message is not asked about; 0 for no limit.
sub md_spamc_init {
	my ($host, $port, $user, $max) = @_;
	return { where => ($host // 'localhost') . ':' . ($port // 783), user => $user // '', max => $max // 0 };
}

# (score, threshold, report, is_spam); zeros when the daemon does not answer, or the message is too big.
sub md_spamc_check {
	my ($client) = @_;
	my @none = (0, 0, '', 0);
	return @none unless $client && in_message_context('md_spamc_check');
	my $message = message_text();
	return @none if $client->{max} && length $message > $client->{max};
	require Mail::MIMEDefang::Dialog;
	my $answer = spamd_answer(Mail::MIMEDefang::Dialog::ask($client->{where}, $Patience, spamd_question($message, $client->{user})));
	if (!$answer) {
		md_syslog('err', "md_spamc_check: no answer of spamd at $client->{where}");
		return @none;
	}
	return @$answer{qw(score threshold report is_spam)};
}

# Mail::SpamAssassin::Client does not know REPORT.
sub spamd_question {
	my ($message, $user) = @_;
	my $for = length $user ? 'User: ' . $user =~ s/[^!-~]//gr . "\r\n" : '';
	return "REPORT SPAMC/1.2\r\nContent-length: " . length($message) . "\r\n$for\r\n$message";
}

# An answer taken apart; undef when it is none.
sub spamd_answer {
	my ($text) = @_;
	return undef unless defined $text && $text =~ m{\ASPAMD/[\d.]+ 0 };
	my ($head, $report) = split /\r?\n\r?\n/, $text, 2;
	my ($spam, $score, $threshold) = $head =~ m{^Spam:[ ]*(\w+)[ ]*;[ ]*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)[ ]*/[ ]*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*$}mi or return undef;
	return { is_spam => $spam =~ /^(?:true|yes)\z/i ? 1 : 0, score => $score, threshold => $threshold, report => $report // '' };
}

# The names of tests in a report.
sub symbols_of {
	my ($report) = @_;
	return $report =~ /^[ \t]*-?[\d.]+[ \t]+([A-Z][A-Z0-9_]+)\s/mg;
}

# --- rspamd ----------------------------------------------------------------------------------------------------------------------

# (score, required, names of symbols, report as JSON, action, is it spam: `true` or `false`).
sub rspamd_check {
	my ($uri) = @_;
	my @none = (0, 0, '', '', 'soft reject', 'false');
	return @none unless in_message_context('rspamd_check');
	require JSON::PP;
	open my $fh, '<', "$CWD/INPUTMSG" or die "cannot open INPUTMSG: $!\n";
	binmode $fh;
	my $message = do { local $/; <$fh> };
	push_status_tag('Running rspamd');
	my ($status, $reason, $content) = rspamd_ask($uri // 'http://127.0.0.1:11333', $message);
	pop_status_tag();
	my $result = $status eq '200' ? rspamd_answer($content) : undef;
	return @$result if $result;
	md_syslog('err', "rspamd_check: $status $reason" =~ s/\s+\z//r);
	return @none;
}

# (status, reason, content) of HTTP. In the clear we speak it ourselves, since HTTP::Tiny has limits for each reading only.
sub rspamd_ask {
	my ($uri, $message) = @_;
	my ($where, $question) = rspamd_question($uri, $message, rspamd_headers());
	if (defined $where) {
		require Mail::MIMEDefang::Dialog;
		return http_answer(Mail::MIMEDefang::Dialog::ask($where, $Patience, $question));
	}
	require HTTP::Tiny;
	my $http = HTTP::Tiny->new(timeout => $Patience, keep_alive => 0, max_size => $max_answer);
	my $response = $http->request('POST', "$uri/checkv2", { headers => rspamd_headers(), content => $message });
	return @$response{qw(status reason content)};
}

# (host:port, request); the empty list for an address that is not http://. Values of $headers are texts or lists of them.
sub rspamd_question {
	my ($uri, $message, $headers) = @_;
	my ($host, $path) = $uri =~ m{\Ahttp://([^/\s]+)(/[^\s]*)?\z} or return;
	my @fields = map { my $name = $_; map { "$name: " . s/[\r\n]+/ /gr . "\r\n" } ref $headers->{$name} ? @{ $headers->{$name} } : $headers->{$name} } sort keys %$headers;
	my $begin = 'POST ' . ($path // '') =~ s{/+\z}{}r . "/checkv2 HTTP/1.0\r\nHost: $host\r\nContent-Length: " . length($message) . "\r\n";
	return ($host =~ /:[0-9]+\z/ ? $host : "$host:80", join '', $begin, @fields, "\r\n", $message);
}

# (status, reason, content) of what was answered.
sub http_answer {
	my ($text) = @_;
	return (599, 'no answer', '') unless defined $text && $text =~ m{\AHTTP/1\.[01] ([0-9]{3})[ ]?([^\r\n]*)};
	my ($status, $reason) = ($1, $2);
	return ($status, $reason, (split /\r\n\r\n/, $text, 2)[1] // '');
}

# What rspamd cannot see in the message. A header must stay on its line.
sub rspamd_headers {
	my %header = (From => $Sender, IP => $RelayAddr, Helo => $Helo, Hostname => $RelayHostname, 'Queue-Id' => $QueueID,
		User => $SendmailMacros{auth_authen}, Rcpt => @Recipients ? [map { bare($_) } @Recipients] : undef);
	delete @header{ grep { !defined $header{$_} || $header{$_} eq '' } keys %header };
	$header{$_} = bare($header{$_}) for grep { !ref $header{$_} } keys %header;
	return \%header;
}

sub bare {
	my ($text) = @_;
	return $text =~ s/^<(.*)>\z/$1/sr =~ s/[^!-~ ]//gr;
}

# The values of an answer; undef when it is none.
sub rspamd_answer {
	my ($text) = @_;
	local ($@, $SIG{__DIE__});
	my $report = eval { JSON::PP->new->utf8->decode($text) };
	return undef unless ref $report eq 'HASH' && is_number($report->{score}) && is_number($report->{required_score} // 0);
	return [rspamd_result($report, $text)];
}

sub is_number { my ($text) = @_; return defined $text && !ref $text && $text =~ /\A-?[0-9]{1,15}(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,2})?\z/ }

sub rspamd_result {
	my ($report, $text) = @_;
	my ($score, $required) = ($report->{score}, $report->{required_score} // 0);
	my $is_spam = defined $report->{is_spam} ? $report->{is_spam} : $score >= $required;
	my $symbols = ref $report->{symbols} eq 'HASH' ? $report->{symbols} : {};
	return ($score, $required, join(',', sort keys %$symbols), $text, $report->{action} // 'no action', $is_spam ? 'true' : 'false');
}

1;
