package Mail::MIMEDefang::Antivirus;

# Virus scanners. A function for each of them and for message and part, made from the tables in Scanners.pm; all return (code, category,
# action). What is scanned of a message is the folder Work, with the decoded bodies of its parts.
use strict;
use warnings;
use Exporter 'import';
use POSIX ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Scanners;

my %scanner = %Mail::MIMEDefang::Scanners::scanner;
my %daemon = %Mail::MIMEDefang::Scanners::daemon;

# Daemons first: they are faster.
my @order = (qw(clamd fprotd fprotd_v6 sophie trophie carrier_scan), sort keys %scanner);

our @EXPORT = (
	qw(message_contains_virus entity_contains_virus run_virus_scanner initialize_virus_scanner_routines),
	qw(scan_file_using_fprotd_v6 scan_file_using_carrier_scan),
	map({ ("message_contains_virus_$_", "entity_contains_virus_$_") } @order),
	map({ "interpret_${_}_code" } sort keys %scanner),
);

# Not there, and what a filter should do about it.
my @missing = (1, 'not-installed', 'tempfail');

for my $name (@order) {
	no strict 'refs';
	my $scan = $scanner{$name} ? sub { scan_by_command($name, @_) } : sub { scan_by_daemon($name, @_) };
	*{"message_contains_virus_$name"} = sub { return scan_message("message_contains_virus_$name", $scan, @_) };
	*{"entity_contains_virus_$name"} = sub { return scan_entity("entity_contains_virus_$name", $scan, @_) };
}
for my $name (keys %scanner) {
	no strict 'refs';
	*{"interpret_${name}_code"} = sub { return verdict($_[0], Mail::MIMEDefang::Scanners::category_of($name, $_[0])) };
}

sub verdict {
	my ($code, $category) = @_;
	return ($code, $category, Mail::MIMEDefang::Scanners::action_of($category));
}

# Look for what is installed. Called before the filter is loaded, which may know better.
sub detect {
	for my $what (values %scanner, values %daemon) {
		$Features{"Virus:$what->{feature}"} = Mail::MIMEDefang::find_program(@{ $what->{commands} });
	}
	return;
}

# --- One scanner -------------------------------------------------------------------------------------------------------------------

sub scan_message {
	my ($function, $scan, @rest) = @_;
	return (0, 'ok', 'ok') unless in_message_context($function);
	return $scan->("$CWD/Work", @rest);
}

# A part without a body of its own is scanned by its parts.
sub scan_entity {
	my ($function, $scan, $entity, @rest) = @_;
	return (0, 'ok', 'ok') unless in_message_context($function);
	my $body = $entity->bodyhandle;
	my $path = $body ? $body->path : undef;
	return (0, 'ok', 'ok') unless defined $path;
	return $scan->($path =~ m{^/} ? $path : "$CWD/" . $path =~ s{^\./}{}r, @rest);
}

sub scan_by_command {
	my ($name, $path) = @_;
	my $scanner = $scanner{$name};
	my $program = $Features{"Virus:$scanner->{feature}"} or return @missing;
	my @config = $scanner->{config} && $Features{'Path:CLAMDCONF'} ? $scanner->{config} . $Features{'Path:CLAMDCONF'} : ();
	push_status_tag('Running virus scanner');
	my ($code, $category) = run_command(undef, $program, @{ $scanner->{args} }, @config, $path);
	pop_status_tag();
	return ($code, $category, 'tempfail') if $category ne 'ok';
	my @verdict = verdict($code, Mail::MIMEDefang::Scanners::category_of($name, $code));
	note_virus($CurrentVirusScannerMessage =~ $scanner->{virus} ? $1 : 'unknown') if $verdict[1] eq 'virus';
	return @verdict;
}

