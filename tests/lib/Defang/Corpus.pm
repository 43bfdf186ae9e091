# Messages for comparing: those of tests/data, and several hundred that are made here, the same in each run. Each has a name that says what is
# odd about it.
#
#	my @files = Defang::Corpus::files();		# paths; the generated ones lie in a temporary folder
#	my $name = Defang::Corpus::name_of($file);	# "qp-crlf", without folder and ending
package Defang::Corpus;
use strict;
use warnings;
use Defang::Test qw(data temp_dir spew);
use MIME::Base64 qw(encode_base64);

my $exe = "MZ\x90\0\3\0\0\0" . 'This program cannot be run.' . pack('C*', 0 .. 255);
my @made; # name, bytes, name, bytes

sub files
{
	generate() unless @made;
	my $folder = temp_dir('corpus');
	my @files = sort glob data('*.eml');
	for (my $i = 0; $i < @made; $i += 2) {
		push @files, spew("$folder/$made[$i].eml", $made[$i + 1]);
	}
	return @files;
}

sub name_of { return $_[0] =~ m{([^/]+)\.eml$} ? $1 : $_[0] }

sub generate
{
	encodings();
	charsets();
	parameters();
	boundaries();
	nesting();
	types();
	heads();
	uuencoded();
	large();
	mutations();
	my %seen;
	for (my $i = 0; $i < @made; $i += 2) {
		die "corpus: two messages are called $made[$i]\n" if $seen{ $made[$i] }++;
	}
	return;
}

# --- Building blocks -------------------------------------------------------------------------------------------------------------

sub add { my ($name, $text) = @_; return push @made, $name, $text }

# Fields are lines with their newlines.
sub message
{
	my ($fields, $body) = @_;
	return "From: Alice <alice\@example.com>\nTo: bob\@example.net\nSubject: corpus\nMIME-Version: 1.0\n$fields\n$body";
}

sub part { my ($fields, $body) = @_; return "$fields\n$body" }

sub joined
{
	my ($boundary, @parts) = @_;
	return join('', map { "--$boundary\n$_\n" } @parts) . "--$boundary--\n";
}

sub mixed
{
	my (@parts) = @_;
	return message(qq(Content-Type: multipart/mixed; boundary="=_b1"\n), joined('=_b1', @parts));
}

my $hello = part("Content-Type: text/plain\n", "Hello Bob,\n\nsee the attachment.\n");
my $html = part("Content-Type: text/html\n", "<p>Hello</p>\n");

