# The objects that a filter gets are those that MIME::Parser makes: every message of the corpus, field by field. The known
# differences are at the end of the file.
use strict;
use warnings;
use Defang::Corpus;
use Defang::Test qw(run_command spew stage temp_dir);
use Test::More;

# Runs inside the worker: prints a line a message.
my $compare = <<'RULES';
use Data::Dumper;
use MIME::Parser;
$Data::Dumper::Sortkeys = 1;

# The heads of files that were taken out of a text, as lines: theirs have the program's name and the mode of the file, too.
sub settle_extracted
{
	my ($entity) = @_;
	for my $part ($entity->parts) {
		my @lines = grep { !/^(?:MIME-Version|X-Mailer):/ } @{ $part->head->header };
		s/\n[ \t]+/ /g, s/; x-unix-mode="[0-7]+"// for @lines;
		$part->{mail_inet_head} = bless { mail_hdr_list => \@lines }, 'MIME::Head';
	}
	my $head = $entity->head;
	$entity->{mail_inet_head} = bless { mail_hdr_list => [map { s/^Content-type:/Content-Type:/r } @{ $head->header }] }, 'MIME::Head';
	return;
}

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
	settle_extracted($entity) if ($entity->{ME_Preamble}[0] // '') =~ /multipart MIME message which was extracted/;
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
	my ($ours, $fault) = Mail::MIMEDefang::parse_message($file, "$folder/ours", 0, {});
	$ours = $ours ? text_of($ours) : $fault // $!;
	print $theirs eq $ours ? "same\n" : "different\n";
	unlink glob "$folder/*/*";
}
1;
RULES

# Why a message's objects differ.
my $hidden = 'mime_compare.t: a part that MIME::Parser hides';
my %known = (
	'lines-cut-opening-within' => $hidden,
	'lines-head-cut-within' => $hidden,
	'damaged-134' => $hidden,
	'uu-no-name' => 'MIME::Parser gives a file without a name the name of a Perl reference',
	'uu-no-name-part' => 'the same',
);

my @files = Defang::Corpus::files();
my $folder = temp_dir();
spew("$folder/rules", $compare);
$ENV{COMPARE} = join "\n", $folder, @files;
my ($status, $out, $err) = run_command(300, stage() . '/bin/mimedefang.pl', '-f', "$folder/rules", '-test');
is($status, 0, 'compared') or diag $err;
my @said = grep { /^(?:same|different)$/ } split /\n/, $out;
is(scalar @said, scalar @files, 'all of them');
for my $file (@files) {
	my $name = Defang::Corpus::name_of($file);
	my $is = shift @said;
	is($is, $known{$name} ? 'different' : 'same', $name);
}

done_testing;
