package Mail::MIMEDefang::Scan;

# A message's way through the filter. Not for filters.
use strict;
use warnings;
use Cwd ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Actions;
use Mail::MIMEDefang::Check;
use Mail::MIMEDefang::Rebuild;

# `scan QUEUE-ID DIR`: `ok` when RESULTS has the filter's decisions, else `error: TEXT`.
sub answer_scan {
	my ($queue_id, $dir) = @_;
	Mail::MIMEDefang::Check::begin($queue_id);
	chdir $dir && Mail::MIMEDefang::results_open('.') or return "error: Cannot chdir($dir): $!";
	$CWD = $dir =~ m{^/} ? $dir : Cwd::getcwd();
	mkdir 'tmp' or $!{EEXIST} or return "error: Cannot mkdir(tmp): $!";
	local $ENV{TMPDIR} = "$CWD/tmp";
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
	$InMessageContext = 0;
	write_result_line('F');
	log_actions();
	return undef;
}

# The entity; or undef and a problem of ours; or undef, undef and what is wrong with the message.
sub parse {
	push_status_tag('Parsing Message');
	my @parsed = Mail::MIMEDefang::parse_message('INPUTMSG', './Work', $MaxMIMEParts);
	my $error = "$!";
	pop_status_tag();
	return (undef, (-e 'INPUTMSG' ? 'cannot take the message apart' : "couldn't open INPUTMSG") . ": $error") unless @parsed;
	return ($parsed[0], undef, $parsed[1]);
}

sub filter_message {
	my ($entity) = @_;
	my $message = Mail::MIMEDefang::Rebuild->begin($entity);
	# One subject is what the readers of the message expect; the filter has seen the first.
	write_result_line('J', 'Subject', $_) for reverse 2 .. $SubjectCount;
	call('filter_begin', 'In filter_begin', $entity);
	$message->walk;
	$message->add_warnings;
	$InFilterEnd = 1; # not `local`, which other packages would not see
	call('filter_end', 'In filter_end', $entity);
	$InFilterEnd = 0;
	$message->write_body if ($Changed || $Rebuild) && !message_rejected();
	$InFilterWrapUp = 1;
	call('filter_wrapup', 'In filter_wrapup', $entity);
	$InFilterWrapUp = 0;
	return;
}

sub call {
	my ($name, $tag, $entity) = @_;
	my $function = main->can($name) or return;
	push_status_tag($tag);
	$function->($entity);
	pop_status_tag();
	return;
}

sub log_actions {
	return unless %Actions;
	return md_syslog('debug', join ' ', 'filter: ', map { "$_=$Actions{$_}" } sort keys %Actions);
}

1;
