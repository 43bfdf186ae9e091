# A message's way through a filter: what is called with what, the variables, every action's line in RESULTS, the new body.
use strict;
use warnings;
use Defang::Test qw(slurp spew);
use Defang::Worker;
use MIME::Parser;
use Test::More;

my $plain = "From: a\@b\nSubject: one\nSubject: two\nTo: x\nto: y\n\nHello\n";

# Scan one message with one filter: a hash of reply, results, dir, worker.
sub scan
{
	my ($filter, $message, @commands) = @_;
	my $worker = Defang::Worker->start($filter);
	my $dir = $worker->message($message, @commands);
	my ($reply, @results) = $worker->scan($dir);
	ok($worker->is_quiet, 'one line a request');
	is($worker->stop, 0, 'the worker ends well');
	return { reply => $reply, results => \@results, dir => $dir, said => $worker->stderr, worker => $worker };
}

# What an MTA would have after the changes: the head of RESULTS' M, and NEWBODY.
sub new_message
{
	my ($got) = @_;
	my ($type) = map { /^M(.*)/ ? $1 =~ s/%([0-9A-F]{2})/chr hex $1/ger : () } @{ $got->{results} };
	my $parser = MIME::Parser->new;
	$parser->output_to_core(1);
	$parser->extract_nested_messages(0);
	return $parser->parse_data("MIME-Version: 1.0\nContent-Type: $type\n\n" . slurp("$got->{dir}/NEWBODY"));
}

sub types { return join ' ', map { $_->mime_type } $_[0]->parts }

