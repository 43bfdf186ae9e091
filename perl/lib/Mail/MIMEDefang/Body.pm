package Mail::MIMEDefang::Body;

# The body of a part as it came with the message. It is decoded into its file when somebody asks for that, and read without one where
# possible. Not for filters: to them it is a MIME::Body::File.
use strict;
use warnings;
use MIME::Body ();

our @ISA = ('MIME::Body::File');

# A path that somebody has set is what it always was.
sub path {
	my ($self, @path) = @_;
	$self->{MB_Path} = $path[0] if @path;
	$self->{MB_Path} = Mail::MIMEDefang::body_path($self) // die "cannot decode a body: $!\n" unless exists $self->{MB_Path};
	return $self->{MB_Path};
}

# The text, when it need not be read from the file.
sub text {
	my ($self) = @_;
	return exists $self->{MB_Path} ? undef : Mail::MIMEDefang::body_text($self);
}

sub as_string { my ($self) = @_; return $self->text // $self->SUPER::as_string }
*data = \&as_string;

sub as_lines {
	my ($self) = @_;
	my $text = $self->text;
	return defined $text ? $text =~ /[^\n]*\n|[^\n]+\z/g : $self->SUPER::as_lines;
}

# Without a file there is nothing to remove, and nothing to read afterwards.
sub purge {
	my ($self) = @_;
	return $self->SUPER::purge if exists $self->{MB_Path};
	$self->{MB_Path} = undef;
	return 1;
}

1;
