# What the system tests share: a temporary folder that user nobody can reach, the programs started from there, the whole chain
# (controller, front end) with a filter, milter-send, and waiting for events. Nothing sleeps: waits are for a condition, with a deadline.
#
#	my $chain = Defang::Test->chain(filter => $perl_text, workers => 2);
#	my $got = $chain->send("tests/data/exe.eml", '-r', '<a@b>');	# what milter-send --json printed, plus {status}
#	$chain->stop;							# all ended with exit status 0
#
# A run that ends badly leaves no process behind: everything started is ended in END, even after die.
package Defang::Test;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Find qw(find);
use File::Temp;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(top stage data wait_until slurp spew lines run_command start_program end_program free_port sanitized temp_dir helper);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $build = abs_path($ENV{DEFANG_BUILD} // "$top/build");
my $owner = $$; # the process that cleans up: not a child that dies between fork and exec
my (%running, @dirs, @claims, $stage_copy);

sub top { return $top }
sub data { return "$top/tests/data/$_[0]" }

# Deadlines are for a quiet machine: a busy one has three times as long, and a build with sanitizers is several times slower again.
sub sanitized { return $build =~ /san/ || ($ENV{SAN} // 0) }
my $patience = sanitized() ? 8 : 3;

# The value of $what->() as soon as it is true. After the deadline: false, or death when a name for the event is given.
sub wait_until
{
	my ($seconds, $what, $name) = @_;
	my $end = time + $seconds * $patience;
	while (1) {
		my $value = $what->();
		return $value if $value;
		last if time > $end;
		select undef, undef, undef, 0.01;
	}
	die "timeout: $name did not happen\n" if defined $name;
	return;
}

sub slurp
{
	my ($file) = @_;
	open my $fh, '<', $file or return;
	binmode $fh;
	local $/;
	return scalar(readline $fh) // '';
}

sub lines { return split /\n/, slurp($_[0]) // '' }

# Written whole or not at all.
sub spew
{
	my ($file, $text) = @_;
	open my $fh, '>', "$file.new" or die "$file: $!\n";
	binmode $fh;
	print {$fh} $text;
	close $fh or die "$file: $!\n";
	rename "$file.new", $file or die "$file: $!\n";
	return $file;
}

# A folder that everybody may enter and that is gone after the test.
sub temp_dir
{
	my ($name) = @_;
	my $dir = File::Temp->newdir(($name // 'defang') . '-XXXXXX', TMPDIR => 1);
	chmod 0755, "$dir" or die "$dir: $!\n";
	push @dirs, $dir; # as long as the process
	return "$dir";
}

sub give_to_nobody
{
	my ($path) = @_;
	chown((getpwnam 'nobody')[2, 3], $path) if $> == 0;
	return $path;
}

# The installed tree. As root it is a copy that nobody may read, made once a process: the checkout may lie in a home folder.
sub stage
{
	return "$build/stage" if $> != 0;
	return $stage_copy if defined $stage_copy;
	my $dir = temp_dir('defang-stage');
	system('cp', '-a', "$build/stage/.", $dir) == 0 or die "cannot copy $build/stage: run `make all' first\n";
	chmod 0755, $dir;
	return $stage_copy = $dir;
}

# Now, not in a child: a copy made between fork and exec would never be removed.
stage() if -d "$build/stage";

sub program { return stage() . "/bin/$_[0]" }
sub helper { return "$build/tests/helpers/$_[0]" }

# A TCP port of 127.0.0.1 that is free now, and is given to no other test as long as this process lives: an abstract socket stands for it.
# Not one of those the kernel gives to clients, so that it stays free.
sub free_port
{
	for (1 .. 500) {
		my $port = next_port();
		my $claim = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => "\0defang-port-$port", Listen => 1) or next;
		next if !IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);
		push @claims, $claim;
		return $port;
	}
	die "no free TCP port\n";
}

my $port;

sub next_port
{
	$port //= 12000 + ($$ * 37) % 18000;
	return $port = $port >= 31000 ? 12000 : $port + 1;
}

# Run a command to its end: (wait status, standard output, standard error).
sub run_command
{
	my ($seconds, @command) = @_;
	my ($out, $err) = map { File::Temp->new } 1 .. 2;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>&', $out;
		open STDERR, '>&', $err;
		exec @command or POSIX::_exit(127);
	}
	my $status;
	if (!wait_until($seconds, sub { waitpid($pid, WNOHANG) == $pid ? do { $status = $?; 1 } : 0 })) {
		kill KILL => $pid;
		waitpid $pid, 0;
		die "timeout: @command\n";
	}
	return ($status, slurp("$out"), slurp("$err"));
}

# Start a program in the background; its output goes to the file {log}. Returns what end_program() takes.
sub start_program
{
	my ($log, @command) = @_;
	return start_prepared(sub { }, $log, @command);
}

# The same; $prepare->() is called in the child before it becomes the program.
sub start_prepared
{
	my ($prepare, $log, @command) = @_;
	my $self = { name => basename($command[0]), log => $log };
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>>', $log;
		setpgrp;
		$prepare->();
		exec @command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	return $running{$pid} = $self;
}

# Whether it has ended; {status} is its wait status then.
sub has_ended
{
	my ($program) = @_;
	return 1 if defined $program->{status};
	return 0 if waitpid($program->{pid}, WNOHANG) != $program->{pid};
	$program->{status} = $?;
	delete $running{ $program->{pid} };
	return 1;
}

# Ask it to end, and make it. Its wait status.
sub end_program
{
	my ($program, $signal) = @_;
	return if !$program;
	kill $signal // 'TERM', $program->{pid} if !has_ended($program);
	if (!wait_until(20, sub { has_ended($program) })) {
		warn "$program->{name} did not end, killing it\n";
		kill KILL => -$program->{pid}, $program->{pid};
		wait_until(10, sub { has_ended($program) });
	}
	return $program->{status};
}

END {
	if ($$ == $owner) {
		local ($?, $@);
		end_program($_) for values %running;
	}
}

# Start the controller and the front end with a filter, and wait until both serve.
#	filter	Perl text, or filter_file its path	workers	maximum and minimum number (2)
#	pool	more options of the controller		milter	more options of the front end
#	listen	socket of the front end (a UNIX-domain one in the folder)
#	manager	a Defang::Manager: it opens the sockets of both and passes them on, and hears when they are ready
sub chain
{
	my ($class, %how) = @_;
	my $dir = temp_dir('defang-chain');
	my $self = bless {
		dir => $dir,
		spool => "$dir/spool",
		control => "$dir/spool/pool.sock",
		listen => $how{listen} // "unix:$dir/milter/milter.sock",
		filter => $how{filter_file} // "$dir/filter",
		how => \%how,
	}, $class;
	for my $folder ("$dir/spool", "$dir/milter") {
		mkdir $folder, 0755 or die "$folder: $!\n";
		give_to_nobody($folder);
	}
	chmod 0750, "$dir/spool";
	spew($self->{filter}, $how{filter}) if defined $how{filter};
	$self->start_pool;
	$self->start_milter;
	return $self;
}

my @user = $> == 0 ? qw(-U nobody) : ();

sub start_pool
{
	my ($self) = @_;
	my $workers = $self->{how}{workers} // 2;
	$self->launch('pool', "requests=$self->{control}", program('mimedefang-multiplexor'), '-D', '-l', @user, '-z', $self->{spool},
		'-s', $self->{control}, '-f', program('mimedefang.pl'), '-F', $self->{filter}, '-m', $workers, '-x', $workers,
		@{ $self->{how}{pool} // [] });
	$self->must_come('pool', sub { ($self->control_tool('free'))[1] =~ /^\d+$/m }); # how many is up to who sends mail meanwhile
	return;
}

# Wait until a worker has nothing to do. A question before that waits for its start, which on a busy machine takes a part of the time that
# the question has.
sub await_worker
{
	my ($self) = @_;
	wait_until(60, sub { (($self->control_tool('rawstatus'))[1] // '') =~ /^[A-Z]*I/ }, 'an idle worker');
	return;
}

sub start_milter
{
	my ($self) = @_;
	$self->launch('milter', "milter=$self->{listen}", program('mimedefang'), '-D', @user, '-z', $self->{spool},
		'-m', $self->{control}, '-p', $self->{listen}, @{ $self->{how}{milter} // [] });
	$self->must_come('milter', sub { $self->connect });
	return;
}

# With a manager a program is ready when it says so.
sub launch
{
	my ($self, $which, $socket, @command) = @_;
	my $manager = $self->{how}{manager};
	my $log = "$self->{dir}/$which.log";
	$self->{$which} = $manager ? $manager->start($log, [$socket], @command) : start_program($log, @command);
	return;
}

# A program must get ready before its deadline, and must not end on the way.
sub must_come
{
	my ($self, $which, $ready) = @_;
	my $program = $self->{$which};
	my $manager = $self->{how}{manager};
	$ready = sub { $manager->heard(qr/^READY=1$/m) } if $manager;
	return if wait_until(30, sub { has_ended($program) || $ready->() }) && !defined $program->{status};
	die "$program->{name} did not start:\n" . $self->logs;
}

sub stop_pool { return end_program(delete $_[0]{pool}) }
sub stop_milter { return end_program(delete $_[0]{milter}) }

# Stop all. True when both ended with exit status 0.
sub stop
{
	my ($self) = @_;
	my @statuses = grep { defined } $self->stop_milter, $self->stop_pool;
	return !grep { $_ != 0 } @statuses;
}

# A connection to the front end, or nothing.
sub connect
{
	my ($self) = @_;
	return IO::Socket::INET->new(PeerAddr => "$2:$1", Timeout => 5) if $self->{listen} =~ /^inet:(\d+)@(.*)/;
	return IO::Socket::UNIX->new(Peer => $self->{listen} =~ s/^unix://r);
}

sub logs
{
	my ($self) = @_;
	return join '', map { "--- $_\n" . (slurp("$self->{dir}/$_.log") // '') } qw(pool milter);
}

sub log_of { return slurp("$_[0]{dir}/$_[1].log") // '' }

# md-mx-ctrl: (exit status, standard output).
sub control_tool
{
	my ($self, @words) = @_;
	my ($status, $out) = run_command(20, program('md-mx-ctrl'), '-s', $self->{control}, @words);
	return ($status >> 8, $out);
}

# milter-send: its JSON as a hash; {status} is its exit status, {delivered} the message when it was delivered, {stderr}.
sub send
{
	my ($self, $message, @options) = @_;
	my $out = "$self->{dir}/delivered";
	my $measured = grep { $_ eq '--count' } @options;
	unlink $out;
	my ($status, $stdout, $stderr) = run_command(300, program('milter-send'), '-m', $self->{listen}, '--json',
		($measured ? () : ('-o', $out)), @options, $message);
	my $got = eval { JSON::PP->new->utf8->decode($stdout) } // {};
	die "milter-send was killed by signal $status\n$stderr" . $self->logs if $status & 0xff;
	return { %$got, status => $status >> 8, stderr => $stderr, delivered => scalar slurp($out) };
}

# The same for a text.
sub send_text
{
	my ($self, $text, @options) = @_;
	return $self->send(spew("$self->{dir}/message.eml", $text), @options);
}

# The work directories in the spool folder.
sub work_dirs
{
	my ($self) = @_;
	return glob "$self->{spool}/mdefang-*";
}

# True once no work directory is left; removal comes just after the reply.
sub spool_is_clean
{
	my ($self) = @_;
	return wait_until(10, sub { !$self->work_dirs });
}

1;
