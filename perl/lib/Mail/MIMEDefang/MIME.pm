package Mail::MIMEDefang::MIME;

# Looking into, and making, MIME entities.
use strict;
use warnings;
use Encode ();
use Exporter 'import';
use MIME::Entity;
use MIME::WordDecoder ();
use Mail::MIMEDefang;

our @EXPORT = qw(takeStabAtFilename find_part append_to_part append_to_html_part);

# An attachment's name in UTF-8, or '': from Content-Disposition, then Content-Type, then Content-Description.
sub takeStabAtFilename {
	my ($entity) = @_;
	my $head = $entity->head;
	my $name;
	# Most parts have no name at all; looking for one is most of the work of a scan.
	$name = $head->recommended_filename if grep { ($head->get($_) // '') =~ /name/i } qw(Content-Disposition Content-Type);
	if (!defined $name && defined(my $description = $head->get('Content-Description'))) {
		chomp $description;
		$name = (supported MIME::WordDecoder 'UTF-8')->decode($description);
	}
	return '' unless defined $name;
	utf8::encode($name) if utf8::is_utf8($name);
	return $name;
}

# The first leaf of a type; with $skip_pgp not inside multipart/signed and multipart/encrypted.
sub find_part {
	my ($entity, $type, $skip_pgp) = @_;
	my $own = $entity->mime_type;
	if (!$entity->is_multipart && !$entity->parts) {
		return $own eq lc $type ? $entity : undef;
	}
	return undef if $skip_pgp && $own =~ m{^multipart/(?:signed|encrypted)\z};
	for my $part ($entity->parts) {
		my $found = find_part($part, $type, $skip_pgp);
		return $found if $found;
	}
	return undef;
}

# Put $text into a leaf's body: behind it, or where $place (a pattern that ends where it belongs) matches last.
sub insert_text {
	my ($part, $text, $place) = @_;
	my $body = $part->bodyhandle or return 0;
	utf8::encode($text) if utf8::is_utf8($text);
	my $old = $body->as_string;
	my $at = length $old;
	if ($place) {
		$at = $-[0] while $old =~ /$place/g;
	}
	substr $old, $at, 0, $text;
	my $fh = $body->open('w') or return 0;
	$fh->print($old);
	$fh->close or die "cannot write a body: $!\n";
	# What was pure ASCII may be so no longer.
	$part->head->replace('Content-Transfer-Encoding', 'quoted-printable')
		if $text =~ /[^\x00-\x7f]/ && $part->head->mime_encoding eq '7bit';
	return 1;
}

sub append_to_part {
	my ($part, $text) = @_;
	return insert_text($part, "$text\n");
}

sub append_to_html_part {
	my ($part, $html) = @_;
	my $body = $part->bodyhandle or return 0;
	my ($place) = grep { $body->as_string =~ $_ } qr{</body\b}i, qr{</html\b}i;
	return insert_text($part, $html, $place);
}

# --- Not for filters -----------------------------------------------------------------------------------------------------------

# A text part `warningN.txt`.
sub build_warning_part {
	my ($text) = @_;
	$text .= "\n" unless $text =~ /\n\z/;
	utf8::encode($text) if utf8::is_utf8($text);
	$WarningCounter++;
	return MIME::Entity->build(
		Type => 'text/plain',
		Charset => $text =~ /[^\x00-\x7f]/ ? 'utf-8' : 'us-ascii',
		Encoding => '-suggest',
		Disposition => 'inline',
		Filename => "warning$WarningCounter.txt",
		Top => 0,
		Data => $text,
	);
}

# Text as HTML that looks the same.
sub html_of_text {
	my ($text) = @_;
	my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;');
	$text =~ s/([&<>])/$entity{$1}/g;
	return "<hr><pre>\n$text\n</pre>\n";
}

1;
