#!/usr/bin/perl
# Our trees against those of MIME::Parser, on every message of the corpus: structure, types, names, heads, decoded bodies, preambles,
# epilogues. What differs must be in the list below with its reason; what is in the list must differ.
use strict;
use warnings;
use Defang::Corpus;
use Digest::MD5 qw(md5_hex);
use File::Temp;
use JSON::PP;
use MIME::Parser;
use Test::More;

my $build = $ENV{DEFANG_BUILD} || 'build';

# Reasons why something differs, and where: "message part key", parts counted from 0, depth first.
my @reasons = (
	[
		'MIME::Head gives an empty name when it does not know the character set, or the language has a hyphen; we keep what we know of it,'
			. ' ASCII at least, so that a forbidden extension is seen',
		'name_2231_charset 1 name', 'name_2047_charset 1 name', 'charset-x-unknown 2 name', 'charset-x-unknown 3 name', 'charset-x-unknown 4 name',
		'charset-gb18030 2 name', 'charset-gb18030 3 name', 'charset-gb18030 4 name', 'name-star-no-charset 2 name', 'name-star-no-charset 3 name',
		'name-star-language 2 name', 'name-star-language 3 name',
	],
	[
		'MIME::Field::ParamVal stops at a parameter without a value; mail programs read on, and so do we',
		'name_behind_empty 1 name', 'name-no-value-then 2 name', 'name-no-value-then 3 name',
	],
	['names are C strings: a NUL is shown as \x00 rather than taken for the end', 'name_nul 1 name', 'name-star-nul 2 name', 'name-star-nul 3 name'],
	['MIME::Parser gives an uuencoded file without a name the name of a Perl reference', 'uu-no-name 1 name', 'uu-no-name-part 3 name'],
	[
		"an outer multipart's boundary line in a part's head ends the part, as it ends everything inside; MIME::Parser takes it and all that"
			. ' follows into the body of that part, where a filter would not see an attachment',
		'lines-cut-opening-within tree', 'lines-head-cut-within tree', 'damaged-134 tree',
	],
);
my %expected = map { my ($reason, @where) = @$_; map { $_ => $reason } @where } @reasons;

my @keys = qw(depth type effective_type encoding name fields head body preamble epilogue);

sub digest {
	my ($bytes) = @_;
	return defined $bytes ? length($bytes) . ' ' . md5_hex($bytes) : undef;
}

# A text that MIME::Parser took uuencoded files out of. It makes heads of its own for the parts; ours have none, since the host makes
# them when they are written.
sub is_exploded {
	my ($entity) = @_;
	my $preamble = $entity->preamble;
	return $preamble && @$preamble && $preamble->[0] =~ /multipart MIME message which was extracted/;
}

sub flatten {
	my ($entity, $depth, $synthetic, $parts) = @_;
	my $head = $entity->head;
	my $exploded = is_exploded($entity);
	my $no_head = $synthetic || $exploded;
	my $name = $head->recommended_filename;
	my $preamble = $exploded ? undef : $entity->preamble;
	utf8::encode($name) if defined $name;
	push @$parts, {
		depth => $depth,
		type => $head->mime_type,
		effective_type => $entity->effective_type,
		encoding => $head->mime_encoding,
		name => defined $name && length $name ? $name : undef,
		fields => $no_head ? undef : scalar @{ $head->header },
		head => $no_head ? undef : digest(join '', @{ $head->header }),
		body => $entity->bodyhandle ? digest($entity->bodyhandle->as_string) : undef,
		preamble => $preamble && @$preamble ? digest(join '', @$preamble) : undef,
		epilogue => $entity->epilogue ? digest(join '', @{ $entity->epilogue }) : undef,
	};
	flatten($_, $depth + 1, $exploded, $parts) for $entity->parts;
}

sub theirs {
	my ($file, $uuencode) = @_;
	my $folder = File::Temp->newdir;
	my $parser = MIME::Parser->new;
	my @parts;
	local $SIG{__WARN__} = sub { };
	$parser->output_dir("$folder");
	$parser->extract_uuencode($uuencode);
	flatten($parser->parse_open($file), 0, 0, \@parts);
	return \@parts;
}

# The trees of all files in one run: the message itself is at depth 0.
sub ours {
	my ($uuencode, @files) = @_;
	my @trees;
	open my $fh, '-|', "$build/src/mime/mime-tree", $uuencode ? () : '-r', @files or die "mime-tree: $!\n";
	while (my $line = <$fh>) {
		my $part = JSON::PP->new->decode($line);
		for my $key (qw(head body preamble epilogue)) {
			$part->{$key} &&= "$part->{$key}{size} $part->{$key}{md5}";
		}
		@$part{qw(fields head preamble)} = () if $part->{synthetic} || $part->{exploded};
		push @trees, [] if $part->{depth} == 0;
		push @{ $trees[-1] }, $part;
	}
	ok(close $fh, 'mime-tree exits 0');
	is(scalar @trees, scalar @files, 'as many trees as messages') or BAIL_OUT('mime-tree has left out messages');
	return @trees;
}

sub differences {
	my ($message, $theirs, $ours) = @_;
	my @found;
	return [ "$message tree", map { join ' ', map { "$_->{depth}:$_->{type}" } @$_ } $theirs, $ours ] if @$theirs != @$ours;
	for my $i (0 .. $#$theirs) {
		for my $key (@keys) {
			my ($a, $b) = map { $_->[$i]{$key} // '(none)' } $theirs, $ours;
			push @found, [ "$message $i $key", $a, $b ] if $a ne $b;
		}
	}
	return @found;
}

my @files = Defang::Corpus::files();
cmp_ok(scalar @files, '>=', 300, 'messages to compare');
my %seen;
for my $uuencode (1, 0) {
	my @ours = ours($uuencode, @files);
	for my $file (@files) {
		my $message = Defang::Corpus::name_of($file);
		my $label = $message . ($uuencode ? '' : ', uuencoded files left in');
		my @found = differences($message, theirs($file, $uuencode), shift @ours);
		$seen{ $_->[0] } = 1 for @found;
		my @new = grep { !$expected{ $_->[0] } } @found;
		ok(!@new, $label) or diag map { "$_->[0]: MIME::Parser $_->[1], ours $_->[2]\n" } @new;
	}
}
ok($seen{$_}, "differs as listed: $_") for sort keys %expected;
done_testing();
