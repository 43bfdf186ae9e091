# Looking into entities, and changing their bodies.
use strict;
use warnings;
use Defang::Api;
use Defang::Test qw(slurp);
use Test::More;

my $api = Defang::Api->start('');
sub new_body { return slurp("$_[0]{dir}/NEWBODY") // '' }

my $message = <<'EML';
Subject: s
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain

Text at http://x.example/a?utm_source=me&id=1&utm_medium=2#top and https://y.example/?utm_campaign=x.
--c
Content-Type: text/html

<html><body><a href="http://x.example/a?id=1&amp;utm_source=me&amp;b=2">link</a></BODY></html>
--c--
--b
Content-Type: multipart/signed; boundary=d

--d
Content-Type: text/plain

signed http://x/?utm_a=1
--d
Content-Type: application/pgp-signature

sig
--d--
--b
Content-Type: text/plain

second text
--b
Content-Type: text/plain; name="=?utf-8?q?gr=C3=BCn.txt?="
Content-Disposition: attachment; filename="other.txt"

attached text
--b
Content-Type: text/html
Content-Description: described.html

<html>no body</html>
--b--
EML

my $got = $api->scan($message, begin => <<'PERL');
my ($e) = @_;
my @names = map { takeStabAtFilename($_) } $e->parts;
collect_parts($e); my $all = @FlatParts; @FlatParts = (); collect_parts($e, 1);
return ($all, scalar @FlatParts, \@names, find_part($e, 'text/html')->bodyhandle->as_string =~ /link/ ? 1 : 0, find_part($e, 'application/pgp-signature') ? 1 : 0,
	defined find_part($e, 'application/pgp-signature', 1) ? 1 : 0, defined find_part($e, 'image/png') ? 1 : 0)
PERL
is_deeply($got->{begin}[0], [7, 5, ['', '', '', 'other.txt', 'described.html'], 1, 1, 0, 0], 'collect_parts, takeStabAtFilename, find_part')
	or diag explain $got->{begin};

# --- Text put in -------------------------------------------------------------------------------------------------------------------
my $unsigned = qr{signed http://x/\?utm_a=1\n--d\n};
for my $case (
	['append_text_boilerplate($_[0], "Dis-\nclaimer", 0)', qr/campaign=x\.\n?\nDis-\nclaimer\n/, qr/second text\n--b/, 'the first text'],
	['append_text_boilerplate($_[0], "Dis-\nclaimer", 1)', qr/campaign=x\.\n?\nDis-\nclaimer\n.*second text\n?\nDis-\nclaimer\n/s, qr/attached text\n--b/, 'all texts'],
	['append_html_boilerplate($_[0], "<b>D</b>", 0)', qr{</a>\n<b>D</b>\n</BODY></html>}, qr{no body</html>}, 'the first HTML'],
	['append_html_boilerplate($_[0], "<b>D</b>", 1)', qr{</a>\n<b>D</b>\n</BODY></html>.*no body\n<b>D</b>\n</html>}s, qr/second text\n--b/, 'all HTML'],
) {
	my ($text, $changed, $unchanged, $name) = @$case;
	$got = $api->scan($message, end => $text);
	is($got->{end}[0][0], 1, "boilerplate: $name");
	like(new_body($got), $changed, '  changed');
	like(new_body($got), $_, '  and no other') for $unchanged, $unsigned;
}
is($api->scan('plain.eml', end => 'append_html_boilerplate($_[0], "x", 1)')->{end}[0][0], 0, 'none to append to');
$got = $api->scan($message, end => 'my $p = find_part($_[0], "text/html"); (append_to_html_part($p, "<i>"), $HTMLFoundEndBody, $HTMLBoilerplate, append_to_part(find_part($_[0], "text/plain"), "more"), action_rebuild())');
is_deeply($got->{end}[0], [1, 1, '<i>', 1, 1], 'append_to_part, append_to_html_part');
like(new_body($got), qr{more\n.*<i></BODY>}s, '  are in the body');

# --- Taken out ---------------------------------------------------------------------------------------------------------------------
$got = $api->scan($message, begin => 'remove_redundant_html_parts($_[0])', end => 'remove_redundant_html_parts($_[0])');
is_deeply([$got->{begin}[0][0], $got->{end}[0][0]], [0, 1], 'remove_redundant_html_parts, in filter_end');
unlike(new_body($got), qr/link/, '  takes HTML out of the alternative');
like(new_body($got), qr/Text at.*no body/s, '  nothing else');
is($api->scan('plain.eml', end => 'remove_redundant_html_parts($_[0])')->{end}[0][0], 0, '  where there is none');
$got = $api->scan($message, end => 'anonymize_uri($_[0])');
is($got->{end}[0][0], 1, 'anonymize_uri');
like(new_body($got), qr{Text at http://x\.example/a\?id=1\#top and https://y\.example/\.?}, '  in text');
like(new_body($got), qr{href="http://x\.example/a\?id=1&amp;b=2"}, '  in HTML');
like(new_body($got), $unsigned, '  not in what is signed');
is($api->scan('exe_only.eml', filter => 'anonymize_uri($_[0])')->{filter}[0][0], 0, '  not in other types');

# --- A parser of the filter's own --------------------------------------------------------------------------------------------------
is($api->values('builtin_create_parser()->isa("MIME::Parser") ? 1 : 0'), 1, 'builtin_create_parser');
{
	my $own = Defang::Api->start('sub filter_create_parser { my $p = builtin_create_parser(); $p->extract_nested_messages("NEST"); $main::Created++; return $p }');
	$got = $own->scan($message, begin => '(scalar $_[0]->parts, $main::Created, [map { m{([^/]*)$} ? $1 : () } glob "Work/*"])', filter => 'action_drop() if $_[1] eq "other.txt"');
	is_deeply([@{ $got->{begin}[0] }[0, 1]], [5, 1], 'filter_create_parser');
	is_deeply([grep { /other|gr/ } @{ $got->{begin}[0][2] }], [], '  names of attachments are not those of files');
	like(new_body($got), qr/second text/, '  the message can be written');
	is($own->scan($message, begin => '$MaxMIMEParts = 2')->{reply}, 'ok', '  a limit for the next');
	like($own->scan($message)->{results}[0], qr/^B554/, '  is kept');
	my $bad = Defang::Api->start('sub filter_create_parser { return "none" }');
	is($bad->scan('plain.eml')->{reply}, 'error: filter_create_parser did not return a MIME::Parser', 'no parser');
}
is($api->stop, 0, 'ends well');
done_testing;
