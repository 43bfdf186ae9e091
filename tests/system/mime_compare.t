#!/usr/bin/perl
# Our trees against those of MIME::Parser, on every message in tests/data: structure, types, names, heads, decoded bodies, preambles,
# epilogues. What differs must be in the list below with its reason; what is in the list must differ.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use File::Basename qw(basename dirname);
use File::Temp;
use JSON::PP;
use MIME::Parser;
use Test::More;

my $build = $ENV{DEFANG_BUILD} || 'build';
my $data = dirname(__FILE__) . '/../data';

# "message part key": part counts from 0, depth first.
my %expected = (
	'name_2231_charset 1 name' => 'MIME::Head gives an empty name when it does not know the character set; we keep what is ASCII in it, so'
		. ' that a forbidden extension is seen',
	'name_2047_charset 1 name' => 'the same, in an RFC 2047 word',
	'name_behind_empty 1 name' => 'MIME::Field::ParamVal stops at a parameter without a value; mail programs read on, and so do we',
	'name_nul 1 name' => 'names are C strings: a NUL is shown as \x00 rather than taken for the end',
);

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

sub ours {
	my ($file, $uuencode) = @_;
	my @parts;
	open my $fh, '-|', "$build/src/mime/mime-tree", $uuencode ? () : '-r', $file or die "mime-tree: $!\n";
	while (my $line = <$fh>) {
		my $part = JSON::PP->new->decode($line);
		for my $key (qw(head body preamble epilogue)) {
			$part->{$key} &&= "$part->{$key}{size} $part->{$key}{md5}";
		}
		@$part{qw(fields head preamble)} = () if $part->{synthetic} || $part->{exploded};
		push @parts, $part;
	}
	ok(close $fh, 'mime-tree ' . basename($file) . ' exits 0');
	return \@parts;
}

sub differences {
	my ($message, $theirs, $ours) = @_;
	my @found;
	push @found, [ "$message count", scalar @$theirs, scalar @$ours ] if @$theirs != @$ours;
	for my $i (0 .. (@$theirs < @$ours ? $#$theirs : $#$ours)) {
		for my $key (@keys) {
			my ($a, $b) = map { $_->[$i]{$key} // '(none)' } $theirs, $ours;
			push @found, [ "$message $i $key", $a, $b ] if $a ne $b;
		}
	}
	return @found;
}

my @files = sort glob "$data/*.eml";
cmp_ok(scalar @files, '>=', 60, 'messages to compare');
my %seen;
for my $file (@files) {
	for my $uuencode (1, 0) {
		my $message = basename($file, '.eml');
		my $label = $message . ($uuencode ? '' : ', uuencoded files left in');
		my @found = differences($message, theirs($file, $uuencode), ours($file, $uuencode));
		$seen{ $_->[0] } = 1 for @found;
		my @new = grep { !$expected{ $_->[0] } } @found;
		ok(!@new, $label) or diag map { "$_->[0]: MIME::Parser $_->[1], ours $_->[2]\n" } @new;
	}
}
ok($seen{$_}, "differs as listed: $_") for sort keys %expected;
done_testing();
