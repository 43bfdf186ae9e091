# Functions of the core: log, settings, replies, phases, status lines, names.
use strict;
use warnings;
use Defang::Api;
use Defang::Test qw(spew slurp temp_dir);
use POSIX ();
use Test::More;

my $api = Defang::Api->start(<<'FILTER');
sub handle_hello { return ('ok', 'to you', @_) }
sub handle_flush { print_and_flush("ok by hand\n"); return }
sub handle_twice { print_and_flush('ok one'); print_and_flush('ok two'); return }
sub handle_answer { send_filter_answer('REJECT', 'not you', 'filter_x', 'who', '553', '5.1.1'); return }
sub handle_fatal { fatal('no more') }
sub filter_unknown_cmd { return ('ok', "unknown $_[0]") }
FILTER
my $worker = $api->{worker};

# --- Requests of the filter's own ----------------------------------------------------------------------------------------------
for my $case (
	['hello a b', 'ok to%20you a b', 'handle_NAME gets the words'],
	['Hello', 'ok unknown%20Hello', 'names count as they are written'],
	['flush', 'ok by hand', 'print_and_flush is the reply'],
	['twice', 'ok one', 'there is but one'],
	['answer', 'ok 0 not%20you 553 5.1.1 0', 'send_filter_answer'],
	['fatal', 'error: no more', 'fatal'],
	['ping', 'PONG', 'the next request'],
) {
	my ($request, $reply, $name) = @$case;
	is($worker->ask($request), $reply, $name);
}
ok($worker->is_quiet, 'one line a request');
my $got = $api->scan('plain.eml', begin => 'print_and_flush("ok ko")');
is($got->{reply}, 'ok', 'print_and_flush in a scan is no reply');
ok($worker->is_quiet, '  and no second one');

# --- Log -------------------------------------------------------------------------------------------------------------------------
$api->values('md_syslog("warning", "100% %s")');
is_deeply([$api->logged], ['warning 100% %s'], 'md_syslog');
$got = $api->scan('plain.eml', begin => 'md_syslog("info", "x"); md_syslog("info", "y")');
is_deeply([@{ $got->{logged} }[0, 1]], ['info Q1: x', 'info Q1: y'], '  with the message\'s name in front');
is_deeply([$api->values('(Mail::MIMEDefang::md_openlog("tag", "local3") ? 1 : 0, Mail::MIMEDefang::md_openlog("tag", "nowhere") ? 1 : 0)')], [1, 0], 'md_openlog');
like($api->values('md_version()'), qr/^\d+\.\d+/, 'md_version');

my @message = ("Subject: s\n\nx\n", 'S<Sender@Example.org>', 'R<A@x>', 'R<b@x>', 'UHi,%20100%25%20=?utf-8?q?gr=C3=BCn?=');
$got = $api->scan([@message], begin => 'md_graphdefang_log("none")');
is_deeply([grep { /MDLOG/ } @{ $got->{logged} }], [], 'md_graphdefang_log is off');
$got = $api->scan([@message], begin => 'md_graphdefang_log_enable(); md_graphdefang_log("virus", "a,b", "c\\\\d\n")');
is_deeply([grep { /MDLOG/ } @{ $got->{logged} }],
	[map { "info MDLOG,Q1,virus,a%2Cb,c%5Cd%0A,sender\@example.org,$_,Hi%2C 100%25 =?utf-8?q?gr=C3=BCn?= to mail" } 'a@x', 'b@x'], 'a line for each recipient');
$got = $api->scan([@message], begin => 'md_graphdefang_log_enable("local5", 0); md_graphdefang_log("spam", 5)');
is_deeply([grep { /MDLOG/ } @{ $got->{logged} }], ['info MDLOG,Q1,spam,5,,sender@example.org,rcpts=2,Hi%2C 100%25 =?utf-8?q?gr=C3=BCn?= to local5'], 'one line');
$got = $api->scan([@message], begin => 'md_graphdefang_log_enable(); md_graphdefang_log("e", "gr\xc3\xbcn", undef, 1, 1)');
is_deeply([grep { /MDLOG/ } @{ $got->{logged} }],
	["info MDLOG,Q1,e,gr\xc3\xbcn,,sender\@example.org,rcpts=2,Hi%2C 100%25 gr\xc3\xbcn to mail"], 'in UTF-8, once a message');
