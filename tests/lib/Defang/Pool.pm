# Runs a controller with fake workers in a temporary folder, and asks it things over its sockets.
package Defang::Pool;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time);
use Defang::Test qw(wait_until slurp spew);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $build = $ENV{DEFANG_BUILD} // "$top/build";
my @programs = ("$build/stage/bin/mimedefang-multiplexor", "$build/stage/bin/md-mx-ctrl", "$top/tests/system/workers/fake");

# A folder with the programs and rules; nothing runs yet.
sub new
{
	my ($class) = @_;
	my $dir = File::Temp->newdir('pool-XXXXXX', TMPDIR => 1);
	my $self = bless { dir => $dir, socket => "$dir/pool.sock", rules => "$dir/rules", log => "$dir/log" }, $class;
	mkdir "$dir/bin" or die $!;
	for my $program (@programs) {
		my ($name) = $program =~ m{([^/]+)$};
		copy($program, "$dir/bin/$name") or die "$program: $!";
		chmod 0755, "$dir/bin/$name";
	}
	spew($self->{rules}, "good\n");
	chmod 0755, "$dir";
	chown((getpwnam 'nobody')[2, 3], "$dir") if $> == 0;
	return $self;
}

sub command
{
	my ($self, @options) = @_;
	my $dir = $self->{dir};
	return ("$dir/bin/mimedefang-multiplexor", ($> == 0 ? qw(-U nobody) : ()), '-z', "$dir", '-s', $self->{socket},
		'-f', "$dir/bin/fake", '-F', $self->{rules}, @options);
}

# Run it in the foreground and wait until it answers. It is told to log (-l), unless {quiet} is set; {wrap} is a command that runs it.
sub start
{
	my ($self, @options) = @_;
	my @command = (@{ $self->{wrap} // [] }, $self->command('-D', ($self->{quiet} ? () : '-l'), @options));
	defined($self->{pid} = fork) or die $!;
	if (!$self->{pid}) {
		open STDOUT, '>>', $self->{log};
		open STDERR, '>>', $self->{log};
		open STDIN, '<', '/dev/null';
		exec @command or POSIX::_exit(127);
	}
	wait_until(10, sub { $self->gone || defined $self->ask('version') }) or die 'the controller does not answer';
	die "the controller did not start:\n" . slurp($self->{log}) if !$self->{pid};
	return $self;
}

# True when it has ended; its wait status is in {status} then.
sub gone
{
	my ($self) = @_;
	return 1 if !$self->{pid};
	return 0 if waitpid($self->{pid}, WNOHANG) != $self->{pid};
	$self->{status} = $?;
	$self->{pid} = 0;
	return 1;
}

# End it. The seconds that it took.
sub stop
{
	my ($self) = @_;
	my $begun = time;
	kill TERM => $self->{pid} if $self->{pid};
	wait_until(20, sub { $self->gone }) or die 'the controller does not end';
	return time - $begun;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);
	return if !$self->{pid};
	kill TERM => $self->{pid};
	wait_until(10, sub { $self->gone }) or kill KILL => $self->{pid};
}

# Send bytes; a handle for reply().
sub send_raw
{
	my ($self, $bytes, $socket) = @_;
	my $handle = IO::Socket::UNIX->new(Peer => $socket // $self->{socket}) or return;
	local $SIG{PIPE} = 'IGNORE';
	syswrite $handle, $bytes;
	return $handle;
}

sub send_line { my ($self, $line, $socket) = @_; return $self->send_raw("$line\n", $socket) }

# All that comes until the end of file; undef when nothing came, or not in time.
sub reply
{
	my ($self, $handle, $seconds) = @_;
	my $reply = '';
	my $end = time + ($seconds // 60);
	while (1) {
		my $left = $end - time;
		my $ready = '';
		vec($ready, fileno $handle, 1) = 1;
		return if $left <= 0 || select($ready, undef, undef, $left) != 1;
		my $n = sysread $handle, $reply, 65536, length $reply;
		return $reply eq '' ? undef : $reply if !$n;
	}
}

sub ask
{
	my ($self, $line, $socket) = @_;
	my $handle = $self->send_line($line, $socket) or return;
	return $self->reply($handle);
}

# How many descriptors the controller has open.
sub descriptors { my ($self) = @_; return scalar(() = glob "/proc/$self->{pid}/fd/*") }

# The letters of `status`.
sub states { my ($self) = @_; return ($self->ask('status') // '') =~ /^(\w+)/ ? $1 : '' }
sub states_become { my ($self, $want, $seconds) = @_; wait_until($seconds // 20, sub { $self->states eq $want }); return $self->states }

sub logged { my ($self, $pattern, $seconds) = @_; return wait_until($seconds // 20, sub { slurp($self->{log}) =~ $pattern }) }
sub log_text { my ($self) = @_; return slurp($self->{log}) }

# Run md-mx-ctrl: exit status, standard output, standard error.
sub ctl
{
	my ($self, @words) = @_;
	return $self->run("$self->{dir}/bin/md-mx-ctrl", '-s', $self->{socket}, @words);
}

# Run any program, with standard input from {input} if that is set.
sub run
{
	my ($self, @command) = @_;
	my $dir = $self->{dir};
	my $pid = fork // die $!;
	if (!$pid) {
		open STDIN, '<', $self->{input} // '/dev/null';
		open STDOUT, '>', "$dir/stdout";
		open STDERR, '>', "$dir/stderr";
		exec @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return ($? >> 8, slurp("$dir/stdout"), slurp("$dir/stderr"));
}

1;