# --- Failures before the filter ------------------------------------------------------------------------------------------------
{
	my $worker = Defang::Worker->start('1;');
	my $dir = $worker->message($plain);
	unlink "$dir/COMMANDS";
	is($worker->ask("scan Q $dir"), 'error: Cannot open COMMANDS file from mimedefang: No such file or directory', 'no COMMANDS');
	spew("$dir/COMMANDS", "QQ1\n");
	is($worker->ask("scan Q $dir"), 'error: COMMANDS file did not end with F', 'no F');
	spew("$dir/COMMANDS", "F\n");
	unlink "$dir/INPUTMSG";
	is($worker->ask("scan Q $dir"), q(error: couldn't open INPUTMSG: No such file or directory), 'no INPUTMSG');
	is($worker->ask("scan Q $dir"), 'error: Cannot mkdir(Work): File exists', 'Work is there');
	ok($worker->is_quiet, 'one line a request');
	$worker->stop;
}

# --- Calls ---------------------------------------------------------------------------------------------------------------------
{
	my $calls = <<'FILTER';
for my $f (qw(filter_begin filter_end filter_wrapup)) {
	no strict 'refs';
	*$f = sub { print "$f(", $_[0]->mime_type, ")\n" };
}
sub filter { my ($e, @rest) = @_; print "filter(@rest)\n" }
sub filter_multipart { my ($e, @rest) = @_; print "filter_multipart(@rest)\n" }
FILTER
	my $got = scan($calls, $plain, 'Uone', 'Utwo');
	is($got->{reply}, 'ok', 'scanned');
	is($got->{said}, "filter_begin(multipart/mixed)\nfilter(  text/plain)\nfilter_end(multipart/mixed)\nfilter_wrapup(multipart/mixed)\n",
		'a plain message is a multipart of one');
	is_deeply($got->{results}, ['JSubject 2', 'F'], 'the second subject goes; nothing else');
	ok(!-e "$got->{dir}/NEWBODY", 'no new body');

	$got = scan($calls, 'exe.eml');
	like($got->{said}, qr/^filter\(invoice\.exe \.exe application\/octet-stream\)$/m, 'name, ending and type');
	is_deeply($got->{results}, ['F'], 'nothing changed');
	$got = scan($calls, 'nested.eml');
	like($got->{said}, qr/^filter_multipart\(.*message\/rfc822\)$/m, 'a message within is a container');
	$got = scan('sub filter { action_drop() } sub filter_multipart { action_accept() }', "$plain");
	is_deeply([@{ $got->{results} }[0, -2, -1]], ['Mtext/plain', 'C', 'F'], 'all dropped: an empty text');
	is(slurp("$got->{dir}/NEWBODY"), '', 'with nothing in it');

	$got = scan('$MaxMIMEParts = 3; sub filter_begin { print "called\n" }', 'parts_200.eml');
	is_deeply([$got->{reply}, $got->{said}], ['ok', ''], 'above $MaxMIMEParts no filter is called');
	like($got->{results}[0], qr/^B554 5\.7\.1 Message%20refused:/, 'and the message is refused');
	is($got->{results}[1], 'F', 'in whole');
}

# --- Variables -----------------------------------------------------------------------------------------------------------------
{
	my @commands = ('ivdDi00', 'S<s%20@x>', 'sSIZE=12', '=i Q77', '=empty ', 'QQ77', 'Hclient.example', 'I192.0.2.7', 'Ehelo.example',
		'R<r1> local ? r1', 'rNOTIFY=never', 'R<r2> esmtp ho ad', '!', 'Uone%20%25', 'Utwo', 'X<mid@x>', '?');
	my %want = (
		'$Sender' => '<s @x>', '"@SenderESMTPArgs"' => 'SIZE=12', '$SendmailMacros{i}' => 'Q77', '"<$SendmailMacros{empty}>"' => '<>',
		'$QueueID' => 'Q77', '$MsgID' => 'Q77', '$RelayHostname' => 'client.example', '$RelayAddr' => '192.0.2.7',
		'$RealRelayHostname' => 'client.example', '$RealRelayAddr' => '192.0.2.7', '$Helo' => 'helo.example', '"@Recipients"' => '<r1> <r2>',
		'"@{$RecipientMailers{q(<r2>)}}"' => 'esmtp ho ad', '"@{$RecipientESMTPArgs{q(<r1>)}}"' => 'NOTIFY=never',
		'$SuspiciousCharsInHeaders' => 1, '$SuspiciousCharsInBody' => 1, '$Subject' => 'one %', '$SubjectCount' => 2,
		'$MessageID' => '<mid@x>', '$MIMEDefangID' => 'vdDi00', '$WasMultiPart' => 0, '$WasResent' => 0, '$InMessageContext' => 1,
		'$Features{"Path:SPOOLDIR"} eq $CWD ? 1 : 0' => 0, 'require Cwd; Cwd::getcwd() eq $CWD ? 1 : 0' => 1,
		'-d "$ENV{TMPDIR}" && $ENV{TMPDIR} eq "$CWD/tmp" ? 1 : 0' => 1,
	);
	my @names = sort keys %want;
	my $got = scan(join('', 'sub filter_begin {', (map { "print ''.do { $_ }, qq(\\n);" } @names), '}'), $plain, @commands);
	my %is;
	@is{@names} = split /\n/, $got->{said};
	is($is{$_}, $want{$_}, $_) for @names;
	$got = scan('sub filter_begin { print "$RelayAddr $RelayHostname $RealRelayAddr $WasResent" }', $plain, 'Hh', 'I192.0.2.1', 'J203.0.113.254');
	is($got->{said}, '203.0.113.254 [203.0.113.254] 192.0.2.1 1', 'a relay named in the validation header');
	$got = scan("use strict; use Mail::MIMEDefang; use Mail::MIMEDefang::Actions;\nsub filter_begin { print \$MsgID }", $plain, 'X<m>');
	is($got->{said}, 'Q1', 'under strict; the queue-id of the request');
}

# Nothing of one message is left for the next.
{
	my $worker = Defang::Worker->start('sub filter_begin { print "[$Sender|@Recipients|$Subject|$SubjectCount|@Warnings|",
		scalar(%Actions), scalar(%SendmailMacros), "|$MessageID]" } sub filter { action_accept_with_warning("w") }');
	$worker->scan($worker->message($plain, 'S<s>', 'R<r> a b c', 'Us', '=i 5', 'X<m>'));
	$worker->scan($worker->message($plain));
	$worker->stop;
	is($worker->stderr, '[<s>|<r>|s|1||01|<m>][||' . '|0||00|NOQUEUE]', 'the variables start anew');
}

# --- Actions -------------------------------------------------------------------------------------------------------------------
for my $case (
	['action_add_header("X-A", "v w%")', 'HX-A v%20w%25'],
	['action_insert_header("X-I", "top")', 'NX-I 0 top'],
	['action_insert_header("X-I", "top", 3)', 'NX-I 3 top'],
	['action_change_header("Subject", "n s")', 'ISubject 1 n%20s'],
	['action_change_header("Received", "r", 2)', 'IReceived 2 r'],
	['action_delete_header("To")', 'JTo 1'],
	['action_delete_header("To", 2)', 'JTo 2'],
	['action_delete_all_headers("tO")', 'JtO 2', 'JtO 1'],
	['action_bounce("x", "550", "5.1.1")', 'B550 5.1.1 x'],
	['action_bounce()', 'B554 5.7.1 Forbidden%20for%20policy%20reasons'],
	['action_bounce("x", "450", "4.1.1")', 'B554 5.7.1 x'],
	['action_tempfail()', 'T450 4.7.1 Try%20again%20later'],
	['action_tempfail("x", "451", "4.3.0")', 'T451 4.3.0 x'],
	['action_discard()', 'D'],
	['action_bounce("a"); action_tempfail("b")', 'B554 5.7.1 a', 'T450 4.7.1 b'],
	['add_recipient(q(<n@x>))', 'R<n@x>'],
	['delete_recipient(q(<o@x>))', 'S<o@x>'],
	['change_sender(q(<s@x>))', 'f<s@x>'],
	['write_result_line("Q", "a b")', 'Qa%20b'],
	['action_drop(); action_accept(); action_drop_with_warning("x")'], # not in filter(): nothing happens
	['action_add_header("X-L", "%" x 9000)', 'HX-L ' . '%25' x 5458],
) {
	my ($code, @lines) = @$case;
	my $got = scan("sub filter_wrapup { $code }", $plain);
	is_deeply($got->{results}, [@lines, 'F'], substr $code, 0, 60);
}
{
	my $got = scan('sub filter_begin { print message_rejected(); action_discard(); print message_rejected() } sub filter { action_drop() }', $plain);
	is($got->{said}, '01', 'message_rejected');
	is_deeply($got->{results}, ['D', 'F'], 'no body is made for a message that is refused');
	my $worker = Defang::Worker->start('sub filter_sender { change_sender("<x>"); return ("CONTINUE", "ok") }');
	my $dir = $worker->message($plain);
	$worker->ask("senderok <a> 192.0.2.1 h helo $dir Q");
	is_deeply([$worker->scan($dir)], ['ok', 'f<x>', 'F'], 'results of filter_sender stand');
	$worker->stop;
}

# --- Parts ---------------------------------------------------------------------------------------------------------------------
{
	my $got = scan('sub filter { re_match_ext($_[0], q(^\.exe$)) ? action_drop() : action_accept() }', 'exe.eml');
	is_deeply($got->{results}, ['Mtext/plain;%20charset=us-ascii', 'C', 'F'], 'dropped: what is left stands alone');
	like(slurp("$got->{dir}/NEWBODY"), qr/^Hello Bob/, 'and is the text');

	$got = scan('sub filter { re_match($_[0], q(\.exe$)) ? action_replace_with_warning("gone: $_[1]") : 0 }', 'exe.eml');
	my $new = new_message($got);
	is(types($new), 'text/plain text/plain', 'replaced');
	is($new->parts(1)->head->recommended_filename, 'warning1.txt', 'its name');
	is($new->parts(1)->bodyhandle->as_string, "gone: invoice.exe\n", 'its text');

	$got = scan('sub filter { $_[1] ? action_drop_with_warning("gone") : action_accept_with_warning("seen") }', 'exe.eml');
	$new = new_message($got);
	is(types($new), 'text/plain text/plain', 'a warning part in front');
	like($new->parts(0)->bodyhandle->as_string, qr/postmaster\@localhost.*^seen\ngone\n/ms, 'with all warnings');
	$got = scan('$WarningLocation = -1; $GeneralWarning = "G\n"; sub filter { action_accept_with_warning("seen\n") }', 'exe.eml');
	$new = new_message($got);
	is(types($new), 'text/plain application/octet-stream text/plain', '$WarningLocation = -1: at the end');
	is($new->parts(2)->bodyhandle->as_string, "G\nseen\nseen\n", '$GeneralWarning');

	$got = scan('$AddWarningsInline = 1; $GeneralWarning = ""; sub filter { action_accept_with_warning("a < b") if $_[3] eq "text/html" }', 'alternative.eml');
	$new = new_message($got);
	is($new->mime_type, 'multipart/alternative', 'inline: nothing around it');
	like($new->parts(0)->bodyhandle->as_string, qr/\na < b\n/, 'in the text');
	like($new->parts(1)->bodyhandle->as_string, qr/a &lt; b\n.*<\/body>/si, 'in the HTML, before its end');
	$got = scan('sub filter { action_accept_with_warning("w") if $_[3] eq "text/html" }', 'alternative.eml');
	$new = new_message($got);
	is(types($new), 'text/plain multipart/alternative', 'a warning does not become an alternative');

	$got = scan('sub filter_multipart { action_drop() if $_[3] eq "message/rfc822" } sub filter { print "$_[1]\n" }', 'nested_exe.eml');
	unlike($got->{said}, qr/exe/, 'dropping a container covers what is in it');
	$got = scan('sub filter { action_drop() if re_match($_[0], q(exe$)) }', 'nested_exe.eml');
	unlike(slurp("$got->{dir}/NEWBODY"), qr/\.exe/, 'a part in a message within a message is dropped');

	$got = scan('sub filter { action_replace_with_warning("x") }', "Subject: s\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
		. "Content-Disposition: attachment; filename=a.pdf\n\nAAAA\n");
	is_deeply($got->{results}, ['Mtext/plain;%20charset=%22us-ascii%22;%20name=%22warning1.txt%22',
		'IContent-Disposition 1 inline;%20filename=%22warning1.txt%22', 'IContent-Transfer-Encoding 1 7bit', 'C', 'F'],
		'the Content-* headers of a message that is one part');
	$got = scan('sub filter_begin { action_rebuild() }', "Content-Transfer-Encoding: base64\nContent-Description: d\n\nSGVsbG8K\n");
	is($got->{reply}, 'ok', 'rebuild');
	is(slurp("$got->{dir}/NEWBODY"), "SGVsbG8K\n", 'as it was');
	$got = scan('sub filter { action_accept_with_warning("w") }', "Content-Transfer-Encoding: base64\nContent-Description: d\n\nSGVsbG8K\n");
	is_deeply([grep { /^J/ } @{ $got->{results} }], ['JContent-Description 1', 'JContent-Transfer-Encoding 1'],
		'headers that no longer fit go when it becomes multipart');
}

# --- Names ---------------------------------------------------------------------------------------------------------------------
for my $case (
	['exe.eml', '\.exe$', 1], ['double_extension.eml', '\.pdf\.exe$', 1], ['plain.eml', '.', 0], ['name_2047.eml', '\.exe$', 1],
	['name_2231.eml', '\.exe$', 1], ['description.eml', '\.exe$', 1], ['name_two.eml', '\.exe$', 1],
) {
	my ($file, $pattern, $want) = @$case;
	my $got = scan("sub filter { print 'match' if re_match(\$_[0], '$pattern') }", $file);
	is($got->{said} ? 1 : 0, $want, "re_match in $file");
}
for my $case (['zip_exe.eml', 1], ['zip_plain.eml', 0], ['exe.eml', 0]) {
	my ($file, $want) = @$case;
	my $got = scan('sub filter { print "match" if re_match_in_zip_directory($_[0]->bodyhandle->path, q(\.exe$)) }', $file);
	is($got->{said} eq 'match' ? 1 : 0, $want, "re_match_in_zip_directory in $file") or diag $got->{said};
}
{
	my $got = scan('sub filter { my $b = $_[0]->bodyhandle; print $b->path =~ m{^\./Work/msg-\d+-\d+\.\w+$} ? "ok" : $b->path, ",", -s $b->path, ";" }', 'exe.eml');
	like($got->{said}, qr/^(?:ok,\d+;){2}$/, 'bodies lie in Work, under names of ours');
}

# --- One directory -------------------------------------------------------------------------------------------------------------
{
	my $worker = Defang::Worker->start('sub filter_begin { print "said"; action_add_header("X", "y") }');
	my $dir = $worker->message($plain);
	my @run = Defang::Worker->run('-f', $worker->{filter}, $dir);
	is_deeply([@run[0, 1]], [0, ''], 'PROG DIR: exit 0, nothing on standard output');
	is(slurp("$dir/RESULTS"), "HX y\nF\n", 'RESULTS is there');
	@run = Defang::Worker->run('-f', $worker->{filter}, '/no/such/dir');
	isnt($run[0], 0, 'no such directory');
	like($run[2], qr/Cannot chdir/, 'and says so');
	$worker->stop;
}

done_testing;