$got = $api->scan([@message], begin => 'md_graphdefang_log_array("many", 0, [1 .. 4], 1)');
is_deeply([map { /many,(.*?),sender/ } @{ $got->{logged} }], ['1,2,3,4'], 'any number of values');

# --- Codes -----------------------------------------------------------------------------------------------------------------------
is($api->values('percent_encode("a b%\"\x27\\\\\xff")'), 'a%20b%25%22%27%5C%FF', 'percent_encode');
is($api->values('percent_decode("a%20b%2x")'), 'a b%2x', 'percent_decode');
is($api->values('percent_encode_for_graphdefang("a b,\"%\n")'), 'a b%2C"%25%0A', 'percent_encode_for_graphdefang');

# --- Settings from a file --------------------------------------------------------------------------------------------------------
SKIP: {
	skip 'needs root, who alone may write such files', 6 if $> != 0;
	my $dir = temp_dir();
	spew("$dir/good.pl", '$AdminName = "From file"; $main::Own = 5; 1;');
	spew("$dir/bad.pl", '$AdminName = ;');
	spew("$dir/theirs.pl", '$AdminName = "theirs"');
	chown 1, 1, "$dir/theirs.pl" or die $!;
	spew("$dir/open.pl", '$AdminName = "open"');
	chmod 0666, "$dir/open.pl" or die $!;
	is_deeply([$api->values("(read_config('$dir/good.pl'), \$AdminName, \$Own)")], [0, 'From file', 5], 'read_config');
	for my $case (['bad', qr/syntax error/], ['theirs', qr/not owned by root/], ['open', qr/others may write/], ['none', qr/No such file/]) {
		my ($name, $why) = @$case;
		is($api->values("read_config('$dir/$name.pl')"), 1, "read_config: $name");
		like(($api->logged)[0], $why, '  is told');
	}
	is($api->values('$AdminName'), 'From file', '  and nothing is changed');
}

# --- Phases ----------------------------------------------------------------------------------------------------------------------
my $phases = '[map { $_->("name") ? 1 : 0 } \&in_message_context, \&in_filter_context, \&in_filter_end, \&in_filter_wrapup]';
is_deeply($api->values($phases), [0, 0, 0, 0], 'outside of a message');
is_deeply([$api->logged], [map { "warning name called outside of $_" } 'message context', 'filter context', 'filter_end', 'filter_wrapup'], '  is logged');
$got = $api->scan('plain.eml', map { $_ => $phases } qw(begin filter end wrapup));
is_deeply([map { $got->{$_}[0][0] } qw(begin filter end wrapup)], [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], 'in the functions');
$got = $api->scan('plain.eml', begin => 'read_commands_file(1)');
is($got->{begin}[0][0], 1, 'read_commands_file');
$got = $api->scan('plain.eml', begin => 'signal_unchanged(); 1', end => 'write_result_line("H", "X", "a b"); signal_changed(); read_results()');
is_deeply($got->{results}, ['HX a%20b', 'C', 'F'], 'write_result_line, signal_changed, signal_unchanged');
is_deeply($got->{end}[0], [['H', 'X', 'a b'], ['C']], 'read_results');
$got = $api->scan('plain.eml', end => 'signal_complete()');
is_deeply([$got->{reply}, @{ $got->{results} }], ['ok', 'F', 'F'], 'signal_complete');
$api->values('init_globals(); 1');

