# A filter worker driven over its pipes, as the controller does.
#
#	my $worker = Defang::Worker->start($filter_text, '-server');
#	my $reply = $worker->ask('relayok 192.0.2.1 host 1 2 3 NOQUEUE');
#	my $dir = $worker->message('exe.eml', 'S<a@b>', 'R<c@d>');	# a work directory: INPUTMSG, HEADERS, COMMANDS
#	my ($reply, @results) = $worker->scan($dir);
#	my $status = $worker->stop;					# end of file; its wait status
package Defang::Worker;
use strict;
use warnings;
use Defang::Test qw(stage data temp_dir slurp spew wait_until run_command);
use IO::Select;
use POSIX qw(:sys_wait_h);

my %running; # by process: its pipes

# In a child of the test: let go of the workers' pipes, which would never come to their end while it holds one.
sub disown
{
	close $_ for map { @$_ } values %running;
	%running = ();
	return;
}

sub program { return stage() . q(/bin/mimedefang.pl) }

sub start
{
	my ($class, $filter, @form) = @_;
	@form = ('-server') unless @form;
	my $self = bless { dir => temp_dir(), messages => 0, input => '' }, $class;
	$self->{filter} = "$self->{dir}/filter";
	spew($self->{filter}, $filter);
	mkdir "$self->{dir}/spool" or die "spool: $!\n";
	pipe my $in_read, my $in_write or die "pipe: $!\n";
	pipe my $out_read, my $out_write or die "pipe: $!\n";
	$self->{pid} = fork // die "fork: $!\n";
	if (!$self->{pid}) {
		open STDIN, '<&', $in_read;
		open STDOUT, '>&', $out_write;
		open STDERR, '>', "$self->{dir}/stderr";
		chdir "$self->{dir}/spool";
		umask 077;
		exec $self->program, '-f', $self->{filter}, @form or POSIX::_exit(127);
	}
	$in_write->autoflush(1);
	@$self{qw(to from)} = ($in_write, $out_read);
	$running{ $self->{pid} } = [$in_write, $out_read];
	return $self;
}

# One line; undef at the end of file.
sub line
{
	my ($self) = @_;
	while (index($self->{input}, "\n") < 0) {
		wait_until(20, sub { IO::Select->new($self->{from})->can_read(0) }, 'a reply of the worker');
		sysread $self->{from}, $self->{input}, 65536, length $self->{input} or return;
	}
	my ($line, $rest) = split /\n/, $self->{input}, 2;
	$self->{input} = $rest;
	return $line;
}

sub ask
{
	my ($self, $request) = @_;
	local $SIG{PIPE} = 'IGNORE';
	print { $self->{to} } "$request\n";
	return $self->line;
}

# Whether nothing but what was asked for has come.
sub is_quiet { return $_[0]{input} eq '' && !IO::Select->new($_[0]{from})->can_read(0) }

sub stderr { return slurp("$_[0]{dir}/stderr") // '' }

# The file of tests/data, or a text when it has more than one line; a reference to any text.
sub message
{
	my ($self, $message, @commands) = @_;
	my $dir = "$self->{dir}/spool/mdefang-" . ++$self->{messages};
	mkdir $dir or die "$dir: $!\n";
	my $text = ref $message ? $$message : $message =~ /\n/ ? $message : slurp(data($message));
	$text =~ s/\r\n/\n/g; # the front end writes no other line ends
	my ($head) = $text =~ /\A((?:[^\n]+(?:\n|\z))*)/;
	spew("$dir/INPUTMSG", $text);
	spew("$dir/HEADERS", $head =~ s/\n(?=[ \t])//gr);
	spew("$dir/COMMANDS", join '', map { "$_\n" } @commands, 'F');
	return $dir;
}

# The reply, and the lines of RESULTS.
sub scan
{
	my ($self, $dir) = @_;
	my $reply = $self->ask("scan Q1 $dir");
	return ($reply, split /\n/, slurp("$dir/RESULTS") // '');
}

sub stop
{
	my ($self) = @_;
	close $self->{to};
	my $status;
	wait_until(20, sub { waitpid($self->{pid}, WNOHANG) == $self->{pid} ? do { $status = $?; 1 } : 0 }, 'the end of the worker');
	delete $running{ $self->{pid} };
	return $status;
}

# Run it once: (wait status, standard output, standard error).
sub run
{
	my ($class, @args) = @_;
	return run_command(20, stage() . '/bin/mimedefang.pl', @args);
}

END {
	my $status = $?;
	for my $pid (keys %running) {
		kill KILL => $pid;
		waitpid $pid, 0;
	}
	$? = $status;
}

1;
