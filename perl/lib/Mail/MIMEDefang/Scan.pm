package Mail::MIMEDefang::Scan;

# A message's way through the filter. Not for filters.
use strict;
use warnings;
use Cwd ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Actions;
use Mail::MIMEDefang::Body ();
use Mail::MIMEDefang::Check;
use Mail::MIMEDefang::Rebuild;

# `scan QUEUE-ID DIR`: `ok` when RESULTS has the filter's decisions, else `error: TEXT`.
sub answer_scan {
	my ($queue_id, $dir) = @_;
	Mail::MIMEDefang::Check::begin($queue_id);
	chdir $dir && Mail::MIMEDefang::results_open('.') or return "error: Cannot chdir($dir): $!";
	$CWD = $dir =~ m{^/} ? $dir : Cwd::getcwd();
	mkdir 'tmp' or $!{EEXIST} or return "error: Cannot mkdir(tmp): $!";
	Mail::MIMEDefang::tmpdir_set("$CWD/tmp"); # the host puts it back
	my $problem = read_commands() // scan();
	Mail::MIMEDefang::results_close();
	return defined $problem ? "error: $problem" : 'ok';
}

# undef, or what is wrong.
sub read_commands {
	push_status_tag('Reading COMMANDS');
	my $ended = Mail::MIMEDefang::commands_load('COMMANDS');
	my $error = "$!";
	pop_status_tag();
	Mail::MIMEDefang::choose_message_name();
	return "Cannot open COMMANDS file from mimedefang: $error" unless defined $ended;
	return $ended ? undef : 'COMMANDS file did not end with F';
}

# undef, or what is wrong.
sub scan {
	mkdir 'Work', 0750 or return "Cannot mkdir(Work): $!";
	my ($entity, $problem, $refusal) = parse();
	return $problem if defined $problem;
	$InMessageContext = 1;
	if ($entity) {
		filter_message($entity);
	} else {
		md_syslog('warning', "refused: $refusal");
		write_result_line('B', '554', '5.7.1', "Message refused: $refusal");
	}
	# A verdict, after all others: a message that the filter wanted to have kept must not be lost.
	write_result_line('T', '451', '4.3.0', 'Cannot keep the message in quarantine') if $Mail::MIMEDefang::QuarantineFailed;
	$InMessageContext = 0;
	signal_complete();
	log_actions();
	return undef;
}

# The entity; or undef and a problem of ours; or undef, undef and what is wrong with the message.
sub parse {
	push_status_tag('Parsing Message');
	my $create = main->can('filter_create_parser');
	my @parsed = $create ? parse_by($create->()) : Mail::MIMEDefang::parse_message('INPUTMSG', './Work', 1, limits());
	my $error = "$!";
	pop_status_tag();
	return (undef, (-e 'INPUTMSG' ? 'cannot take the message apart' : "couldn't open INPUTMSG") . ": $error") unless @parsed;
	return ($parsed[0], undef, $parsed[1]);
}

# As parse_message() wants them.
sub limits {
	return {
		depth => $MaxMIMEDepth,
		parts => $MaxMIMEParts,
		headers => $MaxMIMEHeaders,
		header_bytes => $MaxMIMEHeaderBytes,
		body_bytes => $MaxMIMEBodyBytes,
	};
}

# With a MIME::Parser of the filter's: the values of parse_message().
sub parse_by {
	my ($parser) = @_;
	die "filter_create_parser did not return a MIME::Parser\n" unless eval { $parser->isa('MIME::Parser') };
	my $filer = MIME::Parser::FileInto->new('./Work');
	$filer->ignore_filename(1);
	$parser->filer($filer);
	$parser->max_parts($MaxMIMEParts) if $MaxMIMEParts > 0;
	my $entity = $parser->parse_open('INPUTMSG');
	return $entity ? $entity : (undef, 'the parser of the filter does not accept it');
}

sub filter_message {
	my ($entity) = @_;
	my $message = Mail::MIMEDefang::Rebuild->begin($entity);
	# One subject is what the readers of the message expect; the filter has seen the first.
	write_result_line('J', 'Subject', $_) for reverse 2 .. $SubjectCount;
	call('filter_begin', 'In filter_begin', $entity);
	return write_result_line('D') if $TerminateAndDiscard;
	$message->walk;
	$message->add_warnings;
	$InFilterEnd = 1; # not `local`, which other packages would not see
	call('filter_end', 'In filter_end', $entity);
	$InFilterEnd = 0;
	$entity = $message->settle;
	$message->write_body if ($Changed || $Rebuild) && !message_rejected();
	$InFilterWrapUp = 1;
	call('filter_wrapup', 'In filter_wrapup', $entity);
	$InFilterWrapUp = 0;
	write_result_line('D') if $TerminateAndDiscard; # set too late to end the scan: what was sent on already must not arrive twice
	return;
}

sub call {
	my ($name, $tag, $entity) = @_;
	my $function = main->can($name) or return;
	push_status_tag($tag);
	$function->($entity);
	end_child();
	pop_status_tag();
	return;
}

# A child that the filter has made and let come back: it must not write what its parent writes.
sub end_child {
	return if $$ == $Mail::MIMEDefang::Worker::Pid;
	require POSIX;
	return POSIX::_exit(1);
}

sub log_actions {
	return unless %Actions;
	return md_syslog('debug', join ' ', 'filter: ', map { "$_=$Actions{$_}" } sort keys %Actions);
}

1;