sub attached
{
	my ($fields, $bytes) = @_;
	return part("${fields}Content-Transfer-Encoding: base64\n", encode_base64($bytes // $exe));
}

# A text that a part cannot hold as it is would end it: none of these has a line that starts with two dashes.
my %bodies = (
	empty => '',
	blank => "\n\n\n",
	open => "no newline",
	text => "Hello Bob,\n\nhow are you?\n",
	spaces => "trailing blanks  \nand a tab\t\n  leading\n \n",
	crlf => "one\r\ntwo\r\n\r\nthree\r\n",
	cr => "one\rtwo\r\rthree\r\nfour\r",
	nul => "a\0b\n\0\0\n",
	bytes => pack('C*', 0 .. 255),
	line998 => ('x' x 998) . "\n" . ('y' x 999) . "\n",
	line5000 => ('long ' x 1000) . "\nshort\n",
	dots => ".\n..\n.leading\nFrom here\n>From there\n",
	equals => "a=b =3D ==\n=\n==41\n",
	utf8 => "Gr\xc3\xbc\xc3\x9fe\n",
);

sub quoted_printable
{
	my ($bytes) = @_;
	$bytes =~ s/([^\n\x20-\x3c\x3e-\x7e])/sprintf '=%02X', ord $1/ge;
	$bytes =~ s/ $/=20/mg;
	return $bytes =~ s/([^\n]{70}(?:=[0-9A-F]{2})?)(?=[^\n])/$1=\n/gr;
}

my %encoders = (
	'7bit' => sub { $_[0] },
	'8bit' => sub { $_[0] },
	'binary' => sub { $_[0] },
	'base64' => sub { encode_base64($_[0]) },
	'quoted-printable' => \&quoted_printable,
	'x-uuencode' => sub { "begin 644 file.bin\n" . pack('u', $_[0]) . "`\nend\n" },
);

# --- Transfer encodings ----------------------------------------------------------------------------------------------------------

# Each encoding with each body, as a part and, for the three that do not change it, as the message.
sub encodings
{
	for my $encoding (sort keys %encoders) {
		for my $body (sort keys %bodies) {
			my $fields = "Content-Type: text/plain\nContent-Transfer-Encoding: $encoding\n";
			my $coded = $encoders{$encoding}->($bodies{$body});
			add("encoding-$encoding-$body", mixed($hello, part($fields, $coded), $html));
			add("encoding-$encoding-$body-alone", message($fields, $coded)) if $body =~ /^(?:empty|open|text|crlf|cr|nul|bytes)$/;
		}
	}
	my @named = (
		upper => 'BASE64', blanks => '  base64  ', comment => 'base64 (really)', parameter => 'base64; x=y', dash => '7-bit',
		underscore => '8_bit', none => 'none', unknown => 'x-zip', empty => '', two => 'base64 base64', quoted => '"base64"',
		folded => "\n base64", uu => 'x-uu', uuencode => 'uuencode', eight => '8-bit', comma => 'base64,', qp_short => 'qp',
	);
	while (my ($name, $value) = splice @named, 0, 2) {
		my $type = "Content-Type: application/octet-stream; name=a.bin\n";
		add("encoding-named-$name", mixed($hello, part("${type}Content-Transfer-Encoding: $value\n", encode_base64($exe))));
	}
	my @broken = (
		'base64-spaced' => [base64 => 'SGVs bG8g\tQm9i' . "\n \nLA==\n"],
		'base64-no-end' => [base64 => 'SGVsbG8gQm9iL'],
		'base64-early-end' => [base64 => "SGVsbA==bG8gQm9i\nSGVsbG8=\n"],
		'base64-one' => [base64 => "S\n"],
		'base64-url' => [base64 => "__--SGVs\n"],
		'base64-text' => [base64 => "This is not base64 at all!\n"],
		'base64-nul' => [base64 => "SGVs\0bG8g\n"],
		'base64-crlf' => [base64 => "SGVs\r\nbG8g\r\n"],
		'base64-signed' => [base64 => "SGVsbG8=\n\n-- \nA mailing list's footer\n"],
		'base64-long' => [base64 => encode_base64($exe x 20, '') . "\n"],
		'qp-lower' => ['quoted-printable' => "=e4=f6=fc=3d\n"],
		'qp-bad' => ['quoted-printable' => "=XY =4 =\t\n= \n=4\n"],
		'qp-soft' => ['quoted-printable' => "soft=\nbreak=  \nblank=\r\ncr=\n"],
		'qp-soft-end' => ['quoted-printable' => "at the end="],
		'qp-crlf' => ['quoted-printable' => "one \r\ntwo=\r\n three\t\r\n"],
		'qp-8bit' => ['quoted-printable' => "raw \xe4 and =E4\n"],
		'qp-nul' => ['quoted-printable' => "a\0b=00c\n"],
		'qp-cr' => ['quoted-printable' => "a\rb\r\r\nc=\r\r\nd"],
		'qp-long' => ['quoted-printable' => ('=41' x 2000) . "\n"],
		'uu-text-around' => ['x-uuencode' => "before\nbegin 644 a\n" . pack('u', 'hello') . "`\nend\nafter\n"],
		'uu-no-begin' => ['x-uuencode' => pack('u', 'hello') . "`\nend\n"],
		'uu-no-end' => ['x-uuencode' => "begin 644 a\n" . pack('u', 'hello')],
		'uu-two' => ['x-uuencode' => join '', map { "begin 644 $_\n" . pack('u', $_) . "`\nend\n" } qw(a b)],
		'uu-lower' => ['x-uuencode' => "begin 644 a\n" . lc(pack 'u', 'hello') . "`\nend\n"],
		'uu-short' => ['x-uuencode' => "begin 644 a\nM1234\n`\nend\n"],
		'uu-crlf' => ['x-uuencode' => "begin 644 a\r\n" . (pack('u', 'hello') =~ s/\n/\r\n/r) . "`\r\nend\r\n"],
	);
	while (my ($name, $what) = splice @broken, 0, 2) {
		my ($encoding, $coded) = @$what;
		add("broken-$name", mixed($hello, part("Content-Type: application/pdf\nContent-Transfer-Encoding: $encoding\n", $coded), $html));
	}
	return;
}

# --- Character sets --------------------------------------------------------------------------------------------------------------

# What is written in each, in its own bytes.
my %words = (
	'us-ascii' => 'plain', 'utf-8' => "gr\xc3\xbc\xc3\x9fe", 'utf8' => "\xe2\x82\xac", 'iso-8859-1' => "gr\xfc\xdfe", 'iso-8859-2' => "\xb3\xf3d\xbc",
	'iso-8859-3' => "\xa1\xb1", 'iso-8859-4' => "\xa2\xb3", 'iso-8859-5' => "\xbf\xe0\xd8", 'iso-8859-6' => "\xc7\xe4", 'iso-8859-7' => "\xe1\xe2\xe3",
	'iso-8859-8' => "\xf9\xec\xe5\xed", 'iso-8859-9' => "\xfe\xf0\xfd", 'iso-8859-10' => "\xa1\xb1", 'iso-8859-13' => "\xe0\xe1",
	'iso-8859-14' => "\xa1\xb1", 'iso-8859-15' => "10\xa4", 'iso-8859-16' => "\xaa\xba", 'windows-1250' => "\xb9\x9c", 'windows-1251' => "\xef\xf0\xe8",
	'windows-1252' => "\x80\x93q\x94", 'windows-1253' => "\xe1\xe2", 'windows-1254' => "\xfe\xf0", 'windows-1255' => "\xf9\xec", 'windows-1256' => "\xc7\xe1",
	'windows-1257' => "\xe0\xe1", 'windows-1258' => "\xe0\xe2", 'koi8-r' => "\xd0\xd2\xc9", 'koi8-u' => "\xa4\xa6", 'gb2312' => "\xc4\xe3\xba\xc3",
	'gbk' => "\xc4\xe3\xba\xc3", 'gb18030' => "\xc4\xe3\xba\xc3", 'big5' => "\xa7\xda", 'euc-jp' => "\xc6\xfc\xcb\xdc", 'shift_jis' => "\x93\xfa\x96\x7b",
	'iso-2022-jp' => "\e\$BF|K\\\e(B", 'euc-kr' => "\xc7\xd1", 'ks_c_5601-1987' => "\xc7\xd1", 'tis-620' => "\xa1\xa2", 'cp850' => "\x81\xe1",
	'cp866' => "\xaf\xe0", 'macintosh' => "\x9f\xa7", 'utf-16be' => "\0a\x20\xac", 'x-unknown' => "abc",
);

sub q_word { my ($charset, $bytes) = @_; return "=?$charset?Q?" . ($bytes =~ s/([^A-Za-z0-9])/sprintf '=%02X', ord $1/ger) . '?=' }
sub b_word { my ($charset, $bytes) = @_; return "=?$charset?B?" . encode_base64($bytes, '') . '?=' }
sub percent { my ($bytes) = @_; return $bytes =~ s/([^A-Za-z0-9.])/sprintf '%%%02X', ord $1/ger }

sub charsets
{
	for my $charset (sort keys %words) {
		my $word = $words{$charset};
		add("charset-$charset", mixed(
			part("Content-Type: text/plain; charset=$charset\n", "$word\n"),
			attached(qq(Content-Type: application/x-q; name="@{[ q_word($charset, $word) ]}.exe"\n)),
			attached('Content-Type: application/x-b; name="' . b_word(uc $charset, $word) . qq("\n)),
			attached("Content-Type: application/x-p\nContent-Disposition: attachment; filename*=$charset''" . percent($word) . ".exe\n"),
		));
	}
	return;
}

# --- Names and other parameters ----------------------------------------------------------------------------------------------------

sub parameters
{
	my @dispositions = (
		'plain' => 'attachment; filename=a.exe', 'quoted' => 'attachment; filename="a b.exe"', 'tight' => 'attachment;filename=a.exe',
		'wide' => "attachment  ;  filename  =  a.exe  ", 'upper' => 'ATTACHMENT; FILENAME=A.EXE', 'open' => 'attachment; filename="a.exe',
		'single' => "attachment; filename='a.exe'", 'backslash' => 'attachment; filename="a\\"b\\\\.exe"', 'colon' => 'attachment; filename: a.exe',
		'no-value' => 'attachment; filename=', 'no-value-then' => 'attachment; x=; filename=a.exe', 'nothing' => 'filename=a.exe',
		'semicolons' => 'attachment;;; filename=a.exe;', 'no-semicolon' => 'attachment filename=a.exe', 'only-semicolon' => '; filename=a.exe',
		'slash' => 'attachment; filename=dir/a.exe', 'drive' => 'attachment; filename="C:\\dir\\a.exe"', 'dots' => 'attachment; filename="../../a.exe"',
		'equals' => 'attachment; filename=a=b.exe', 'spaces' => 'attachment; filename=a b.exe', 'at' => 'attachment; filename=a@b.exe',
		'brackets' => 'attachment; filename=a(1).exe', 'comment' => 'attachment (x); filename=(y) a.exe (z)', 'nested-comment' => 'attachment; (a (b)) filename=a.exe',
		'open-comment' => 'attachment; (a filename=a.exe', 'tab' => "attachment;\tfilename=a.exe", 'folded' => "attachment;\n filename=a.exe",
		'folded-in' => "attachment; filename=\"a\n b.exe\"", 'folded-twice' => "attachment;\n\t\n filename=a.exe", 'twice' => 'attachment; filename=a.exe; filename=b.exe',
		'both' => "attachment; filename=a.txt; filename*=utf-8''b.exe", 'pieces' => 'attachment; filename*0=a; filename*1=.exe',
		'pieces-quoted' => 'attachment; filename*0="a b"; filename*1=".exe"', 'pieces-out-of-order' => 'attachment; filename*1=.exe; filename*0=a',
		'pieces-hole' => 'attachment; filename*0=a; filename*2=.exe', 'pieces-no-first' => 'attachment; filename*1=a.exe', 'pieces-encoded' =>
			"attachment; filename*0*=iso-8859-1'de'%FCb; filename*1*=er%20; filename*2=x.exe", 'pieces-ten' =>
			'attachment; ' . join('; ', map { "filename*$_=$_" } 0 .. 11), 'pieces-zero' => 'attachment; filename*00=a; filename*01=.exe',
		'pieces-twice' => 'attachment; filename*0=a; filename*0=b; filename*1=.exe', 'pieces-both' => 'attachment; filename=z.txt; filename*0=a; filename*1=.exe',
		'pieces-folded' => "attachment;\n filename*0=\"long \";\n filename*1=\"name\";\n filename*2=.exe",
		'star-only' => 'attachment; filename*=a.exe', 'star-no-language' => "attachment; filename*=utf-8'a.exe", 'star-language' => "attachment; filename*=utf-8'en-us'a%20b.exe",
		'star-quoted' => qq(attachment; filename*="utf-8''a%20b.exe"), 'star-bad' => "attachment; filename*=utf-8''a%2b%zz%4", 'star-nul' => "attachment; filename*=utf-8''a%00.exe",
		'star-no-charset' => "attachment; filename*=''a%20.exe", 'star-bad-utf8' => "attachment; filename*=utf-8''a%FF%C3.exe", 'star-newline' => "attachment; filename*=utf-8''a%0Ab.exe",
		'word-two' => 'attachment; filename="=?utf-8?Q?a?= =?utf-8?Q?b.exe?="', 'word-in' => 'attachment; filename="x =?utf-8?Q?a_b?= y.exe"',
		'word-folded' => "attachment; filename=\"=?utf-8?B?YS5l?=\n =?utf-8?B?eGU=?=\"", 'word-bare' => 'attachment; filename==?utf-8?Q?a.exe?=',
		'word-bare-two' => "attachment; filename==?utf-8?Q?a?=\n =?utf-8?Q?.exe?=", 'word-open' => 'attachment; filename="=?utf-8?Q?a.exe"', 'word-empty' => 'attachment; filename="=?utf-8?Q??="',
		'word-bad' => 'attachment; filename="=?utf-8?X?a.exe?="', 'word-language' => 'attachment; filename="=?utf-8*en?Q?a.exe?="', 'word-split' =>
			'attachment; filename="=?utf-8?B?w7w=?= =?utf-8?B?w5/DvC5leGU=?="', 'word-lower' => 'attachment; filename="=?utf-8?b?YS5leGU=?="',
		'8bit-latin1' => "attachment; filename=\"\xfcber.exe\"", '8bit-utf8' => "attachment; filename=\"\xc3\xbcber.exe\"", '8bit-bare' => "attachment; filename=\xfc.exe",
		'control' => "attachment; filename=\"a\x01b.exe\"", 'delete' => "attachment; filename=\"a\x7fb.exe\"", 'cr' => "attachment; filename=\"a\rb.exe\"",
		'long' => 'attachment; filename="' . ('n' x 2000) . '.exe"', 'many' => 'attachment; ' . join('; ', map { "p$_=$_" } 1 .. 200) . '; filename=a.exe',
		'inline' => 'inline; filename=a.exe', 'unknown' => 'x-what; filename=a.exe', 'empty' => '', 'blank' => '   ', 'quoted-disposition' => '"attachment"; filename=a.exe',
		'quoted-name' => 'attachment; "filename"=a.exe', 'name' => 'attachment; name=a.exe', 'trailing' => 'attachment; filename="a.exe" trailing; x=y', 'joined' => 'attachment; filename="a".exe',
		'empty-quotes' => 'attachment; filename=""', 'blank-quotes' => 'attachment; filename="  "', 'dot' => 'attachment; filename=.', 'ends-in-dot' => 'attachment; filename="a.exe."',
		'ends-in-blank' => 'attachment; filename="a.exe "',
	);
	while (my ($name, $value) = splice @dispositions, 0, 2) {
		my $as_type = $value =~ s/^\w*/application\/x-a/r =~ s/filename/name/gr;
		add("name-$name", mixed(
			$hello,
			attached("Content-Type: application/octet-stream\nContent-Disposition: $value\n"),
			attached("Content-Type: $as_type\n"),
		));
	}
	return;
}

# --- Boundaries --------------------------------------------------------------------------------------------------------------------

# The boundary as the head says it and as the lines bear it, when these differ.
sub boundaries
{
	my @said = (
		'bare' => ['b'], 'dashes' => ['----b'], 'ends-in-dashes' => ['b--'], 'only-dashes' => ['--'], 'dots' => ['"a.b.c"', 'a.b.c'], 'meta' => ['"a+b?c(d)[e]"', 'a+b?c(d)[e]'],
		'blank-in' => ['"a b"', 'a b'], 'blank-behind' => ['"a "', 'a '], 'blank-behind-cut' => ['"a "', 'a'], 'long' => ['"' . 'b' x 70 . '"', 'b' x 70], 'very-long' => ['"' . 'b' x 500 . '"', 'b' x 500],
		'other-case' => ['Bound', 'bOUND'], 'bare-equals' => ['=_b'], 'bare-slash' => ['a/b'], 'bare-colon' => ['a:b'], 'single-quotes' => ["'b'"], 'open-quotes' => ['"b', 'b'],
		'empty' => ['""', ''], 'star' => ["*=''b", 'b'], 'comment' => ['b (c)', 'b'], '8bit' => ["\"\xfc\"", "\xfc"], 'backslash' => ['"a\\b"', 'ab'], 'folded' => ["\n b", 'b'],
		'equals-mid' => ['a=b'], 'word' => ['"=?utf-8?Q?b?="', '=?utf-8?Q?b?='], 'question' => ['a?b'],
	);
	while (my ($name, $what) = splice @said, 0, 2) {
		my ($said, $line) = (@$what, $what->[0]);
		add("boundary-$name", message("Content-Type: multipart/mixed; boundary=$said\n", joined($line, $hello, $html)));
	}
	my @laid = (
		'no-end' => "--b\n$hello\n--b\n$html\n", 'no-start' => "$hello\n--b--\n", 'end-only' => "--b--\n", 'end-first' => "--b--\n--b\n$hello\n--b--\n", 'end-twice' => "--b\n$hello\n--b--\n--b--\n",
		'doubled' => "--b\n--b\n$hello\n--b\n--b\n$html\n--b--\n", 'tripled' => "--b\n--b\n--b\n$hello\n--b--\n", 'after-end' => "--b\n$hello\n--b--\n\n--b\n$html\n--b--\n",
		'in-line' => "--b\n$hello\nx --b\n --b\n--b\n$html\n--b--\n", 'longer' => "--b\n$hello\n--bb\n--b-\n--b---\n--b x\n--b--x\n--b--\n", 'blanks' => "--b  \n$hello\n--b\t\n$html\n--b-- \n",
		'crlf' => "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n", 'crs' => "--b\r\r\n\r\nx\r\r\n--b--\r\n", 'cr-only' => "--b\r\rx\r--b--\r", 'nul' => "--b\0\n$hello\n--b\n$hello\n--b--\0\n",
		'no-newline' => "--b\n$hello\n--b--", 'cut' => "--b\n$hello\n--b-", 'cut-opening' => "--b\n$hello\n--b", 'no-blank-line' => "--b\nplain text, no head\nmore\n--b--\n",
		'glued' => "--b\n\nx\n--b--trailing\n", 'empty-parts' => "--b\n\n--b\n\n\n--b\n--b--\n", 'one-newline' => "--b\n\n\n--b--\n", 'texts' => "before\n--b\n\nx\n--b--\nbehind\n",
		'texts-blank' => "\n\n--b\n\nx\n--b--\n\n\n", 'texts-crlf' => "before\r\n--b\r\n\r\nx\r\n--b--\r\nbehind\r\n", 'only-text' => "no boundary at all\n", 'nothing' => '', 'head-cut' => "--b\nContent-Type: text/html",
		'head-end-in' => "--b\nContent-Type: text/html\n--b--\n", 'head-open-in' => "--b\nContent-Type: text/html\n--b\n\nx\n--b--\n", 'preamble-no-newline' => "before", 'head-only' => "--b\nContent-Type: text/html\n\n--b--\n",
	);
	while (my ($name, $body) = splice @laid, 0, 2) {
		add("lines-$name", message("Content-Type: multipart/mixed; boundary=b\n", $body));
		add("lines-$name-within", message("Content-Type: multipart/mixed; boundary=o\n", joined('o', part("Content-Type: multipart/related; boundary=b\n", $body), $html)))
			if $name !~ /crlf|crs/;
	}
	add('boundary-missing', message("Content-Type: multipart/mixed\n", joined('b', $hello)));
	add('boundary-twice', message("Content-Type: multipart/mixed; boundary=a; boundary=b\n", joined('b', $hello)));
	return;
}

# --- Depth ---------------------------------------------------------------------------------------------------------------------------

sub nested
{
	my ($depth, $kind) = @_;
	my $inner = $hello;
	for my $level (reverse 1 .. $depth) {
		my $message = $kind eq 'message' || $kind eq 'both' && $level % 2;
		$inner = $message ? part("Content-Type: message/rfc822\n", "Subject: level $level\n$inner")
			: part("Content-Type: multipart/mixed; boundary=b$level\n", joined("b$level", $inner, $html) . "behind $level\n");
	}
	return $inner;
}

sub nesting
{
	for my $kind (qw(multipart message both)) {
		add("depth-$kind-$_", message(split /(?<=\n)\n/, nested($_, $kind), 2)) for 1, 2, 3, 5, 10;
	}
	my $inner = sub { my ($end) = @_; return part("Content-Type: multipart/mixed; boundary=i\n", "--i\n$hello\n$end") };
	my $outer = sub { return message("Content-Type: multipart/mixed; boundary=o\n", join '', @_) };
	add('nest-inner-open', $outer->("--o\n", $inner->(''), "\n--o\n$html\n--o--\n"));
	add('nest-both-open', $outer->("--o\n", $inner->('')));
	add('nest-outer-ends-inner', $outer->("--o\n", $inner->("--o--\n"), "--i\n$html\n--i--\n"));
	add('nest-crossed', $outer->("--o\n", $inner->("--o\n$html\n"), "--i--\n--o--\n"));
	add('nest-inner-end-later', $outer->("--o\n", $inner->("--i--\n--i\n$html\n"), "--o--\n"));
	add('nest-same', $outer->("--o\n", part("Content-Type: multipart/mixed; boundary=o\n", joined('o', $hello)), "--o--\n"));
	add('nest-inner-longer', $outer->("--o\n", part("Content-Type: multipart/mixed; boundary=oo\n", joined('oo', $hello)), "\n--o--\n"));
	add('nest-inner-shorter', message("Content-Type: multipart/mixed; boundary=oo\n", joined('oo', part("Content-Type: multipart/mixed; boundary=o\n", joined('o', $hello)))));
	add('nest-message-in-inner', $outer->("--o\n", part("Content-Type: message/rfc822\n", "Content-Type: multipart/mixed; boundary=i\n\n--i\n$hello\n"), "--o\n$html\n--o--\n"));
	add('nest-message-empty', mixed(part("Content-Type: message/rfc822\n", ''), $hello));
	add('nest-message-head-only', mixed(part("Content-Type: message/rfc822\n", "Subject: x\n"), $hello));
	add('nest-message-no-head', mixed(part("Content-Type: message/rfc822\n", "\nonly a body\n"), $hello));
	add("nest-message-$_", mixed(part("Content-Type: message/rfc822\nContent-Transfer-Encoding: $_\n", $encoders{$_}->("Subject: x\n\nbody\n")))) for sort keys %encoders;
	add("nest-multipart-$_", mixed(part("Content-Type: multipart/mixed; boundary=i\nContent-Transfer-Encoding: $_\n", $encoders{$_}->(joined('i', $hello))))) for sort keys %encoders;
	add('nest-digest', mixed(part("Content-Type: multipart/digest; boundary=i\n", joined('i', "\nSubject: one\n\n1\n", "Content-Type: text/plain\n\nno message\n", "\n", ''))));
	return;
}

# --- Types ---------------------------------------------------------------------------------------------------------------------------

sub types
{
	my $tnef = pack('VvCVVVv', 0x223e9f78, 1, 1, 0x00089006, 4, 0x00010000, 1) . "winmail";
	my @types = (
		'none' => undef, 'empty' => '', 'text' => 'text', 'text-slash' => 'text/', 'slash' => '/plain', 'only-slash' => '/', 'upper' => 'TEXT/HTML', 'blanks' => 'text / html', 'two' => 'text/html text/plain',
		'comma' => 'text/html, text/plain', 'semicolon' => 'text/html;', 'quoted' => '"text/html"', 'multipart' => 'multipart', 'multipart-slash' => 'multipart/', 'multipart-odd' => 'multipart/x-odd; boundary=q',
		'message' => 'message', 'message-odd' => 'message/x-odd', 'partial' => 'message/partial; id=a; number=2; total=3', 'partial-first' => 'message/partial; id=a; number=1; total=3', 'partial-none' => 'message/partial',
		'external' => 'message/external-body; access-type=local-file; name=x', 'global' => 'message/global', 'status' => 'message/delivery-status', 'headers' => 'text/rfc822-headers', 'pgp' => 'application/pgp-encrypted',
		'charset-only' => 'charset=utf-8', '8bit' => "text/\xfc", 'nul' => "text/\0plain", 'three' => 'a/b/c', 'long' => 'x/' . 'y' x 3000, 'calendar' => 'text/calendar; method=REQUEST', 'folded' => "\n text/html", 'comment' => '(c) text/html',
		'comment-behind' => 'text/html (c); charset=x', 'tnef' => 'application/ms-tnef; name=winmail.dat', 'tnef-vnd' => 'application/vnd.ms-tnef; name=winmail.dat',
	);
	while (my ($name, $type) = splice @types, 0, 2) {
		my $field = defined $type ? "Content-Type: $type\n" : '';
		my $body = $name =~ /tnef/ ? encode_base64($tnef) : "Subject: within\n\nbody\n";
		my $coding = $name =~ /tnef/ ? "Content-Transfer-Encoding: base64\n" : '';
		add("type-$name", mixed($hello, part("$field$coding", $body), $html));
		add("type-$name-alone", message("$field$coding", $body));
	}
	return;
}

# --- Heads ---------------------------------------------------------------------------------------------------------------------------

sub heads
{
	my @heads = (
		'no-blank' => "Subject:x\nContent-Type:text/html\n", 'blank-before-colon' => "Subject : x\nContent-Type : text/html\n", 'tab' => "Subject:\tx\n", 'empty-value' => "Subject:\nX-A: \n", 'no-name' => ": x\nSubject: y\n",
		'no-colon' => "Subject: x\nno colon here\nX-A: b\n", 'continued-first' => " continued\nSubject: x\n", 'continued-blank' => "Subject: x\n \n\t\n y\n", 'continued-garbage' => "garbage\n continued\nSubject: x\n",
		'8bit-name' => "S\xfcbject: x\nSubject: y\n", '8bit-value' => "Subject: gr\xfc\xc3\xbc\n", 'nul' => "Subject: a\0b\nX\0A: c\n", 'cr' => "Subject: a\rb\nX-A: c\r\n d\r\n", 'long' => 'Subject: ' . 'x' x 10_000 . "\n", 'long-folded' =>
			"Subject: x\n" . " folded\n" x 500, 'many' => join('', map { "X-A: $_\n" } 1 .. 600), 'long-name' => 'X' x 2000 . ": y\n", 'from-line' => "From alice Sat Nov 21 2026\nSubject: x\n", 'from-quoted' => ">From alice Sat\nSubject: x\n",
		'type-twice' => "Content-Type: text/html\nContent-Type: text/plain\n", 'encoding-twice' => "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n", 'case' => "CONTENT-TYPE: text/html\ncontent-transfer-encoding: BASE64\n",
		'dashes' => "--: x\n--b: y\nSubject: x\n", 'punctuation' => "!#\$%&'*+: x\nSubject: y\n", 'control' => "A\x01B: x\nSubject: y\n", 'crlf' => "Subject: x\r\nContent-Type: text/html\r\n", 'crlf-mixed' => "Subject: x\r\nX-A: y\n z\r\n",
		'description' => "Content-Description: a\n file.exe\n", 'description-word' => "Content-Description: =?utf-8?Q?a=C3=BC.exe?=\n", 'id' => "Content-ID: <a\@b>\nContent-Location: http://x/\n", 'delete' => "A\x7fB: x\n",
		'colon-only' => ":\n", 'blank-name' => "Sub ject: x\nX-A: y\n", 'url' => "http://example.com/: x\n",
	);
	while (my ($name, $head) = splice @heads, 0, 2) {
		add("head-$name", "$head\nbody\n");
		add("head-$name-part", mixed(part($head, "body\n"), $hello));
	}
	my @whole = (
		'nothing' => '', 'newline' => "\n", 'newlines' => "\n\n\n", 'cr' => "\r", 'crlf' => "\r\n", 'nul' => "\0", 'name' => 'Subject', 'name-colon' => 'Subject:', 'field' => 'Subject: x', 'field-newline' => "Subject: x\n",
		'body' => "\nbody", 'body-only' => "only a body\nin two lines\n", 'cr-body' => "Subject: x\r\rbody\r", 'blank-crs' => "Subject: x\n\r\r\nbody\n", 'blank-blank' => "Subject: x\n \nbody\n", 'bytes' => pack('C*', 0 .. 255) x 4,
		'mbox' => "From a\@b Sat\nFrom: a\@b\n\nFrom the start\n",
	);
	while (my ($name, $text) = splice @whole, 0, 2) {
		add("whole-$name", $text);
	}
	return;
}

# --- Uuencoded files in texts --------------------------------------------------------------------------------------------------------

sub uuencoded
{
	my $file = sub { my ($begin, $bytes) = @_; return "begin $begin\n" . pack('u', $bytes) . "`\nend\n" };
	my $a = $file->('644 a.exe', $exe);
	my @texts = (
		'one' => $a, 'text-before' => "before\n$a", 'text-behind' => "${a}behind\n", 'around' => "before\n${a}behind\n", 'two' => $a . $file->('755 b.exe', 'b'), 'between' => "${a}between\n" . $file->('600 c', 'c'),
		'blank-before' => "\n \n$a", 'mode-4' => $file->('0644 a.exe', 'x'), 'mode-2' => $file->('64 a.exe', 'x'), 'mode-9' => $file->('999 a.exe', 'x'), 'blank-name' => $file->('644 a b.exe', 'x'), 'no-name' => $file->('644 ', 'x'),
		'quoted-name' => $file->('644 "a.exe"', 'x'), 'path' => $file->('644 /etc/a.exe', 'x'), '8bit-name' => $file->("644 \xfc.exe", 'x'), 'empty' => $file->('644 a.exe', ''), 'no-end' => "begin 644 a.exe\n" . pack('u', 'x'),
		'indented' => " $a", 'quoted' => $a =~ s/^/> /gmr, 'no-newline' => $a =~ s/\n\z//r, 'end-behind' => "begin 644 a.exe\nend\nend\n", 'begin-twice' => "begin 644 a.exe\nbegin 644 b.exe\n" . pack('u', 'x') . "`\nend\n",
		'ending' => "begin 644 a.exe\n" . pack('u', 'x') . "`\nending\n", 'space' => "begin 644 a.exe\n" . (pack('u', 'a b') =~ tr/`/ /r) . " \nend\n", 'begin-only' => "begin 644 a.exe\n", 'crlf' => $a =~ s/\n/\r\n/gr,
		'base64' => "begin-base64 644 a.exe\n" . encode_base64($exe) . "====\n", 'large' => $file->('644 a.exe', $exe x 50), 'word-name' => $file->('644 =?utf-8?Q?a=C3=BC?=.exe', 'x'),
	);
	while (my ($name, $text) = splice @texts, 0, 2) {
		add("uu-$name", message('', $text));
		add("uu-$name-part", mixed($html, part("Content-Type: text/plain; name=x.txt\nContent-Disposition: inline\n", $text)));
	}
	add('uu-html', message("Content-Type: text/html\n", $a));
	add("uu-encoded-$_", message("Content-Transfer-Encoding: $_\n", $encoders{$_}->("before\n$a"))) for qw(8bit binary base64 quoted-printable x-uuencode);
	add('uu-message', mixed(part("Content-Type: message/rfc822\n", message('', $a))));
	return;
}

# --- Many and long -------------------------------------------------------------------------------------------------------------------

sub large
{
	add('parts-1000', mixed(map { part("Content-Type: text/plain\nContent-Disposition: attachment; filename=\"$_.txt\"\n", "$_\n") } 1 .. 999));
	add('parts-1000-empty', message("Content-Type: multipart/mixed; boundary=b\n", "--b\n" x 999 . "--b--\n"));
	add('lines-100000', message('', "x\n" x 100_000));
	add('line-1000000', message("Content-Transfer-Encoding: base64\n", encode_base64($exe x 2700, '')));
	add('preamble-long', message("Content-Type: multipart/mixed; boundary=b\n", "text\n" x 5000 . "--b\n$hello\n--b--\n" . "text\n" x 5000));
	return;
}

# --- Damage --------------------------------------------------------------------------------------------------------------------------

# Numbers that are the same everywhere and always.
my $state = 20261121;
sub chance { my ($n) = @_; $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % $n }

my @damages = (
	sub { my ($lines) = @_; splice @$lines, chance(scalar @$lines), 1 },                                          # a line is lost
	sub { my ($lines) = @_; my $i = chance(scalar @$lines); splice @$lines, $i, 0, $lines->[$i] },                # doubled
	sub { my ($lines) = @_; splice @$lines, chance(scalar @$lines), 0, $lines->[chance(scalar @$lines)] },        # at another place, too
	sub { my ($lines) = @_; @$lines = @$lines[0 .. chance(scalar @$lines)] },                                     # the end is cut off
	sub { my ($lines) = @_; my $i = chance(scalar @$lines); substr $lines->[$i], chance(length($lines->[$i])), 1, '' }, # a byte is lost
	sub { my ($lines) = @_; my $i = chance(scalar @$lines); substr $lines->[$i], chance(length($lines->[$i])), 0, "\n" }, # a line is broken
	sub { my ($lines) = @_; my $i = chance(scalar @$lines); $lines->[$i] .= ' ' . splice(@$lines, $i + 1, 1) if $i < $#$lines }, # joined
);

# A message with something of everything, damaged in one to three places.
sub mutations
{
	my $whole = message("Content-Type: multipart/mixed; boundary=\"=_o\"\n", "preamble\n" . joined('=_o',
		part("Content-Type: multipart/alternative; boundary=i\n", joined('i', $hello, $html)),
		attached("Content-Type: application/pdf;\n name=\"a.pdf\"\nContent-Disposition: attachment;\n filename*0=\"long \";\n filename*1=\"name.pdf\"\n", 'pdf' x 60),
		part("Content-Type: message/rfc822\n", message("Content-Type: multipart/mixed; boundary=n\n", joined('n', part("Content-Transfer-Encoding: quoted-printable\n", "gr=C3=BC=\n=C3=9Fe\n"), $html))),
		part("Content-Type: text/plain\n", "text\nbegin 644 u.exe\n" . pack('u', 'hello') . "`\nend\n"),
	) . "epilogue\n");
	for my $n (1 .. 150) {
		my @lines = $whole =~ /[^\n]*\n/g;
		$damages[chance(scalar @damages)]->(\@lines) for 0 .. chance(3);
		add(sprintf('damaged-%03d', $n), join '', @lines);
	}
	return;
}

1;
