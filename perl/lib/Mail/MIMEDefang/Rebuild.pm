package Mail::MIMEDefang::Rebuild;

# The parts of a message offered to the filter one by one, and the message put together again from what it left. Of the functions
# only rebuild_entity() and replace_entire_message() are for filters; they are part of the core.
use strict;
use warnings;
no warnings 'recursion'; # how deep a message may be is limited: $MaxMIMEDepth
use Exporter 'import';
use MIME::Entity;
use Mail::MIMEDefang;
use Mail::MIMEDefang::MIME;
use Mail::MIMEDefang::Utils ();

our @EXPORT_OK = qw(rebuild_entity replace_entire_message);

# Takes the message as parsed; one that is not multipart becomes a multipart of one, so that parts can be replaced and added.
sub begin {
	my ($class, $entity) = @_;
	my $wrapped = !exists $entity->{MD_Part} && $entity->parts == 1 && exists $entity->parts(0)->{MD_Part};
	$WasMultiPart = !$wrapped && is_multipart($entity) ? 1 : 0;
	my %had = map { lc $_ => 1 } grep { /^Content-/i } ($wrapped ? $entity->parts(0) : $entity)->head->tags;
	$entity->make_multipart unless $wrapped || $WasMultiPart; # a parser of the filter's own does not wrap
	return bless { entity => $entity, had => \%had }, $class;
}

# --- Filter --------------------------------------------------------------------------------------------------------------------

# Depth first. The message itself is no part.
sub walk {
	my ($self) = @_;
	return unless defined &main::filter || defined &main::filter_multipart;
	push_status_tag('In rebuild loop');
	walk_parts($self->{entity});
	pop_status_tag();
	return;
}

sub walk_parts {
	my ($container) = @_;
	my @before = $container->parts;
	my @after = map { filter_part($_) } @before;
	$container->parts(\@after) if grep { !defined $after[$_] || $after[$_] != $before[$_] } 0 .. $#before;
	return;
}

# What the filter leaves of one entity's parts, added to those of another.
sub rebuild_entity {
	my ($out, $in) = @_;
	$out->add_part($_) for map { filter_part($_) } $in->parts;
	return;
}

# What takes the part's place: itself, another one, or nothing.
sub filter_part {
	my ($part) = @_;
	my $is_container = is_multipart($part) || $part->parts;
	($Action, $ReplacementEntity) = ('accept', undef);
	if ($is_container) {
		call_filter(main->can('filter_multipart'), 'In filter_multipart routine', $part);
	} else {
		call_filter(main->can('filter'), 'In filter routine', $part);
	}
	$Changed = 1 if $Action ne 'accept';
	return () if $Action eq 'drop';
	return $ReplacementEntity if $Action eq 'replace';
	walk_parts($part) if $is_container;
	return $part;
}

# Its mime_type(). That of what came with the message is known; to take a field apart costs as much as all the rest of a small message.
sub type_of {
	my ($entity) = @_;
	my ($type) = Mail::MIMEDefang::part_facts($entity);
	return $type // $entity->mime_type;
}

# Its is_multipart().
sub is_multipart {
	my ($entity) = @_;
	return ($entity->{ME_EffType} || type_of($entity)) =~ m{^multipart(?:/|\z)}i;
}

sub call_filter {
	my ($function, $tag, $part) = @_;
	return unless $function;
	my ($type, $name) = Mail::MIMEDefang::part_facts($part);
	($type, $name) = ($part->mime_type, takeStabAtFilename($part)) unless defined $type;
	push_status_tag($tag);
	$InFilterContext = 1;
	$function->($part, $name, Mail::MIMEDefang::Utils::extension_of($name), $type);
	Mail::MIMEDefang::Scan::end_child();
	$InFilterContext = 0;
	pop_status_tag();
	return;
}

# --- Warnings ------------------------------------------------------------------------------------------------------------------

# What the filter had to say about parts: in the first text and HTML part, or as a part of its own.
sub add_warnings {
	my ($self) = @_;
	return unless @Warnings;
	my $entity = $self->{entity};
	my @texts = map { Mail::MIMEDefang::bytes_of($_) } @Warnings; # a filter may add some itself
	my $text = join '', Mail::MIMEDefang::bytes_of(Mail::MIMEDefang::general_warning()), map { /\n\z/ ? $_ : "$_\n" } @texts;
	return if $AddWarningsInline && add_inline($entity, $text);
	$entity->make_multipart('mixed', Force => 1) if $entity->mime_type ne 'multipart/mixed';
	make_attachment($entity->parts(0)) if $Stupidity{NoMultipleInlines} && $entity->parts;
	$entity->add_part(Mail::MIMEDefang::MIME::build_warning_part($text), $WarningLocation);
	return;
}

