# The API in careless hands: functions called twice or with the wrong things, characters among bytes, line breaks where none belong, Perl's
# variables and signals set to something else. And parts that were made to cost much.
use strict;
use warnings;
use Defang::Api;
use Defang::Test qw(slurp spew temp_dir);
use Encode qw(encode);
use Test::More;

my $api = Defang::Api->start('use Mail::MIMEDefang::BIMI; use Mail::MIMEDefang::TLS;');
my $plain = "Subject: s\n\nbody\n";
my $two = "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\nline\n--b\nContent-Type: application/x; name=\"x.exe\"\n\nsecond\n--b--\n";
my $dir = temp_dir();
sub new_body { return slurp("$_[0]{dir}/NEWBODY") // '' }

# --- Twice -----------------------------------------------------------------------------------------------------------------------
my $got = $api->scan($plain, begin => '(md_copy_orig_msg_to_work_dir(), md_copy_orig_msg_to_work_dir())', end => 'action_rebuild()');
is_deeply($got->{begin}[0], [1, 1], 'the message for scanners, twice');
is(slurp("$got->{dir}/$_"), $plain, "  $_ is whole") for 'INPUTMSG', 'Work/INPUTMSG';
is(new_body($got), "body\n", '  and so is what is written anew');
spew("$dir/$_", $_) for qw(one other);
is($api->values("copy_or_link('$dir/one', '$dir/other')"), 1, 'copy_or_link to a name that is taken');
is_deeply([map { slurp("$dir/$_") } qw(one other)], ['one', 'one'], '  replaces what had it');
is_deeply([sort map { s{.*/}{}r } glob "$dir/*"], [qw(one other)], '  and leaves nothing behind');
is($api->values("copy_or_link('$dir/one', '$dir/no/such')"), 0, 'a folder that is not there');

# --- Outside of a message --------------------------------------------------------------------------------------------------------
my $outside = 'a message can be changed only while it is scanned (filter_begin to filter_wrapup)';
for my $text ('action_add_header("X-A", "b")', 'change_sender("<a\@b>")', 'add_recipient("<a\@b>")') {
	like($api->values("eval { $text; 1 } ? 'no error' : \$\@"), qr/^\Q$outside\E at /, "$text outside of a message");
}

# --- Perl's variables ------------------------------------------------------------------------------------------------------------
# Everything that a message can leave, without what differs between two messages.
sub traces
{
	my ($set) = @_;
	my $kept = temp_dir();
	my $g = $api->scan([$two, 'S<s@x>', 'R<r@x>'],
		begin => "\$Features{'Path:QUARANTINEDIR'} = '$kept'; $set; action_add_header_now('X-A', 'b'); md_copy_orig_msg_to_work_dir_as_mbox_file(); resend_message('a\@b');"
			. 'action_notify_sender("hello\n"); action_notify_administrator("more\n"); action_delete_all_headers("subject"); action_quarantine_entire_message("why"); 1',
		filter => 'return unless $_[1]; action_quarantine($_[0], "gone"); 1',
		end => 'append_text_boilerplate($_[0], "note", 0); action_add_part($_[0], "text/plain", "-suggest", "data\n", "n.txt", "inline"); send_quarantine_notifications(); 1');
	my %left = map { s{.*/}{}r => $_ } glob "$g->{dir}/INPUTMSG $g->{dir}/NEWBODY $g->{dir}/Work/INPUTMBOX $kept/*/*/*";
	my $text = join "\n", @{ $g->{results} }, map({ "$_: " . slurp($left{$_}) } sort keys %left), sort map { $_->{text} } $api->mails;
	return $text =~ s/\d\d:\d\d:\d\d|\d{9,}[-.\w]*|mdefang-\d+|\S*qdir\S*//gr;
}
my $usual = traces('');
like($usual, qr/PART\.1\.BODY: second.*X-A: b/s, 'what a filter does leaves traces');
is(traces($_), $usual, "  the same with $_") for '$\ = "ORS"', '$, = "OFS"', '$/ = undef', '$/ = \3', '$" = "LIST"';
$got = $api->scan("MIME-Version: 1.0\nContent-Type: application/x\nContent-Description: a.exe\n\nx\n", filter => 'my $h = $_[0]->head; $h->replace("Content-Type", "text/plain"); local $/; takeStabAtFilename($_[0])');
is($got->{filter}[0][0], 'a.exe', 'a name without its line end');
is_deeply([$api->values('require Mail::MIMEDefang::Dialog; require Mail::MIMEDefang::Smtp; local $@ = "mine"; local $_ = "my own"; Mail::MIMEDefang::Dialog::ask("127.0.0.1:1", 1, ""); md_check_against_smtp_server("a", "b", "c", "127.0.0.1", 1); re_match_in_zip_directory("/no/such", "x"); detect_and_load_perl_modules(); ($@, $_)')], ['mine', 'my own'], '$@ and $_ stay');
is_deeply([$api->values("require Archive::Zip; my \$was = sub { }; Archive::Zip::setErrorHandler(\$was); re_match_in_zip_directory('$dir/one', 'x'); \$Archive::Zip::ErrorHandler == \$was ? 1 : 0")], [1], 'and the error handler of Archive::Zip');

# --- Hooks -----------------------------------------------------------------------------------------------------------------------
# What dies within the API and is caught there is no business of the filter's.
my $hooked = 'my $n = 0; local $SIG{__DIE__} = sub { $n++ };';
is_deeply([$api->values("$hooked re_match_in_zip_directory('/proc/self/mem', 'x'); require JSON::PP; Mail::MIMEDefang::Antispam::rspamd_answer('{'); \$n")], [0], 'the hook of die is left alone');
$got = $api->scan([$plain, 'S<s@x>', 'R<r@x>'], begin => "$hooked \$Features{'Path:QUARANTINEDIR'} = '/no/such'; (action_quarantine_entire_message('x'), \$n)");
is_deeply($got->{begin}[0], [0, 0], '  by a quarantine that fails, too');
$got = $api->scan([$plain, 'S<s@x>', 'R<r@x%0AX-Evil: 1>'], begin => '$AddApparentlyToForSpamAssassin = 1; my @m = Mail::MIMEDefang::Antispam::message_text(); $AddApparentlyToForSpamAssassin = 0; @m');
unlike($got->{begin}[0][0], qr/^X-Evil/m, 'recipients for SpamAssassin are on one line');
$api->values('local $Features{"Path:SENDMAIL"} = "/no/such"; send_mail("a", "b", "c", "d")');
unlike($api->{worker}->stderr, qr/Can't exec/, 'a program that is not there is told once');

# --- Signals ---------------------------------------------------------------------------------------------------------------------
$api->values("\$Features{tar} = 'tar'; 1");
spew("$dir/Run.exe", 'x');
system('tar', '-C', $dir, '-czf', "$dir/a.tgz", 'Run.exe') == 0 or die 'tar';
for my $handler ('"IGNORE"', 'sub { 1 while waitpid(-1, POSIX::WNOHANG()) > 0 }') {
	$got = $api->scan($plain, begin => "\$SIG{CHLD} = $handler; (resend_message('a\@b'), (run_virus_scanner('exit 3'))[0], re_match_in_tgz_directory('$dir/a.tgz', 'exe\$'), \"\$SIG{CHLD}\" =~ /IGNORE|CODE/ ? 1 : 0)",
		filter => 'action_external_filter($_[0], "tr a-z A-Z < FILTERINPUT > FILTEROUTPUT")');
	is_deeply([$got->{begin}[0], $got->{filter}[0]], [[1, 3, 1, 1], [1]], "programs end well with \$SIG{CHLD} = $handler");
	is(new_body($got), "BODY\n", '  and what they do is done');
}
$api->mails;
$got = $api->scan($plain, begin => '(run_virus_scanner("cd / && echo one; echo two; exit 4"), $CurrentVirusScannerMessage)');
is_deeply($got->{begin}[0], [4, 'ok', 'proceed', "one\ntwo\n"], 'a shell command of several');

# --- Characters and bytes ----------------------------------------------------------------------------------------------------------
$api->values('my $a = "ann\@x"; utf8::upgrade($a); $AdminAddress = $AdminName = $a; send_admin_mail("s", "t\xc3\xa4xt\n")');
my ($mail) = $api->mails;
like($mail->{text}, qr/\n\nt\xc3\xa4xt\n\z/, 'an address in characters leaves a text in bytes alone');
$got = $api->scan($plain, filter => 'action_accept_with_warning("gr\xc3\xbcn"); action_accept_with_warning("\x{263a}"); $GeneralWarning = "\xc3\xa4\n"', end => 'push @Warnings, undef; 1');
like(new_body($got), qr/charset="?utf-8/, 'warnings in bytes and in characters');
my ($base64) = new_body($got) =~ /\n\n([\w+\/=\n]{8,}?)\n--/;
like(new_body($got) =~ s/=([0-9A-F]{2})/chr hex $1/ger, qr/\xc3\xa4\ngr\xc3\xbcn\n\xe2\x98\xba\n/, '  are told in UTF-8') if new_body($got) =~ /quoted-printable/;
$api->values('$GeneralWarning = undef; 1');
$got = $api->scan($plain, begin => 'action_add_header_now("X-A", "\x{263a}")');
is((slurp("$got->{dir}/INPUTMSG") =~ /^X-A: (.*)/m)[0], encode('UTF-8', "\x{263a}"), 'a header in characters');
my $docroot = temp_dir();
$got = $api->scan($plain, filter => "action_replace_with_url(\$_[0], '$docroot', 'http://w', 'at _URL_', undef, \"\\x{263a}\")");
is($got->{filter}[0][0], 1, 'salt in characters');
is_deeply([map { sprintf '%o', (stat)[2] & 07777 } glob "$docroot/*"], ['644'], '  the web server may read the file, whatever the umask');

# --- Line breaks -------------------------------------------------------------------------------------------------------------------
$api->values('send_multipart_mail("f\n\@x", "F\nBcc: a\@b", "t\@y", "Sub\nBcc: c\@d", "", undef, { "X-Own" => "v\nBcc: evil\@z", "X-A\nBcc" => "q" })');
($mail) = $api->mails;
unlike($mail->{text}, qr/^Bcc/mi, 'no field more than there should be');
like($mail->{text}, qr/^X-Own: v Bcc: evil\@z$/m, '  a line break is a blank');
is_deeply($mail->{args}, ['-ff@x', '-FF Bcc: a@b', '-odd', '-Ac', '-oi', '--', 't@y'], '  in the command, too');
for my $call ('action_add_header_now("X-A\nX-Evil", "v")', 'action_insert_header_now("X-A: v\n\nX-Evil", "v")', 'action_change_header_now("", "v")', 'action_delete_header_now(undef)') {
	$got = $api->scan($plain, begin => $call);
	is_deeply([$got->{begin}[0][0], slurp("$got->{dir}/INPUTMSG"), @{ $got->{results} }], [0, $plain, 'F'], $call =~ s/\n/\\n/gr);
	like($got->{logged}[0], qr/^err .*not the name of a header/, '  is told');
}
$got = $api->scan([$plain, 'S<s@x>', 'R<r@x%0A%0Aevil>'], begin => 'synthesize_received_header()');
is(() = $got->{begin}[0][0] =~ /\n/g, 3, 'a recipient with line breaks stays in its line') or diag $got->{begin}[0][0];
for my $name ('a"b.exe', 'a\\\\b.exe', 'a\nX-Evil: y.exe', 'gr\xfcn.exe', '\x{263a}.exe', 'a;b=c.exe') {
	$got = $api->scan("MIME-Version: 1.0\nContent-Type: application/x; name=\"x.exe\"\n\nsecond\n", filter => "my \$n = \"${\ ($name =~ s/\"/\\\"/gr)}\"; action_defang(\$_[0], \$n, \$n, 'application/octet-stream')",
		end => "my \$n = \"${\ ($name =~ s/\"/\\\"/gr)}\"; action_add_part(\$_[0], 'text/plain', '-suggest', 'x', \$n, 'inline'); 1");
	is($got->{reply}, 'ok', "a part called $name");
	my @heads = grep { /^Content-Type/ } split /\n\n|^--.*\n/m, new_body($got);
	is_deeply([map { grep({ /^(?:Content-|[ \t])/ } split /\n/) == split(/\n/) ? () : $_ } @heads], [], '  has no field more');
	is(grep({ /name=.*exe/s } @heads), 2, '  keeps its name');
}

# --- Wrong things ------------------------------------------------------------------------------------------------------------------
for my $call ('md_syslog("info")', 'in_filter_end()', 'action_accept_with_warning()', 'action_replace_with_warning()', 'action_quarantine($_[0])', 'action_external_filter($_[0])',
	'action_add_part($_[0])', 'action_delete_all_headers()', 'action_notify_sender()', 'action_notify_administrator()', 'send_admin_mail()', 'send_mail()', 'send_multipart_mail()',
	'append_to_part($_[0])', 'append_text_boilerplate($_[0])', 'append_html_boilerplate($_[0])', 'find_part($_[0])', 're_match($_[0])', 'copy_or_link()', 'read_config()',
	'action_add_header_now("X")', 'action_insert_header_now("X", "v", "top")', 'action_change_header_now("X", "v", -1)', 'action_replace_with_url($_[0])', 'md_graphdefang_log_array("e")',
	'pretty_print_mail($_[0])', 'email_is_blacklisted()', 'expand_ipv6_address()', 'reverse_ip_address_for_rbl()') {
	my $ask = "my \@w; local \$SIG{__WARN__} = sub { push \@w, \@_ }; $call; grep { m{/MIMEDefang} } \@w";
	$got = $api->scan(['plain.eml', 'S<s@x>', 'R<r@x>'], begin => "\$Features{'Path:QUARANTINEDIR'} = '$dir'; $ask", filter => $ask);
	is_deeply([$got->{reply}, @{ $got->{begin}[0] // ['died'] }, @{ $got->{filter}[0] // ['died'] }], ['ok'], "$call gives no warning of ours");
}
$api->mails;
for my $call ('replace_entire_message("x")', 'replace_entire_message(undef)', 'action_add_entity([])') {
	$got = $api->scan($plain, end => $call);
	is_deeply([$got->{reply}, $got->{end}[0][0], @{ $got->{results} }], ['ok', 0, 'F'], "$call does nothing");
	like($got->{logged}[0], qr/^err .*not a MIME::Entity/, '  and says so');
}
$got = $api->scan("MIME-Version: 1.0\nContent-Type: application/x; name=\"a.exe\"\n\nx\n", filter => '"other" =~ /other/; (re_match($_[0], ""), re_match_ext($_[0], ""))');
is_deeply($got->{filter}[0], [1, 1], 'an empty pattern matches');
is_deeply([$api->values("(read_config('/etc'), read_config('$dir'))")], [1, 1], 'a folder is no file of settings');
SKIP: {
	skip 'needs root', 2 if $> != 0;
	spew("$dir/settings", '$main::Read = 1; 1;');
	chmod 0600, "$dir/settings" or die $!;
	is_deeply([$api->values("local (\$>) = 65534; (read_config('$dir/settings'), \$main::Read)")], [1, undef], 'settings that cannot be read');
	like(($api->logged)[0], qr/^err read_config: .*Permission denied/, '  are told');
}
$got = $api->scan([$plain, 'S<s@x>', 'R<a@x>', 'R<b@y>'], end => 'stream_by_domain()');
is_deeply([$got->{end}[0][0], @{ $got->{results} }], [1, 'D', 'F'], 'a message streamed late does not arrive twice');

# --- Parts that were made to cost much -----------------------------------------------------------------------------------------------
# Each took minutes, since its time grew with the square of its length: the deadline of Defang::Worker ends that.
$got = $api->scan("Subject: s\n\n" . 'http://' x 300_000 . "\n", end => 'anonymize_uri($_[0])');
is_deeply([$got->{reply}, @{ $got->{end}[0] }], ['ok', 1], 'a text of nothing but addresses');
my $blanks = ' ' x 3_000_000;
$got = $api->scan("Subject: s\nBIMI-Selector: v=BIMI1; s=a${blanks}b\n\nx\n", begin => 'md_bimi_get_selector($_[0])');
is_deeply($got->{begin}[0], ['default'], 'a field of blanks');
is($api->values('Mail::MIMEDefang::TLS::policy_parse("version: STSv1\nmode: none\nmax_age: 1\nmx: a" . " " x 3_000_000 . "b\n")->{mode}'), 'none', 'a policy of blanks');
is($api->values('require Mail::MIMEDefang::Async::Results; Mail::MIMEDefang::Async::Results::md_async_interpret_dmarc("v=DMARC1; p=reject; x=a" . " " x 3_000_000 . "b")->{policy}'), 'reject', 'a record of blanks');
is_deeply($api->values('require Mail::MIMEDefang::Async::Results; Mail::MIMEDefang::Async::Results::md_async_interpret_spamassassin(raw => "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7.5 / 5.0\r\n\r\n" . "\n" x 500_000 . " 4.0 RULE_A words\n")->{symbols}'), ['RULE_A'], 'a report of empty lines');
my $deep = join('', map { "Content-Type: multipart/mixed; boundary=b$_\n\n--b$_\n" } 1 .. 300) . "Content-Type: text/plain\n\nx\n";
$api->values('$MaxMIMEDepth = 1000');
$got = $api->scan("MIME-Version: 1.0\n$deep", begin => 'my @w; local $SIG{__WARN__} = sub { push @w, @_ }; collect_parts($_[0]); (find_part($_[0], "text/plain")->mime_type, scalar @FlatParts, scalar @w)', end => 'remove_redundant_html_parts($_[0]); 1');
is_deeply($got->{begin}[0], ['text/plain', 1, 0], 'a message 300 levels deep');
spew("$dir/unrar", "#!/bin/sh\nhead -c 200000000 /dev/zero | tr '\\0' x\nprintf '\\nlast.exe\\n'\n");
chmod 0755, "$dir/unrar" or die $!;
is($api->values("local \$Features{unrar} = '$dir/unrar'; re_match_in_rar_directory('x', '^last')"), 1, 'a name of 200 MB');
my ($kib) = slurp("/proc/$api->{worker}{pid}/status") =~ /^VmHWM:\s*(\d+)/m;
cmp_ok($kib, '<', 180_000, '  is not kept') if !Defang::Test::sanitized();
unlike($api->{worker}->stderr, qr{(?:uninitialized|Wide character|Deep recursion|Complex regular).*/MIMEDefang}, 'no warning of ours') or diag $api->{worker}->stderr;
is($api->stop, 0, 'ends well');
done_testing;
