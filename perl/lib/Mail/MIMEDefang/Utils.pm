package Mail::MIMEDefang::Utils;

# Questions about attachment names, inside archives too.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::MIME;

our @EXPORT = qw(re_match re_match_ext re_match_in_zip_directory);

# Every name that a reader of the part might show or save it under: a bad one in Content-Type must be seen even when
# Content-Disposition has a harmless one.
sub names_of {
	my ($entity) = @_;
	my $head = $entity->head;
	my @names;
	for my $attribute (qw(content-disposition.filename content-type.name)) {
		my ($tag) = $attribute =~ /^([^.]+)/;
		next unless ($head->get($tag) // '') =~ /name/i;
		my $name = $head->mime_attr($attribute);
		push @names, $name if defined $name && length $name;
	}
	@names = takeStabAtFilename($entity) unless @names;
	return map { decoded($_) } @names;
}

sub decoded {
	my ($name) = @_;
	return $name unless $name =~ /=\?|[^\x00-\x7f]/;
	my $text = (supported MIME::WordDecoder 'UTF-8')->decode($name);
	utf8::encode($text) if utf8::is_utf8($text);
	return $text;
}

# The ending with its dot, or ''.
sub extension_of {
	my ($name) = @_;
	return $name =~ /(\.[^.]*)\z/ ? $1 : '';
}

sub re_match {
	my ($entity, $pattern) = @_;
	return grep({ /$pattern/i } names_of($entity)) ? 1 : 0;
}

sub re_match_ext {
	my ($entity, $pattern) = @_;
	return grep({ extension_of($_) =~ /$pattern/i } names_of($entity)) ? 1 : 0;
}

# Whether a member of a zip archive has such a name. A file that is no archive has none.
sub re_match_in_zip_directory {
	my ($path, $pattern) = @_;
	if (!Mail::MIMEDefang::module_loads('Archive::Zip')) {
		md_syslog('err', 're_match_in_zip_directory needs the Perl module Archive::Zip');
		return 0;
	}
	Archive::Zip::setErrorHandler(sub { }); # it would print
	my $zip = Archive::Zip->new;
	return 0 unless $zip->read($path) == Archive::Zip::AZ_OK();
	return grep({ $_->fileName =~ /$pattern/i } $zip->members) ? 1 : 0;
}

1;