sub scan_by_daemon {
	my ($name, $path, $where) = @_;
	my $daemon = $daemon{$name};
	# A filter that says where it is, has it.
	return @missing unless $Features{"Virus:$daemon->{feature}"} || defined $where;
	$where //= do { no strict 'refs'; ${"Mail::MIMEDefang::$daemon->{where}"} };
	$where //= '';
	return verdict(999, 'cannot-execute') if ($path // '') !~ /\A[^\x00-\x1f\x7f]+\z/; # it would be more than one line to a daemon
	require Mail::MIMEDefang::ScanDaemons;
	push_status_tag('Running virus scanner');
	my ($category, $code, $virus, $said) = @{ Mail::MIMEDefang::ScanDaemons->can("scan_$name")->($path, $where) };
	pop_status_tag();
	note_output($said);
	note_virus(length $virus ? $virus : 'unknown') if $category eq 'virus';
	md_syslog('err', "virus scanner $name: $category: " . $said =~ s/\s+/ /gr) if $category =~ /^(?:cannot-execute|swerr)\z/;
	return verdict($code, $category);
}

# The first virus gives the message its name.
sub note_virus {
	my ($name) = @_;
	$VirusName = $name unless length $VirusName;
	return;
}

sub note_output {
	my ($said) = @_;
	$CurrentVirusScannerMessage = $said;
	$VirusScannerMessages .= $said;
	return;
}

# The names under which these are known, too.
sub scan_file_using_fprotd_v6 { return scan_by_daemon('fprotd_v6', @_) }
sub scan_file_using_carrier_scan { return scan_by_daemon('carrier_scan', @_) }

# --- Running commands --------------------------------------------------------------------------------------------------------------

# A command line of the filter's, through the shell: (exit code, `ok`, `proceed`) or (999, `cannot-execute`, `tempfail`). What it says
# is collected; with a pattern, only the lines that match it.
sub run_virus_scanner {
	my ($command, $pattern) = @_;
	return (999, 'cannot-execute', 'tempfail') unless in_message_context('run_virus_scanner');
	return run_command($pattern, '/bin/sh', '-c', $command // 'exit 127');
}

sub run_command {
	my ($pattern, @command) = @_;
	local $SIG{CHLD} = 'DEFAULT'; # or a filter that ignores its children would never know how one ended
	my $pid = open my $fh, '-|';
	return cannot_execute($command[0], "$!") unless defined $pid;
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		{ no warnings 'exec'; exec { $command[0] } @command; }
		POSIX::_exit(127);
	}
	my $said = do { local $/; <$fh> } // '';
	close $fh;
	my ($status, $signal) = ($? >> 8, $? & 127);
	return cannot_execute("@command", $signal ? "signal $signal" : 'status 127') if $signal || $status == 127;
	$said = join '', grep { /$pattern/ } split /^/, $said if defined $pattern;
	note_output($said);
	return ($status, 'ok', 'proceed');
}

sub cannot_execute {
	my ($command, $error) = @_;
	md_syslog('err', "cannot run virus scanner $command: $error");
	return (999, 'cannot-execute', 'tempfail');
}

# --- All of them -------------------------------------------------------------------------------------------------------------------

# The functions for what is there, in the order in which they are called.
sub initialize_virus_scanner_routines {
	return if $VirusScannerRoutinesInitialized;
	my @there = grep { $Features{ 'Virus:' . ($scanner{$_} // $daemon{$_})->{feature} } } @order;
	@VirusScannerMessageRoutines = map { __PACKAGE__->can("message_contains_virus_$_") } @there;
	@VirusScannerEntityRoutines = map { __PACKAGE__->can("entity_contains_virus_$_") } @there;
	$VirusScannerRoutinesInitialized = 1;
	return;
}

# Up to the first virus; without one, the last result that was not good.
sub first_virus {
	my ($routines, @args) = @_;
	my @worst = (0, 'ok', 'ok');
	for my $routine (@$routines) {
		my @result = $routine->(@args);
		return @result if $result[1] eq 'virus';
		@worst = @result if $result[1] ne 'ok';
	}
	return @worst;
}

sub message_contains_virus {
	initialize_virus_scanner_routines();
	return first_virus(\@VirusScannerMessageRoutines);
}

sub entity_contains_virus {
	my ($entity) = @_;
	initialize_virus_scanner_routines();
	return first_virus(\@VirusScannerEntityRoutines, $entity);
}

1;
