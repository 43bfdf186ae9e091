# The examples of the manual that filters are written by, mimedefang-filter(5) of the Debian package, as they stand there: taken out of the page,
# loaded by our worker, and asked. What is between .nf and .fi in the page is an example.
use strict;
use warnings;
use Archive::Zip;
use Defang::Api;
use Defang::Dns;
use Defang::Postfix;
use Defang::Test qw(slurp spew temp_dir top);
use Defang::Worker;
use IO::Uncompress::Gunzip qw(gunzip);
use MIME::Base64 qw(encode_base64);
use Test::More;

my $page = top() . '/build/unpacked/mimedefang/usr/share/man/man5/mimedefang-filter.5.gz';
plan skip_all => 'needs the package mimedefang, which `make deps` could not fetch' unless -r $page;

my $troff;
gunzip($page, \$troff) or die "$page: $IO::Uncompress::Gunzip::GunzipError";
my @examples = map { s/\\\\/\\/gr =~ s/\\&//gr =~ s/\\-/-/gr =~ s/\\\././gr } $troff =~ /^\.nf\n(.*?)^\.fi$/msg;
cmp_ok(scalar @examples, '>=', 30, 'the page has examples');

# The one example that has all of these in it.
sub example
{
	my (@patterns) = @_;
	my @found = @examples;
	for my $pattern (@patterns) {
		@found = grep { /$pattern/ } @found;
	}
	is(scalar @found, 1, "an example of @patterns");
	return $found[0];
}

sub worker { return Defang::Worker->start($_[0] . "\n1;\n") }
sub ask_sender { my ($worker, $sender, $ip, $helo, @commands) = @_; my $dir = $worker->message('plain.eml', @commands); return $worker->ask("senderok $sender $ip host $helo $dir Q1") }

# --- Questions -------------------------------------------------------------------------------------------------------------------------
my $worker = worker(example('sub filter_relay'));
is($worker->ask('relayok 192.0.2.1 mail.spammer.com 1 2 3 NOQUEUE'), 'ok 0 Sorry;%20spammer.com%20is%20blacklisted 554 5.7.1 0', 'filter_relay refuses');
is($worker->ask('relayok 192.0.2.1 mail.example.org 1 2 3 NOQUEUE'), 'ok 1 ok 250 2.1.0 0', '  and goes on');
$worker->stop;

$worker = worker(example('sub filter_sender', 'badguy'));
is(ask_sender($worker, '<Spammer@badguy.com>', '192.0.2.1', 'helo'), 'ok 0 Sorry;%20spammer@badguy.com%20is%20blacklisted. 554 5.7.1 0', 'filter_sender refuses a sender');
is(ask_sender($worker, '<a@b>', '192.0.2.1', 'helo'), 'ok 1 ok 250 2.1.0 0', '  and goes on');
$worker->stop;

$worker = worker(example('sub filter_sender', 'roaringpenguin'));
like(ask_sender($worker, '<a@b>', '192.0.2.1', 'mail.roaringpenguin.com'), qr/^ok 0 Go%20away\.\.\.%20192\.0\.2\.1/, 'filter_sender refuses a HELO');
is(ask_sender($worker, '<a@b>', '127.0.0.1', 'mail.roaringpenguin.com'), 'ok 1 ok 250 2.1.0 0', '  but of the right client');
$worker->stop;

$worker = worker(example('sub filter_sender', 'elvisp'));
is(ask_sender($worker, '<king@example.com>', '192.0.2.1', 'helo', 'S<king@example.com>'), 'ok 0 Faking%20mail%20from%20the%20king%20is%20not%20allowed. 554 5.7.1 0', 'filter_sender wants authentication');
is(ask_sender($worker, '<king@example.com>', '192.0.2.1', 'helo', 'S<king@example.com>', '=auth_authen elvisp'), 'ok 1 ok 250 2.1.0 0', '  and finds it in the macros');
$worker->stop;

$worker = worker(example('sub filter_recipient', 'postmaster'));
my $ask_recipient = sub { my ($rcpt, $sender) = @_; return $worker->ask("recipok $rcpt $sender 192.0.2.1 host <first> helo " . $worker->message('plain.eml') . ' Q1 local ? user') };
is($ask_recipient->('<a@mydomain.com>', '<spammer@badguy.com>'), 'ok 0 Sorry;%20spammer@badguy.com%20is%20blacklisted. 554 5.7.1 0', 'filter_recipient refuses');
is($ask_recipient->('<postmaster@mydomain.com>', '<spammer@badguy.com>'), 'ok 1 ok 250 2.1.0 0', '  not to postmaster');
is($ask_recipient->('<a@mydomain.com>', '<a@b>'), 'ok 1 ok 250 2.1.0 0', '  nor others');
$worker->stop;

{
	local $ENV{RES_OPTIONS} = 'timeout:1 attempts:1'; # there is no such name, whatever the resolver of this machine takes to say so
	$worker = worker('$PrivateMyHostName = "here";' . example('sub filter_recipient', 'md_check_against_smtp_server'));
}
like($ask_recipient->('<a@mydomain.com>', '<a@b>'), qr/^ok -1 Cannot%20connect%20to%20mail\.domain\.tld 451 4\.3\.0 0\z/, 'md_check_against_smtp_server');
$worker->stop;

Defang::Dns->start('bogus.test MX' => ['10 mx.bogus.test.'], 'mx.bogus.test A' => ['10.0.0.1'], 'good.test MX' => ['10 mx.good.test.'], 'mx.good.test A' => ['8.8.8.8'],
	'1.2.0.192.rbl.spamhaus.org A' => ['127.0.0.4'], '1.2.0.192.sbl.spamhaus.org A' => ['127.0.0.2']);
$worker = worker(example('sub filter_sender', 'md_get_bogus_mx_hosts'));
like(ask_sender($worker, '<a@bogus.test>', '192.0.2.1', 'helo'), qr/^ok 0 Domain%20bogus\.test%20contains%20bogus%20MX%20record\(s\)%2010\.0\.0\.1/, 'md_get_bogus_mx_hosts');
is(ask_sender($worker, "<a\@$_>", '192.0.2.1', 'helo'), 'ok 1 ok 250 2.1.0 0', "  not of $_") for 'good.test', 'none.test', 'a..b', 'x' x 70 . '.test';
$worker->stop;

$worker = worker(example('sub filter_map'));
is($worker->ask('map mysock testing123'), 'OK 321gnitset', 'filter_map');
is($worker->ask('map othersock foo'), 'PERM Unknown%20map%20othersock', '  another map');
$worker->stop;

# The page's own command is one that the controller and the worker know, so that it is asked with another name.
$worker = worker(example('sub filter_unknown_cmd') =~ s/"PING"/"HELLO"/r);
is($worker->ask('HELLO'), 'ok PONG', 'filter_unknown_cmd');
is($worker->ask('other'), 'error: Unknown%20command', '  another command');
$worker->stop;

# --- Messages --------------------------------------------------------------------------------------------------------------------------
my $api = Defang::Api->start(example('sub filter_create_parser'));
is($api->scan('exe.eml', begin => '1')->{reply}, 'ok', 'filter_create_parser');
$api->stop;

my $html = "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\ntext\n--b\nContent-Type: text/html\n\n<html><body>html</body></html>\n--b--\n";
sub run_filter
{
	my ($filter, $message, @commands) = @_;
	my $w = worker($filter);
	my $dir = $w->message($message, @commands);
	my ($reply, @results) = $w->scan($dir);
	my %got = (reply => $reply, results => \@results, body => slurp("$dir/NEWBODY") // '', stderr => $w->stderr, worker => $w);
	$w->stop;
	return \%got;
}
my $got = run_filter(example('append_text_boilerplate'), $html, 'S<a@b>', 'R<c@d>');
like($got->{body}, qr{text\nLame text disclaimer\n.*html\n<em>Lame</em> HTML disclaimer\n</body>}s, 'boilerplates');
$got = run_filter(example('action_add_part\('), 'plain.eml', 'S<a@b>', 'R<c@d>');
like($got->{body}, qr{filename="disclaimer\.txt".*This e-mail does not representthe official policy}s, 'action_add_part');
$got = run_filter('sub filter_end {' . example('action_add_header\("X-MyHeader') . '}', 'plain.eml');
is_deeply($got->{results}, ['HX-MyHeader A%20nice%20piece%20of%20text', 'F'], 'action_add_header');

my $root = temp_dir();
my $url = example('action_replace_with_url\(') =~ s{/home/httpd/html/mail_parts}{$root}r =~ s/1000000/10/r;
$got = run_filter("sub filter { my (\$entity) = \@_; $url }", 'plain.eml');
like($got->{body}, qr{removed, but may be accessed at this URL:\n\n\thttp://mailserver\.company\.com/mail_parts/[0-9a-f]{40}\n}, 'action_replace_with_url');
is(scalar(() = glob "$root/*"), 1, '  the part is there');
$got = run_filter('sub filter { my ($e) = @_; return action_defang($e, "n.txt", "f.txt", "application/x") if $_[1] } ' . example('sub defang_warning'), 'exe.eml');
like($got->{body}, qr/The attachment '.+' was renamed to 'f\.txt'\n/, 'defang_warning');

my $match = example('re_match\(\$entity', 're_match_ext') =~ s/"regexp"/'exe'/gr =~ s/\)\n/) and print STDERR "matched\\n";\n/gr;
is(() = run_filter("sub filter { my (\$entity) = \@_; $match }", 'exe.eml')->{stderr} =~ /^matched$/mg, 2, 're_match, re_match_ext');
my $archive = Archive::Zip->new;
$archive->addString('x', 'folder/setup.exe');
$archive->writeToFileNamed("$root/a.zip") == 0 or die 'zip';
my $zip = example('re_match_in_zip_directory') =~ s/"regexp"/'exe\$'/r =~ s/# Take action\.\.\./print STDERR "found\\n";/r;
my $zipped = "MIME-Version: 1.0\nContent-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n" . encode_base64(slurp("$root/a.zip"));
like(run_filter("sub filter { my (\$entity) = \@_; $zip }", $zipped)->{stderr}, qr/^found$/m, 're_match_in_zip_directory');

my $print = example('sub print_sender_esmtp_args') . example('sub print_recip_esmtp_args') . example('sub print_mailer_info')
	. 'sub filter_begin { print_sender_esmtp_args(); print_recip_esmtp_args(); print_mailer_info(); print STDERR "macro: ", ' . example('SendmailMacros\{"macro_name"') =~ s/\s+//gr =~ s/;//gr . ', "\n" }';
$got = run_filter($print, 'plain.eml', 'S<a@b>', 'sSIZE=1', 'R<c@d> local host c', 'rNOTIFY=never', '=macro_name value');
like($got->{stderr}, qr/^Sender ESMTP arg: SIZE=1\nRecip ESMTP arg for <c\@d>: NOTIFY=never\n<c\@d>: mailer=local, host=host, addr=c\nmacro: value\n/m, 'what is known of the envelope');

my $lists = 'sub filter_begin {' . example('relay_is_blacklisted\(\$RelayAddr') . example('relay_is_blacklisted_multi\(') . '}';
$got = run_filter($lists, 'plain.eml', 'S<a@b>', 'I192.0.2.1', 'R<c@d>');
is($got->{results}[0], 'HX-Blacklist-Warning Relay%20192.0.2.1%20is%20blacklisted%20by%20Spamhaus', 'relay_is_blacklisted');
like($got->{stderr}, qr/^Lookup in sbl\.spamhaus\.org yields \[ 127\.0\.0\.2 \]$/m, 'relay_is_blacklisted_multi');
like($got->{stderr}, qr/^Lookup in relays\.ordb\.org yields NXDOMAIN$/m, '  not listed');

my $resent = 'sub filter_begin {' . example('\$WasResent') . 'delete_ip_validation_header(); print STDERR "from $RelayAddr\n" } sub filter_end {' . example('add_ip_validation_header') . '}';
$got = run_filter('$ValidateIPHeader = "X-MIMEDefang-Relay-1";' . $resent, 'plain.eml', 'S<a@b>', 'I192.0.2.1', 'J192.0.2.9', 'R<c@d>');
like($got->{stderr}, qr/^from 192\.0\.2\.1$/m, 'the validation header of a stranger is not believed');
is($got->{results}[0], 'HX-MIMEDefang-Relay-1 192.0.2.1', '  and another one added');
example('delete_ip_validation_header');

my $domain = example('sub filter_begin', 'stream_by_domain') . example('sub filter \{', '\$Domain') =~ s/# Default filter actions/print STDERR "domain \$Domain\\n";/r;
$got = run_filter($domain, 'plain.eml', 'S<a@b>', 'R<c@x.test>', 'R<d@x.test>');
like($got->{stderr}, qr/^domain x\.test$/m, 'stream_by_domain, one domain');
for my $how ('domain', 'recipient') {
	my $sent = temp_dir();
	spew("$sent/sendmail", "#!/bin/sh\ncat > $sent/\$\$.text\nprintf '%s ' \"\$@\" > $sent/\$\$.args\n");
	chmod 0755, "$sent/sendmail" or die $!;
	$got = run_filter("\$Features{'Path:SENDMAIL'} = '$sent/sendmail';" . example('sub filter_begin', "stream_by_$how"), 'plain.eml', 'S<a@b>', 'R<c@x.test>', 'R<d@y.test>');
	is_deeply([$got->{reply}, @{ $got->{results} }], ['ok', 'D', 'F'], "stream_by_$how, several");
	is_deeply([sort map { slurp($_) =~ /(\S+) \z/ } glob "$sent/*.args"], ['c@x.test', 'd@y.test'], '  each is sent on');
}

# --- Through a mail server ---------------------------------------------------------------------------------------------------------------
# Those for every day, in one filter.
SKIP: {
	my $why = Defang::Postfix::cannot();
	skip $why, 5 if defined $why;
	# With a queue (-q here, and there for connections): those that look whether Postfix is up are asked about, too, and may have both workers.
	my $chain = Defang::Test->chain(pool => [qw(-q 20)], milter => [qw(-q -r -s -t)], filter => join "\n", example('sub filter_relay'), example('sub filter_sender', 'badguy'), example('sub filter_recipient', 'postmaster'),
		example('append_text_boilerplate'), "1;\n");
	chmod 0777, $chain->{listen} =~ s/^unix://r or die "chmod: $!";
	my $postfix = Defang::Postfix->start(first => 'unix', milters => { unix => $chain->{listen} });
	my @reply = $postfix->submit($postfix->{smtp}{unix}, '<spammer@badguy.com>', ['<rcpt@example.net>'], "Subject: s\n\nbody\n");
	like("@reply", qr/^554 (?:5\.7\.1 )?Sorry; spammer\@badguy\.com is blacklisted/, 'Postfix: a sender is refused') or diag $postfix->maillog, $chain->logs;
	@reply = $postfix->submit($postfix->{smtp}{unix}, '<sender@example.org>', ['<rcpt@example.net>'], "Subject: every day\n$html");
	is($reply[0], 250, "  another one is not") or diag $postfix->maillog, $chain->logs;
	my $arrived = $postfix->delivered('every day');
	like($arrived && $arrived->{text}, qr{text\nLame text disclaimer\n.*<em>Lame</em> HTML disclaimer}s, '  and the message arrives with its disclaimers');
	ok($chain->spool_is_clean, '  no work directory is left');
	$postfix->stop;
	ok($chain->stop, 'ends well');
}
done_testing;
