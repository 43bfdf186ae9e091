package Mail::MIMEDefang::MIME;

# Looking into, and making, MIME entities.
use strict;
use warnings;
no warnings 'recursion'; # how deep a message may be is limited: $MaxMIMEDepth
use Encode ();
use Exporter 'import';
use MIME::Entity;
use MIME::WordDecoder ();
use Mail::MIMEDefang;

our @EXPORT = qw(
	builtin_create_parser takeStabAtFilename find_part collect_parts append_to_part append_to_html_part
	append_text_boilerplate append_html_boilerplate remove_redundant_html_parts anonymize_uri
);

# The parser that reads messages the way we do; we read them in C, so it is only made for filters that want to change it.
sub builtin_create_parser {
	require MIME::Parser;
	my $parser = MIME::Parser->new;
	$parser->extract_nested_messages(1);
	$parser->extract_uuencode(1);
	$parser->output_to_core(0);
	$parser->tmp_to_core(0);
	return $parser;
}

# An attachment's name in UTF-8, or '': from Content-Disposition, then Content-Type, then Content-Description.
sub takeStabAtFilename {
	my ($entity) = @_;
	my (undef, $known) = Mail::MIMEDefang::part_facts($entity);
	return $known if defined $known;
	my $head = $entity->head;
	my $name;
	# Most parts have no name at all; looking for one is most of the work of a scan.
	$name = $head->recommended_filename if grep { ($head->get($_) // '') =~ /name/i } qw(Content-Disposition Content-Type);
	if (!defined $name && defined(my $description = $head->get('Content-Description'))) {
		$description =~ s/\n\z//; # not chomp, which goes by $/
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
		return $own eq lc($type // '') ? $entity : undef;
	}
	return undef if $skip_pgp && $own =~ m{^multipart/(?:signed|encrypted)\z};
	for my $part ($entity->parts) {
		my $found = find_part($part, $type, $skip_pgp);
		return $found if $found;
	}
	return undef;
}

# All leaves; with $skip_pgp not those inside multipart/signed and multipart/encrypted, whose signature a change would break.
sub leaves {
	my ($entity, $skip_pgp) = @_;
	return $entity if !$entity->is_multipart && !$entity->parts;
	return () if $skip_pgp && $entity->mime_type =~ m{^multipart/(?:signed|encrypted)\z};
	return map { leaves($_, $skip_pgp) } $entity->parts;
}

# The same, appended to @FlatParts.
sub collect_parts {
	push @FlatParts, leaves(@_);
	return;
}

# Those of a type that a reader is shown.
sub shown_leaves {
	my ($entity, $type) = @_;
	return grep { $_->mime_type eq $type && ($_->head->mime_attr('content-disposition') // '') !~ /^attachment/i } leaves($entity, 1);
}

# Put $text into a leaf's body: behind it, or where $place (a pattern that ends where it belongs) matches last.
sub insert_text {
	my ($part, $text, $place) = @_;
	my $body = $part->bodyhandle or return 0;
	$text = Mail::MIMEDefang::bytes_of($text);
	my $old = $body->as_string;
	my $at = length $old;
	if ($place) {
		$at = $-[0] while $old =~ /$place/g;
	}
	substr $old, $at, 0, $text;
	set_body($part, $old) or return 0;
	# What was pure ASCII may be so no longer.
	$part->head->replace('Content-Transfer-Encoding', 'quoted-printable')
		if $text =~ /[^\x00-\x7f]/ && $part->head->mime_encoding eq '7bit';
	return 1;
}

sub append_to_part {
	my ($part, $text) = @_;
	return insert_text($part, ($text // '') . "\n");
}

sub append_to_html_part {
	my ($part, $html) = @_;
	my $body = $part->bodyhandle or return 0;
	my ($place) = grep { $body->as_string =~ $_ } qr{</body\b}i, qr{</html\b}i;
	($HTMLBoilerplate, $HTMLFoundEndBody) = ($html, $place ? 1 : 0);
	return insert_text($part, $html, $place);
}

# To the first part of the type, or with $all to all of them. 1 when there was one.
sub append_boilerplate {
	my ($entity, $type, $append, $text, $all) = @_;
	my @parts = shown_leaves($entity, $type);
	$#parts = 0 if @parts > 1 && !$all;
	my $done = grep { $append->($_, $text) } @parts;
	$Rebuild = 1 if $done;
	return $done ? 1 : 0;
}

sub append_text_boilerplate {
	my ($entity, $text, $all) = @_;
	return append_boilerplate($entity, 'text/plain', \&append_to_part, "\n" . ($text // ''), $all);
}

sub append_html_boilerplate {
	my ($entity, $html, $all) = @_;
	return append_boilerplate($entity, 'text/html', \&append_to_html_part, "\n" . ($html // '') . "\n", $all);
}

# Take HTML out of alternatives that have plain text too. 1 when there was some.
sub remove_redundant_html_parts {
	my ($entity) = @_;
	return 0 unless in_filter_end('remove_redundant_html_parts');
	my $removed = remove_html_in($entity);
	$Rebuild = 1 if $removed;
	return $removed ? 1 : 0;
}

sub remove_html_in {
	my ($entity) = @_;
	my @parts = $entity->parts;
	my $removed = 0;
	if ($entity->mime_type eq 'multipart/alternative' && grep { $_->mime_type eq 'text/plain' } @parts) {
		my @kept = grep { $_->mime_type ne 'text/html' } @parts;
		$removed = @parts - @kept;
		$entity->parts(\@kept) if $removed;
	}
	$removed += remove_html_in($_) for $entity->parts;
	return $removed;
}

# Take parameters that follow readers around (utm_*) out of the addresses in text and HTML parts. 0 for any other part.
sub anonymize_uri {
	my ($entity) = @_;
	my @parts = map { shown_leaves($entity, $_) } 'text/plain', 'text/html';
	for my $part (@parts) {
		my $body = $part->bodyhandle or return 0;
		my $old = $body->as_string;
		# Each address matches, with a query or without, and nothing is tried twice: a text of nothing but `http://` must not cost much.
		my $new = $old =~ s{(https?://[^\s"'<>?]*+)(?:\?([^\s"'<>\#]*+))?}{$1 . (defined $2 ? clean_query($2) : '')}gier;
		next if $new eq $old;
		set_body($part, $new) or return 0;
		$Rebuild = 1;
	}
	return @parts ? 1 : 0;
}

# What is left of a query, with its question mark.
sub clean_query {
	my ($query) = @_;
	my @kept = grep { !/^utm_/i } split /&(?:amp;)?/, $query, -1;
	my $separator = $query =~ /&amp;/ ? '&amp;' : '&';
	return @kept ? '?' . join $separator, @kept : '';
}

# A body half written is a message damaged: death, and the message is tried again.
sub set_body {
	my ($part, $text) = @_;
	my $fh = $part->bodyhandle->open('w') or return 0;
	local ($, , $\); # the filter's own are for what it prints
	$fh->print($text);
	$fh->close or die "cannot write a body: $!\n";
	return 1;
}

# --- Not for filters -----------------------------------------------------------------------------------------------------------

# Whether a function was given what it needs; else a line in the log.
sub is_entity {
	my ($entity, $function) = @_;
	require Scalar::Util;
	return 1 if Scalar::Util::blessed($entity) && $entity->isa('MIME::Entity');
	md_syslog('err', "$function: not a MIME::Entity");
	return 0;
}

# A text part `warningN.txt`.
sub build_warning_part {
	my $text = Mail::MIMEDefang::bytes_of($_[0]);
	$text .= "\n" unless $text =~ /\n\z/;
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

# The content of a file becomes that of the part.
sub replace_body {
	my ($entity, $path) = @_;
	open my $in, '<', $path or die "$path: $!\n";
	binmode $in;
	my $out = $entity->bodyhandle->open('w') or die "cannot write a body: $!\n";
	Mail::MIMEDefang::Utils::copy_handle($in, $out) && $out->close or die "cannot write a body: $!\n";
	my $encoding = $entity->head->mime_encoding;
	$entity->head->replace('Content-Transfer-Encoding', $entity->suggest_encoding) if $encoding =~ /^(?:7bit|8bit|binary)\z/;
	return;
}

1;
