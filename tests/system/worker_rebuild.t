# Writing a body anew loses nothing: every message of tests/data is rebuilt, and taken apart again by MIME::Parser.
use strict;
use warnings;
use Defang::Test qw(data slurp);
use Defang::Worker;
use MIME::Parser;
use Test::More;

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
	for my $line (@results) {
		my ($letter, @words) = $line =~ /^(.)(\S*)(?: (\S*))?(?: (\S*))?/;
		s/%([0-9A-F]{2})/chr hex $1/ge for grep { defined } @words;
		my ($name, $value) = $letter eq 'M' ? ('Content-Type', $words[0]) : $letter eq 'I' ? @words[0, 2] : ($words[0], undef);
		next unless $letter =~ /[MIJ]/;
		$head =~ s/^\Q$name\E:.*\n//mi;
		$head .= "$name: $value\n" if defined $value && length $value;
	}
	return "$head\n" . slurp("$dir/NEWBODY");
}

my $worker = Defang::Worker->start('sub filter_begin { action_rebuild() }');
for my $file (sort glob data('*.eml')) {
	my ($name) = $file =~ m{([^/]+)$};
	my $dir = $worker->message($name);
	my ($reply, @results) = $worker->scan($dir);
	is($reply, 'ok', "$name is scanned");
	is(leaves(rebuilt($dir, @results)), leaves(slurp("$dir/INPUTMSG")), "$name is whole");
}
is($worker->stop, 0, 'ends well');

done_testing;
