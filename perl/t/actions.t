# What filters have done to parts, messages, headers and envelopes.
use strict;
use warnings;
use Defang::Api;
use Defang::Test qw(slurp spew temp_dir);
use Digest::SHA qw(sha1_hex);
use Test::More;

my $api = Defang::Api->start(<<'FILTER');
# Each file or folder that is synced, in order.
our @Synced;
{
	no warnings 'redefine';
	my $sync = \&IO::Handle::sync;
	*IO::Handle::sync = sub { push @Synced, readlink '/proc/self/fd/' . fileno $_[0]; $sync->(@_) };
}
FILTER
my $two = "Subject: s\nTo: a\nTo: b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n"
	. "Content-Type: application/x; name=\"../../evil name.exe\"\n\nsecond\n--b--\n";
my $second = 'return unless $_[3] eq "application/x";';
sub new_body { return slurp("$_[0]{dir}/NEWBODY") // '' }
sub results { return [grep { !/^[MCF]/ } @{ $_[0]{results} }] }

# --- Out of place ----------------------------------------------------------------------------------------------------------------
my @on_parts = qw(accept accept_with_warning drop drop_with_warning replace_with_warning replace_with_url defang external_filter quarantine);
for my $name (@on_parts) {
	my $got = $api->scan($two, begin => "action_$name()");
	is($got->{begin}[0][0], 0, "action_$name is only for parts");
	like($got->{logged}[0], qr/called outside of filter context/, '  and says so');
}
for my $name (qw(quarantine_entire_message sm_quarantine bounce tempfail discard rebuild add_part add_entity notify_sender delete_all_headers),
	map { "${_}_header_now" } qw(add insert change delete)) {
	ok(!$api->values("action_$name('x')"), "action_$name is only for messages");
}
ok(!$api->values('get_quarantine_dir()') && !$api->values('message_rejected()'), 'so are get_quarantine_dir and message_rejected');

# --- Parts -----------------------------------------------------------------------------------------------------------------------
my $got = $api->scan($two, filter => "$second action_accept()");
is_deeply([$got->{filter}[1][0], @{ $got->{results} }], [1, 'F'], 'action_accept');
$got = $api->scan($two, filter => "$second action_accept_with_warning('mind it')");
like(new_body($got), qr/mind it.*first.*second/s, 'action_accept_with_warning');
$got = $api->scan($two, filter => "$second action_drop()");
unlike(new_body($got), qr/second|WARNING/, 'action_drop');
$got = $api->scan($two, filter => "$second action_drop_with_warning('gone')");
like(new_body($got), qr/gone.*first/s, 'action_drop_with_warning');
unlike(new_body($got), qr/second/, '  without the part');
$got = $api->scan($two, filter => "$second action_replace_with_warning('instead')");
like(new_body($got), qr/first.*warning1\.txt.*instead/s, 'action_replace_with_warning');

$got = $api->scan($two, filter => "$second action_defang(\$_[0], 'name.txt', 'file.txt', 'application/octet-stream')");
like(new_body($got), qr/An attachment named '.*evil name\.exe' was converted to 'file\.txt'/, 'action_defang warns');
like(new_body($got), qr{Content-Type: application/octet-stream; name="?name\.txt"?\n}, '  new type and name');
like(new_body($got), qr{Content-Disposition: attachment; filename="?file\.txt"?\n}, '  new file name');
$got = $api->scan($two, filter => "$second action_defang(\$_[0], '', '', '')");
like(new_body($got), qr{application/octet-stream; name="?defang-1\.binary"?.*filename="?defang-1\.binary}s, '  made-up names');
{
	my $own = Defang::Api->start('sub defang_warning { return "<$_[0]|$_[1]>" }');
	like(new_body($own->scan($two, filter => "$second action_defang(\$_[0], 'n', 'f', 't/t')")), qr/<[^|]*evil name\.exe\|f>/, '  the filter\'s defang_warning');
}

$got = $api->scan($two, filter => "$second action_external_filter(\$_[0], 'tr a-z A-Z < FILTERINPUT > FILTEROUTPUT')");
like(new_body($got), qr/first.*\nU0VDT05E\n/s, 'action_external_filter');
for my $command ('false', 'true', 'kill -9 $$', 'no-such-command') {
	$got = $api->scan($two, filter => "$second action_external_filter(\$_[0], '$command')");
	is_deeply([$got->{filter}[1][0], @{ $got->{results} }], [0, 'F'], "  that fails: $command");
	like($got->{logged}[0], qr/^err .*action_external_filter: /, '  is told');
}

my $docroot = temp_dir();
my $url = "$second action_replace_with_url(\$_[0], '$docroot', 'http://www/parts/', \"Fetch _URL_ soon\\n\"";
$got = $api->scan($two, filter => "$url)");
my $sha = sha1_hex('second');
like(new_body($got), qr{Fetch http://www/parts/$sha\.exe soon}, 'action_replace_with_url');
is(slurp("$docroot/$sha.exe"), 'second', '  the part is there');
$api->scan($two, filter => "$url, 'cd data', 'salt')");
my ($hidden) = glob "$docroot/.[0-9a-f]*";
is(slurp($hidden), 'cd data', '  data for the server');
my ($salted) = $hidden =~ m{/\.([^/]*)$};
is(slurp("$docroot/$salted"), 'second', '  and the salted name') ;
isnt($salted, "$sha.exe", '  which is another');
$got = $api->scan($two, filter => "$second action_replace_with_url(\$_[0], '/no/such/folder', 'u', 't')");
is($got->{filter}[1][0], 0, '  a folder that is not there');
is_deeply(results($got), ['T451 4.3.0 Cannot%20keep%20the%20message%20in%20quarantine'], '  is a temporary failure');

# --- Quarantine ------------------------------------------------------------------------------------------------------------------
my $quarantine = temp_dir();
my @envelope = ($two, 'S<sender@example.org>', 'R<a@x>', 'R<b@x>');
my $to = "\$Features{'Path:QUARANTINEDIR'} = '$quarantine'; \@Synced = ();";
$got = $api->scan([@envelope], begin => $to, filter => "$second action_quarantine(\$_[0], 'bad part')",
	end => 'action_quarantine_entire_message("all of it"); action_quarantine_entire_message("again"); send_quarantine_notifications();'
	. '(get_quarantine_dir(), $QuarantineCount, $EntireMessageQuarantined, $QuarantineSubdir, \@Synced)');
my ($dir, $count, $entire, $subdir, $synced) = @{ $got->{end}[0] };
like($dir, qr{^$quarantine/(\d{4}-\d\d-\d\d-\d\d)/qdir-\1\.\d\d\.\d\d-001\z}, 'a folder of its own');
is_deeply([$count, $entire, $subdir], [1, 1, $dir], '  counted');
my %kept = map { m{([^/]*)\z} => slurp($_) } glob "$dir/*";
is_deeply(\%kept, {
	SENDER => "<sender\@example.org>\n", 'SENDMAIL-QID' => "Q1\n", RECIPIENTS => "<a\@x>\n<b\@x>\n", HEADERS => slurp("$got->{dir}/HEADERS"),
	'PART.1.HEADERS' => "Content-Type: application/x; name=\"../../evil name.exe\"\n", 'PART.1.BODY' => 'second', 'MSG.1' => 'bad part',
	ENTIRE_MESSAGE => $two, 'MSG.0' => 'all of it',
}, '  with everything in it') or diag explain \%kept;
my $hour = $dir =~ s{/[^/]*\z}{}r;
is_deeply([sort grep { m{^\Q$dir/} } @$synced], [map { "$dir/$_" } sort keys %kept], '  each file is synced');
is_deeply([grep { $_ eq $hour || $_ eq $quarantine } @$synced], [$hour, $quarantine], '  each folder above');
is($synced->[-1], $dir, '  and at last the folder itself');
like(new_body($got), qr/bad part/, 'the part is replaced by a warning');
unlike(new_body($got), qr/second/, '  and gone');
my @mails = $api->mails;
is(@mails, 1, 'one report');
like($mails[0]{text}, qr/^Subject: MIMEDefang Quarantine Report$/m, '  with its subject');
like($mails[0]{text}, qr{\Q$dir\E.*a\@x.*b\@x.*bad part|all of it.*bad part}s, '  and content');
$got = $api->scan([@envelope], begin => 'get_quarantine_dir()', end => 'send_quarantine_notifications(); 1');
like($got->{begin}[0][0], qr/-00\d\z/, 'the next message has another folder');
isnt($got->{begin}[0][0], $dir, '  indeed');
is(scalar $api->mails, 0, 'no report when nothing is quarantined');

$got = $api->scan([@envelope], begin => "\$Features{'Path:QUARANTINEDIR'} = '/no/such/folder'; (get_quarantine_dir(), action_quarantine_entire_message())",
	filter => "$second action_quarantine(\$_[0], 'x')", end => 'action_discard()');
is_deeply([@{ $got->{begin}[0] }, $got->{filter}[1][0]], ['', 0, 0], 'a folder that cannot be made');
is_deeply(results($got), ['D', 'T451 4.3.0 Cannot%20keep%20the%20message%20in%20quarantine'], '  keeps the message from being thrown away');
like($got->{logged}[0], qr{^err Q1: quarantine: /no/such/folder/.*No such file}, '  and is told');
$got = $api->scan('plain.eml', begin => 'action_sm_quarantine("look at it")');
is_deeply(results($got), ['Qlook%20at%20it'], 'action_sm_quarantine');

# --- The message -----------------------------------------------------------------------------------------------------------------
for my $case (
	['action_bounce()', 'B554 5.7.1 Forbidden%20for%20policy%20reasons'],
	['action_bounce("x", "550", "5.1.1")', 'B550 5.1.1 x'],
	['action_bounce("x", "450", "4.1.1")', 'B554 5.7.1 x'],
	['action_tempfail()', 'T450 4.7.1 Try%20again%20later'],
	['action_tempfail("y", "421", "4.2.1")', 'T421 4.2.1 y'],
	['action_tempfail("y", "550", "5.2.1")', 'T450 4.7.1 y'],
	['action_discard()', 'D'],
	['action_add_header("X-A", "v w%")', 'HX-A v%20w%25'],
	['action_insert_header("X-I", "top")', 'NX-I 0 top'],
	['action_insert_header("X-I", "top", 3)', 'NX-I 3 top'],
	['action_change_header("Subject", "n s")', 'ISubject 1 n%20s'],
	['action_change_header("Received", "r", 2)', 'IReceived 2 r'],
	['action_delete_header("To")', 'JTo 1'],
	['action_delete_header("To", 2)', 'JTo 2'],
	['add_recipient("<a@b>")', 'R<a@b>'],
	['delete_recipient("<a@b>")', 'S<a@b>'],
	['change_sender("<>")', 'f<>'],
) {
	my ($text, $line) = @$case;
	is_deeply($api->scan($two, begin => $text =~ s/\@/\\\@/gr)->{results}, [$line, 'F'], $text);
}
is_deeply($api->scan($two, begin => 'action_delete_all_headers("tO")')->{results}, ['JtO 2', 'JtO 1', 'F'], 'action_delete_all_headers');
for my $action (qw(bounce tempfail discard)) {
	is_deeply($api->scan($two, begin => "(message_rejected(), action_$action(), message_rejected())")->{begin}[0], [0, 1, 1], "message_rejected: $action");
}
like(new_body($api->scan('plain.eml', begin => 'action_rebuild()')), qr/\S/, 'action_rebuild');
is($api->scan('plain.eml', wrapup => 'action_rebuild()')->{wrapup}[0][0], 0, '  is too late in filter_wrapup');

# --- Further parts ---------------------------------------------------------------------------------------------------------------
my $add = 'action_add_part($_[0], "text/plain", "-suggest", "the disclaimer\n", "d.txt", "inline"';
$got = $api->scan($two, end => "my \$p = $add); (\$p->isa('MIME::Entity'), scalar \@AddedParts)");
is_deeply($got->{end}[0], [1, 1], 'action_add_part');
like(new_body($got), qr/first.*second.*d\.txt.*the disclaimer/s, '  at the end');
like(new_body($api->scan($two, end => "$add, 0); 1")), qr/the disclaimer.*first/s, '  at the begin');
$got = $api->scan('plain.eml', end => "$add); 1");
like($got->{results}[0], qr{^Mmultipart/mixed}, '  a message of one part becomes a multipart');
$got = $api->scan('alternative.eml', end => "$add); 1");
like(new_body($got), qr{multipart/alternative.*the disclaimer}s, '  an alternative goes into one');
$got = $api->scan($two, end => 'action_add_entity(MIME::Entity->build(Type => "text/x", Data => "entity")); 1');
like(new_body($got), qr{second.*text/x.*entity}s, 'action_add_entity');
$got = $api->scan('plain.eml', begin => 'push @AddedParts, [MIME::Entity->build(Data => "x"), -1]; my $e = MIME::Entity->build(Type => "text/html", Data => "h");'
	. 'my $r = process_added_parts($e); ($r == $e, $e->mime_type, scalar $e->parts, scalar @AddedParts)');
is_deeply($got->{begin}[0], [1, 'multipart/mixed', 2, 0], 'process_added_parts');
$got = $api->scan($two, end => 'replace_entire_message(MIME::Entity->build(Type => "text/html", Data => "<p>new</p>"))');
is_deeply([$got->{results}[0], new_body($got)], ['Mtext/html', '<p>new</p>'], 'replace_entire_message');
is($api->scan($two, begin => 'replace_entire_message(1)')->{begin}[0][0], 0, '  only in filter_end');
$got = $api->scan($two, begin => 'my $o = MIME::Entity->build(Type => "multipart/mixed"); rebuild_entity($o, $_[0]); map { $_->mime_type } $o->parts', filter => 'action_drop() if $_[3] =~ /^text/');
is_deeply($got->{begin}[0], ['application/x'], 'rebuild_entity');
$got = $api->scan($two, begin => '$TerminateAndDiscard = 1', filter => '1', end => '1');
is_deeply([@{ $got->{results} }, @{ $got->{filter} }, @{ $got->{end} }], ['D', 'F'], '$TerminateAndDiscard');

# --- Headers at once -------------------------------------------------------------------------------------------------------------
my $head = "Subject: s\nX-Folded: a\n\tb\nTo: a\nto: b\n\nbody\n\nTo: c\n";
for my $case (
	['add_header_now("X-A", "v\nX-Evil: 1")', 'HX-A v%0AX-Evil:%201', sub { s/\n\n/\nX-A: v\n\tX-Evil: 1\n\n/ }],
	['insert_header_now("X-I", "top")', 'NX-I 0 top', sub { s/^/X-I: top\n/ }],
	['insert_header_now("X-I", "x", 2)', 'NX-I 2 x', sub { s/^To: a/X-I: x\nTo: a/m }],
	['insert_header_now("X-I", "x", 99)', 'NX-I 99 x', sub { s/\n\n/\nX-I: x\n\n/ }],
	['change_header_now("TO", "z", 2)', 'ITO 2 z', sub { s/^to: b/TO: z/m }],
	['change_header_now("None", "z")', 'INone 1 z', sub { s/\n\n/\nNone: z\n\n/ }],
	['delete_header_now("x-folded")', 'Jx-folded 1', sub { s/X-Folded: a\n\tb\n// }],
	['delete_header_now("To", 3)', 'JTo 3', sub { }],
	['delete_all_headers_now("To")', 'JTo 2 JTo 1', sub { s/To: a\nto: b\n// }],
) {
	my ($text, $line, $change) = @$case;
	$got = $api->scan($head, begin => "action_$text");
	is_deeply([$got->{begin}[0][0], "@{ $got->{results} }"], [1, "$line F"], "action_$text");
	local $_ = $head;
	$change->();
	is(slurp("$got->{dir}/INPUTMSG"), $_, '  changes INPUTMSG');
}

# --- Notices ---------------------------------------------------------------------------------------------------------------------
$got = $api->scan([@envelope], begin => '$AdminAddress = "root\@x"; action_notify_sender("one\n"); action_notify_administrator("for admin\n");',
	end => 'action_notify_sender("two\n")');
@mails = sort { $a->{args}[-1] cmp $b->{args}[-1] } $api->mails;
is_deeply($mails[1]{args}, [qw(-fmailer-daemon@localhost -FMIMEDefang -odd -Ac -oi -- sender@example.org)], 'action_notify_sender') or diag explain \@mails;
like($mails[1]{text}, qr/^Auto-Submitted: auto-generated\n.*\n\n.*Subject: .*one\ntwo\n\z/ms, '  one mail with all texts');
is_deeply([$mails[0]{args}[-1], $mails[0]{text} =~ /^Subject: (.*)/m], ['root@x', 'MIMEDefang Notification'], 'action_notify_administrator');
$api->scan([@envelope], begin => '$NotifyNoPreamble = 1; $NotifySenderSubject = "gr\xc3\xbcn"; action_notify_sender("bare\n")');
($got) = $api->mails;
like($got->{text}, qr/^Subject: =\?UTF-8\?.*\n\nbare\n\z/ms, '$NotifyNoPreamble, $NotifySenderSubject');
$got = $api->scan([$two, 'S<>'], begin => 'action_notify_sender("x")');
is($got->{begin}[0][0], 0, 'no notice to <>');
$got = $api->scan([@envelope], begin => '$VirusName = "Eicar"; action_notify_sender("x")');
is($got->{begin}[0][0], 0, 'nor about a virus');
is($api->mails, 0, '  indeed');
is($api->values('$NotifyAdministratorSubject = "Now"; action_notify_administrator("at once\n")'), 1, 'outside of a message');
($got) = $api->mails;
like($got->{text}, qr/^Subject: Now\n.*\n\nat once\n\z/ms, '  it is mailed at once');

# --- Greylisting -----------------------------------------------------------------------------------------------------------------
SKIP: {
	skip 'needs DBD::SQLite', 11 if !eval { require DBD::SQLite; 1 };
	my $ask = sub {
		my ($now, $who, $ip) = @_;
		return $api->values("use DBI; my \$dbh = DBI->connect('dbi:SQLite:dbname=$docroot/grey.db', '', '', { RaiseError => 1 });"
			. 'eval { $dbh->do("CREATE TABLE IF NOT EXISTS greylist (sender_host_ip TEXT, sender TEXT, recipient TEXT, first_received INT, last_received INT, known_ip TEXT)") };'
			. "no warnings; require Mail::MIMEDefang::Greylist; Mail::MIMEDefang::Greylist::judge($now, \$dbh, '<A\@x>', '<$who>', '$ip')");
	};
	for my $case (
		[0, 'b@x', '192.0.2.1', 'tempfail', 'the first time'],
		[299, 'b@x', '192.0.2.1', 'tempfail', 'too early'],
		[299, 'c@x', '192.0.2.1', 'tempfail', 'another recipient'],
		[300, 'B@x', '192.0.2.1', 'continue', 'in time'],
		[301, 'd@x', '192.0.2.1', 'continue', 'now the client is known'],
		[302, 'd@x', '192.0.2.2', 'tempfail', 'another is not'],
		[302 + 14401, 'd@x', '192.0.2.2', 'reject', 'too late'],
		[302 + 14402, 'd@x', '192.0.2.2', 'tempfail', '  counts anew'],
		[302 + 14702, 'd@x', '192.0.2.2', 'continue', '  from there'],
		[20000 + 31 * 86400, 'd@x', '192.0.2.1', 'tempfail', 'forgotten after 31 days'],
	) {
		my ($now, $who, $ip, $is, $name) = @$case;
		is($ask->($now, $who, $ip), $is, "greylist: $name");
	}
	is($api->values("my \$dbh = DBI->connect('dbi:SQLite:dbname=$docroot/grey.db', '', ''); action_greylist(\$dbh, 'z\@z', 'y\@y', '192.0.2.77')"), 'tempfail', 'action_greylist');
}
is($api->stop, 0, 'ends well');
done_testing;
