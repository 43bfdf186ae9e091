# The objects that a filter gets are those that MIME::Parser makes: every message of tests/data, field by field. The known
# differences are at the end of the file.
use strict;
use warnings;
use Defang::Test qw(data temp_dir spew slurp);
use Defang::Worker;
use Test::More;

# Runs inside the worker: prints a line a message.
my $compare = <<'RULES';
use Data::Dumper;
use MIME::Parser;
$Data::Dumper::Sortkeys = 1;

# In place of a path what is in the file, and no fields that say nothing.
sub settle
{
	my ($entity) = @_;
	my $body = $entity->{ME_Bodyhandle};
	delete $entity->{MD_Part};
	if ($body) {
		$body->{MB_Path} = $body->as_string;
		delete @$body{qw(MD_Part MD_Message)};
		bless $body, 'MIME::Body::File';
	}
	delete $entity->{ME_Bodyhandle} unless $body;
	my $head = $entity->head;
	delete $head->{MIH_DefaultType} if ($head->{MIH_DefaultType} // '') eq 'text/plain'; # the default of the default
	settle($_) for $entity->parts;
	return $entity;
}

sub text_of
{
	my ($entity) = @_;
	return Dumper(settle($entity)) =~ s/----------=_[-\w]+/BOUNDARY/gr;
}

my ($folder, @files) = split /\n/, $ENV{COMPARE};
$SIG{__WARN__} = sub { };
for my $file (@files) {
	mkdir "$folder/$_" for qw(theirs ours);
	my $parser = MIME::Parser->new;
	$parser->output_dir("$folder/theirs");
	$parser->extract_uuencode(1);
	my $theirs = text_of($parser->parse_open($file));
	my ($ours, $fault) = Mail::MIMEDefang::parse_message($file, "$folder/ours", -1, 0);
	$ours = $ours ? text_of($ours) : $fault // $!;
	print $theirs eq $ours ? "same\n" : "different\n";
	unlink glob "$folder/*/*";
}
1;
RULES

# Why a message's objects differ.
my %known = (
	'uu.eml' => 'no mode of the file, no MIME-Version and X-Mailer, in the head of an uuencoded file',
	'uu_open.eml' => 'the same',
	'uu_encoding.eml' => 'the same',
);

my @files = sort glob data('*.eml');
my $folder = temp_dir();
spew("$folder/rules", $compare);
$ENV{COMPARE} = join "\n", $folder, @files;
my ($status, $out, $err) = Defang::Worker->run('-f', "$folder/rules", '-test');
is($status, 0, 'compared') or diag $err;
my @said = split /\n/, $out;
for my $file (@files) {
	my ($name) = $file =~ m{([^/]+)$};
	my $is = shift @said;
	next if $known{$name};
	is($is, 'same', $name);
}

done_testing;
