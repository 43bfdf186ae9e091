# A real Sendmail of the test's own, unpacked by scripts/deps because its package conflicts with Postfix's. Configuration, queue and log in a
# temporary folder, high ports, never root: as root it runs as nobody. Whatever it takes it sends on to the sink: to it every
# domain is this host (tests/system/sendmail/names.c). With `lines`, more lines of the .mc file, there is a port {plain} for which they hold.
package Defang::Sendmail;
use strict;
use warnings;
use parent -norequire, 'Defang::Mta';
use Defang::Mta;
use Defang::Test qw(top spew slurp wait_until run_command start_program end_program free_port);

my $unpacked = top() . '/build/unpacked';
my $program = "$unpacked/sendmail-bin/usr/libexec/sendmail/sendmail";
my $cf = "$unpacked/sendmail-cf/usr/share/sendmail/cf";

sub cannot
{
	return 'needs Sendmail, which `make deps` could not fetch' unless -x $program && -d $cf;
	return 'needs m4' unless grep { -x "$_/m4" } split /:/, $ENV{PATH};
	return Defang::Mta::cannot();
}

sub start
{
	my ($class, %how) = @_;
	my $self = $class->SUPER::new(%how);
	my $dir = $self->{dir};
	mkdir "$dir/$_", 0700 or die "$dir/$_: $!\n" for qw(queue log);
	Defang::Mta::own("$dir/queue", "$dir/log");
	spew("$dir/switch", "hosts files\naliases files\npasswd files\n");
	spew("$dir/hosts", "127.0.0.1 localhost\n");
	spew("$dir/sendmail.mc", $self->mc($how{patience} // 60, $how{lines}));
	$self->make_cf;
	# The checkout may lie where nobody cannot go.
	system('cp', $program, "$dir/sendmail") == 0 or die "cannot copy $program\n";
	my ($status, undef, $err) = run_command(60, 'cc', '-shared', '-fPIC', '-o', "$dir/names.so", top() . '/tests/system/sendmail/names.c');
	die "names.c: $err\n" if $status != 0;
	$self->{daemon} = start_program("$dir/daemon.log", $self->command('-bD', '-q2s'));
	wait_until(30, sub { !grep { !Defang::Mta::answers($_) } values %{ $self->{smtp} }, $self->{plain} // () })
		or die "Sendmail did not start:\n" . (slurp("$dir/daemon.log") // '') . $self->maillog;
	return $self;
}

sub command
{
	my ($self, @options) = @_;
	my $dir = $self->{dir};
	my @nobody = $> == 0 ? qw(setpriv --reuid=nobody --regid=nogroup --clear-groups) : ();
	return (@nobody, 'env', "LD_PRELOAD=$dir/names.so", "$dir/sendmail", "-C$dir/sendmail.cf", "-X$dir/log/conversations", @options);
}

sub make_cf
{
	my ($self) = @_;
	my ($status, $out, $err) = run_command(60, 'm4', "-D_CF_DIR_=$cf/", "-I$cf", "$cf/m4/cf.m4", "$self->{dir}/sendmail.mc");
	die "m4: $err\n" if $status != 0;
	spew("$self->{dir}/sendmail.cf", $out);
	return;
}

# No load of the machine makes it refuse or delay mail. Each milter is behind a port of its own.
sub mc
{
	my ($self, $patience, $lines) = @_;
	my $dir = $self->{dir};
	my $user = $> == 0 ? 'nobody' : (getpwuid $>)[0];
	my $text = <<"MC";
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.example.org')dnl
define(`confTRUSTED_USER', `$user')dnl
define(`confTRUSTED_USERS', `$user')dnl
define(`confDEF_USER_ID', `$user')dnl
define(`QUEUE_DIR', `$dir/queue')dnl
define(`confPID_FILE', `$dir/log/pid')dnl
define(`STATUS_FILE', `')dnl
define(`confHOST_STATUS_DIRECTORY', `')dnl
define(`ALIAS_FILE', `')dnl
define(`HELP_FILE', `')dnl
define(`confSERVICE_SWITCH_FILE', `$dir/switch')dnl
define(`confHOSTS_FILE', `$dir/hosts')dnl
define(`confDONT_BLAME_SENDMAIL', `AssumeSafeChown,GroupWritableDirPathSafe')dnl
define(`confTO_IDENT', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`confPRIVACY_FLAGS', `public')dnl
define(`SMTP_MAILER_ARGS', `TCP \$h $self->{sink_port}')dnl
define(`ESMTP_MAILER_ARGS', `TCP \$h $self->{sink_port}')dnl
FEATURE(`nocanonify')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
MC
	for my $name (sort keys %{ $self->{milters} }) {
		my $port = $self->{smtp}{$name};
		$text .= "DAEMON_OPTIONS(`Name=$name, Family=inet, Addr=127.0.0.1, Port=$port, InputMailFilters=$name')dnl\n"
			. "MAIL_FILTER(`$name', `S=$self->{milters}{$name}, F=T, T=S:${patience}s;R:${patience}s;E:5m')dnl\n";
	}
	if (defined $lines) {
		$self->{plain} = free_port();
		$text .= "DAEMON_OPTIONS(`Name=plain, Family=inet, Addr=127.0.0.1, Port=$self->{plain}')dnl\n$lines";
	}
	return "$text\nMAILER(`smtp')dnl\n";
}

sub stop
{
	my ($self) = @_;
	end_program($self->{daemon});
	return $self->stop_sink;
}

sub maillog { return slurp("$_[0]{dir}/log/conversations") // '' }

# A message is a qf file (envelope and headers), called hf when it is in quarantine, tf and xf files beside it come and go.
sub queue_files
{
	my ($self) = @_;
	my @files = glob "$self->{dir}/queue/[qt]f*";
	return @files;
}

sub held_files
{
	my ($self) = @_;
	my @files = glob "$self->{dir}/queue/hf*";
	return @files;
}

1;