# --- The validation header -------------------------------------------------------------------------------------------------------
my $dir = temp_dir();
spew("$dir/key", "X-MIMEDefang-Relay-0123abc\n");
spew("$dir/bad", "X-Other\n");
is_deeply([map { $api->values("Mail::MIMEDefang::read_ip_key('$dir/$_')") } qw(key bad none)], ['X-MIMEDefang-Relay-0123abc', undef, undef], 'the key file');
my $relayed = ["Subject: s\nX-MIMEDefang-Relay-1: 1.2.3.4\n\nx\n", 'I192.0.2.7'];
$got = $api->scan($relayed, begin => '(add_ip_validation_header(), delete_ip_validation_header())');
is_deeply($got->{begin}[0], [0, 0], 'without a name there is none');
$got = $api->scan($relayed, begin => '$ValidateIPHeader = "X-MIMEDefang-Relay-1"; (delete_ip_validation_header(), add_ip_validation_header())');
is_deeply($got->{begin}[0], [1, 1], 'with one');
is_deeply($got->{results}, ['JX-MIMEDefang-Relay-1 1', 'HX-MIMEDefang-Relay-1 192.0.2.7', 'F'], '  it is deleted and added');

# --- Names, dates ----------------------------------------------------------------------------------------------------------------
like($api->values('get_host_name()'), qr/^[\w.-]+$/, 'get_host_name');
is($api->values('local $ENV{TZ} = "UTC"; POSIX::tzset(); rfc2822_date(86400 * 365)'), 'Fri, 1 Jan 1971 00:00:00 +0000', 'rfc2822_date');
my @zones = (['UTC', '+0000'], ['ABC-5:30', '+0530'], ['ABC3:15', '-0315'], ['ABC-14', '+1400'], ['ABC12', '-1200']);
for my $case (@zones) {
	my ($zone, $is) = @$case;
	is($api->values("local \$ENV{TZ} = '$zone'; POSIX::tzset(); header_timezone(1600000000)"), $is, "header_timezone: $zone");
	is($api->values("local \$ENV{TZ} = '$zone'; POSIX::tzset(); Mail::MIMEDefang::RFC2822::header_timezone(1609459200 - 1)"), $is, '  at the end of a year');
}
like($api->values('gen_msgid_header()'), qr/\AMessage-ID: <[\w.]+\@[\w.-]+>\n\z/, 'gen_msgid_header');
isnt($api->values('gen_msgid_header()'), $api->values('gen_msgid_header()'), '  never the same');
like($api->values('gen_date_msgid_headers()'), qr/\ADate: \w{3}, \d+ \w{3} \d{4} [\d:]{8} [-+]\d{4}\nMessage-ID: <.*>\n\z/, 'gen_date_msgid_headers');
for my $case (['"Virus:X" => 0', 0], ['"Virus:X" => "/x"', 1]) {
	my ($feature, $is) = @$case;
	is($api->values("local %Mail::MIMEDefang::Features = ($feature); Mail::MIMEDefang::detect_antivirus_support()"), $is, "detect_antivirus_support: $feature");
}
is($api->stop, 0, 'ends well');

# --- Status lines ----------------------------------------------------------------------------------------------------------------
{
	my $status = "$dir/status";
	local $^F = 9; # so that descriptor 3 gets into the worker
	open my $fh, '>', $status or die $!;
	POSIX::dup2(fileno $fh, 3) if fileno $fh != 3;
	my $w = Defang::Worker->start('sub filter_begin { push_status_tag("Thinking hard"); set_status_tag(7, "seven"); pop_status_tag() } 1;', '-serveru');
	close $fh;
	POSIX::close(3);
	my ($reply) = $w->scan($w->message('plain.eml'));
	is($reply, 'ok', 'a worker with status lines');
	is($w->stop, 0, 'ends well');
	my @lines = split /\n/, slurp($status);
	ok(grep({ $_ eq '2:%20>%20Thinking%20hard%20Q1' } @lines), 'push_status_tag') or diag "@lines";
	ok(grep({ $_ eq '7:%20seven%20Q1' } @lines), 'set_status_tag');
	ok(grep({ $_ eq '1:%20<%20In%20filter_begin%20Q1' } @lines), 'pop_status_tag');
}

done_testing;
