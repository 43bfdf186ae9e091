package Mail::MIMEDefang::Worker;

# What the C host calls: loading the rules, and the forms of the command line. Not for filters.

# A filter's exit would take the worker away with a request unanswered, so within a request it is an error like any other. Before
# anything is compiled that might call it; in children that a filter makes it is what it always was.
BEGIN {
	*CORE::GLOBAL::exit = sub (;$) {
		my $status = @_ ? $_[0] : 0;
		die "filter called exit($status)\n" if $Mail::MIMEDefang::Worker::Serving && $$ == $Mail::MIMEDefang::Worker::Pid;
		CORE::exit($status);
	};
}

# The rules are compiled in package main and find there what the API offers.
package main;
use MIME::Entity ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Actions;
use Mail::MIMEDefang::Antispam;
use Mail::MIMEDefang::Antivirus;
use Mail::MIMEDefang::MIME;
use Mail::MIMEDefang::Mail;
use Mail::MIMEDefang::Net;
use Mail::MIMEDefang::RFC2822;
use Mail::MIMEDefang::Utils;

# A file is compiled in the package that `do` stands in.
sub Mail::MIMEDefang::Worker::run_file { do $_[0] }

package Mail::MIMEDefang::Worker;
use strict;
use warnings;
use Cwd ();
use overload ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Check;
use Mail::MIMEDefang::Scan;
use Mail::MIMEDefang::Signals;

our ($Serving, $Pid) = (0, $$);

# What a filter prints goes to the log at once.
STDOUT->autoflush(1);

Mail::MIMEDefang::detect_surroundings(Cwd::getcwd() || '/var/spool/MIMEDefang', Mail::MIMEDefang::CONFDIR());
Mail::MIMEDefang::Antivirus::detect();

# Compile the filter; /dev/null means none. Dies with Perl's own message.
sub load_rules {
	my ($path) = @_;
	init_globals();
	return if $path eq '/dev/null';
	open my $fh, '<', $path or die "cannot read filter $path: $!\n";
	my $text = do { local $/; readline $fh } // '';
	close $fh;
	require MIME::Parser if $text =~ /MIME::Parser/; # which filters have always had, and few need
	$path = "./$path" unless $path =~ m{^\.{0,2}/}; # or it would be looked for in @INC
	run_file($path);
	die "filter $path does not load: $@" if $@;
	if (defined $Administrator) {
		md_syslog('warning', "filter $path: \$Administrator is an old name; set \$AdminAddress");
		$AdminAddress = $Administrator;
	}
	if ($SyslogFacility ne 'mail' && !Mail::MIMEDefang::md_openlog('mimedefang.pl', $SyslogFacility)) {
		die "filter $path: unknown syslog facility in \$SyslogFacility: $SyslogFacility\n";
	}
	return;
}

sub enable_status_tags {
	$DoStatusTags = 1;
	return init_status_tag();
}

# Once per process, before the first request. From here on exit() is guarded.
sub initialize {
	($Serving, $Pid) = (1, $$);
	$ServerMode = 1;
	Mail::MIMEDefang::Signals::watch_time();
	main::filter_initialize() if defined &main::filter_initialize;
	return;
}

# What to say of an exception that is an object: as a string, if it has a form of its own; else by its method `message`.
sub exception_text {
	my ($error) = @_;
	require Scalar::Util;
	return $error->message . '' if Scalar::Util::blessed($error) && !overload::Method($error, '""') && $error->can('message');
	return "$error";
}

# The exit status.
sub cleanup {
	my $status = defined &main::filter_cleanup ? main::filter_cleanup() : 0;
	$Serving = 0;
	return $status // 0;
}

# `mimedefang.pl DIR`
sub scan {
	my ($dir) = @_;
	my $reply = Mail::MIMEDefang::Scan::answer_scan('NOQUEUE', $dir);
	die "$reply\n" if $reply ne 'ok';
	return;
}

# `-test`: what is wrong, as lines.
sub test {
	my ($path) = @_;
	require Mail::MIMEDefang::Trial;
	return Mail::MIMEDefang::Trial::test($path);
}

# `-structure FILE`
sub structure {
	my ($path) = @_;
	require Mail::MIMEDefang::Trial;
	return Mail::MIMEDefang::Trial::structure($path);
}

sub validate {
	die "ERROR: You must define a function called filter_validate in your filter to use the -validate argument.\n"
		unless defined &main::filter_validate;
	return main::filter_validate() // 0;
}

sub features {
	detect_and_load_perl_modules();
	my $text = 'mimedefang.pl version ' . md_version() . "\n\n";
	$text .= sprintf "%-30s: %s\n", $_, $Features{$_} eq '1' ? 'yes' : $Features{$_} eq '0' ? 'no' : $Features{$_}
		for sort keys %Features;
	$text .= sprintf "\n%-30s: Version %s\n", 'Perl', $];
	for my $module (qw(Archive::Zip HTML::Parser MIME::Entity MIME::Words Mail::Header Net::DNS)) {
		my $version = Mail::MIMEDefang::module_loads($module) ? 'Version ' . ($module->VERSION // 'unknown') : 'not installed';
		$text .= sprintf "%-30s: %s\n", $module, $version;
	}
	return $text;
}

1;