# For programs that show only one text of a message: the first part becomes one with a file name.
sub make_attachment {
	my ($part) = @_;
	my $head = $part->head;
	return if $part->mime_type !~ m{^text/} || length takeStabAtFilename($part);
	$head->replace('Content-Disposition', 'attachment');
	$head->mime_attr('Content-Disposition.filename' => $part->mime_type eq 'text/html' ? 'message.html' : 'message.txt');
	return;
}

sub add_inline {
	my ($entity, $text) = @_;
	my $plain = find_part($entity, 'text/plain', 1);
	my $html = find_part($entity, 'text/html', 1);
	append_to_part($plain, "\n$text") if $plain;
	append_to_html_part($html, Mail::MIMEDefang::MIME::html_of_text($text)) if $html;
	return $plain || $html;
}

# --- What the filter does to the whole -----------------------------------------------------------------------------------------

# The body of $entity becomes that of the message.
sub replace_entire_message {
	my ($entity) = @_;
	return 0 unless in_filter_end('replace_entire_message') && Mail::MIMEDefang::MIME::is_entity($entity, 'replace_entire_message');
	$FilterEndReplacementEntity = $entity;
	$Rebuild = 1;
	return 1;
}

# After filter_end(): the message as it will be.
sub settle {
	my ($self) = @_;
	$self->{entity} = $FilterEndReplacementEntity if defined $FilterEndReplacementEntity;
	$self->{entity} = Mail::MIMEDefang::Actions::process_added_parts($self->{entity});
	return $self->{entity};
}

# --- The new body --------------------------------------------------------------------------------------------------------------

sub write_body {
	my ($self) = @_;
	my $entity = $self->{entity};
	local ($, , $\); # what the filter has set for its own printing and reading
	local $/ = "\n";
	push_status_tag('Writing new body');
	$self->collapse;
	retype_unparseable($entity);
	Mail::MIMEDefang::write_new_body($entity);
	$self->write_content_headers;
	signal_changed();
	pop_status_tag();
	return;
}

# A wrapping that holds one thing says nothing. One that holds none is not allowed to be.
sub collapse {
	my ($self) = @_;
	my $entity = $self->{entity};
	return if Mail::MIMEDefang::unwrap($entity);
	return unless type_of($entity) =~ m{^multipart/(?:mixed|alternative)\z};
	$entity->add_part(MIME::Entity->build(Type => 'text/plain', Top => 0, Data => '')) unless $entity->parts;
	$entity->make_singlepart if $entity->parts == 1;
	return;
}

# A multipart that could not be taken apart (it has no boundary) is one body. Written as a multipart it would be lost, since that has
# none: it becomes what it is, text.
sub retype_unparseable {
	my ($entity) = @_;
	if ($entity->bodyhandle && type_of($entity) =~ m{^multipart/}) {
		$entity->head->replace('Content-Type', 'text/plain');
		$entity->effective_type('text/plain');
	}
	retype_unparseable($_) for $entity->parts;
	return;
}

# The Content-* headers that fit the new body, and none that do not.
sub write_content_headers {
	my ($self) = @_;
	my $entity = $self->{entity};
	my %has = content_fields($entity->head);
	my $type = delete $has{'Content-Type'};
	write_result_line('M', $type // type_of($entity));
	write_result_line('I', $_, 1, $has{$_}) for sort keys %has;
	my %gone = %{ $self->{had} };
	$gone{'content-transfer-encoding'} = 1 if !$WasMultiPart && is_multipart($entity);
	delete @gone{ 'content-type', map { lc } keys %has };
	write_result_line('J', join('-', map { ucfirst } split /-/, $_), 1) for sort keys %gone;
	return;
}

# Names, as Mail::Header writes them in its index, and the first value of each. A line that was deleted is undef there.
sub content_fields {
	my ($head) = @_;
	my $index = $head->{mail_hdr_hash};
	my %fields;
	for my $name (grep { /^Content-/i } keys %$index) {
		my ($value) = map { defined $$_ ? $$_ : () } grep { ref } @{ $index->{$name} };
		next unless defined $value;
		$value =~ s/\A[^:]*:\s?//;
		$value =~ s/\n+\z//;
		$fields{$name} = $value;
	}
	return %fields;
}

1;
