# Writing a body anew loses nothing, and leaves alone what nobody changed: every message of the corpus is rebuilt, and taken apart again by MIME::Parser.
use strict;
use warnings;
use Defang::Corpus;
use Defang::Test qw(run_command slurp spew temp_dir top);
use Defang::Worker;
use JSON::PP;
use MIME::Parser;
use Test::More;

my $json = JSON::PP->new;
my $tree = ($ENV{DEFANG_BUILD} // top() . '/build') . '/src/mime/mime-tree';
my $folder = temp_dir();

# The leaves of a message: their bodies, blank ones left out.
sub leaves
{
	my ($text) = @_;
	my $parser = MIME::Parser->new;
	$parser->output_to_core(1);
	$parser->extract_uuencode(1);
	local $SIG{__WARN__} = sub { };
	my $entity = $parser->parse_data($text);
	my @bodies = map { $_->bodyhandle ? $_->bodyhandle->as_string : () } $entity->parts_DFS;
	return join "\n", map { s/\s+\z//r } grep { /\S/ } @bodies;
}

# The message as an MTA has it afterwards: its headers with what RESULTS changes, and NEWBODY.
sub rebuilt
{
	my ($dir, @results) = @_;
	my $head = slurp("$dir/HEADERS");
	$head .= "\n" if $head =~ /[^\n]\z/;
	for my $line (@results) {
		my ($letter, @words) = $line =~ /^(.)(\S*)(?: (\S*))?(?: (\S*))?/;
		s/%([0-9A-F]{2})/chr hex $1/ge for grep { defined } @words;
		my ($name, $value) = $letter eq 'M' ? ('Content-Type', $words[0]) : $letter eq 'I' ? @words[0, 2] : ($words[0], undef);
		next unless $letter =~ /[MIJ]/;
		my $field = defined $value && length $value ? "$name: $value\n" : '';
		$head =~ s/^\Q$name\E[ \t]*:.*\n/$field/mi or $head .= $field;
	}
	return "$head\n" . slurp("$dir/NEWBODY");
}

# Checksums of the leaves within each message, head and body as they stand, by mime-tree. Left out is what cannot stand: parts that
# uuencoded files became, and those whose head is ended by a boundary line (they are written with an empty line).
sub standing
{
	my (@paths) = @_;
	my ($status, $out, $err) = run_command(300, $tree, @paths);
	die "mime-tree: $err\n" if $status != 0;
	my @messages;
	for my $part (map { $json->decode($_) } split /\n/, $out) {
		push @messages, [] if $part->{depth} == 0;
		push @{ $messages[-1] }, $part->{raw}{md5} if $part->{depth} > 0 && $part->{body} && $part->{raw};
	}
	return @messages;
}

# Where MIME::Parser does not find in the new message what it found in the old one.
my $hidden = 'it finds a part more: in the old message it did not see it (mime_compare.t)';
my $text = 'a multipart without boundary is declared as what it is, a text, and MIME::Parser finds an uuencoded file in it';
my %found_else = (
	'lines-cut-opening-within' => $hidden,
	'lines-head-cut-within' => $hidden,
	'damaged-134' => $hidden,
	'damaged-036' => $text,
	'damaged-099' => $text,
);
my %stands_else = ('type-multipart-slash' => 'a multipart without boundary is declared as a text');

sub is_whole
{
	my ($name, $got, $want) = @_;
	return $found_else{ $name =~ s/ .*//r } ? isnt($got, $want, "$name: found is something else") : is($got, $want, "$name is whole");
}

# What no mail server hands on: a bare CR as an empty line of the head.
my @files = grep { Defang::Corpus::name_of($_) !~ /^whole-(?:cr|blank-crs)$/ } Defang::Corpus::files();

# As it came: nothing is lost.
my $worker = Defang::Worker->start('sub filter_begin { action_rebuild() }');
for my $file (@files) {
	my $name = Defang::Corpus::name_of($file);
	my $dir = $worker->message(\slurp($file));
	my ($reply, @results) = $worker->scan($dir);
	my ($before, $after) = (slurp("$dir/INPUTMSG"), rebuilt($dir, @results));
	is($reply, 'ok', "$name is scanned");
	is_whole($name, leaves($after), leaves($before));
}
is($worker->stop, 0, 'ends well');

# With a part behind the others: these are still what they were.
my (@came, @rebuilt);
$worker = Defang::Worker->start('sub filter_end { action_add_part($_[0], "text/plain", "-suggest", "added\n", "added.txt", "inline") }');
for my $file (@files) {
	my $name = Defang::Corpus::name_of($file);
	my $dir = $worker->message(\slurp($file));
	my ($reply, @results) = $worker->scan($dir);
	my ($before, $after) = (slurp("$dir/INPUTMSG"), rebuilt($dir, @results));
	is($reply, 'ok', "$name is scanned");
	is_whole("$name with another part", leaves($after), join("\n", leaves($before) || (), 'added'));
	push @rebuilt, spew("$folder/" . @rebuilt, $after);
	push @came, "$dir/INPUTMSG";
}
is($worker->stop, 0, 'ends well');

my @stood = standing(@came);
my @stand = standing(@rebuilt);
is(scalar @stand, scalar @files, 'all are there');
for my $file (@files) {
	my $name = Defang::Corpus::name_of($file);
	my %is = map { $_ => 1 } @{ shift @stand };
	my @lost = grep { !$is{$_} } @{ shift @stood };
	is(scalar @lost, $stands_else{$name} ? 1 : 0, "$name with another part: the others are what they were, byte for byte");
}

done_testing;
