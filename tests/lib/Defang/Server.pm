# A daemon played by the test, on a TCP port of 127.0.0.1 or on a UNIX-domain socket.
#
#	my $server = Defang::Server->start(sub { my ($said) = @_; return $said =~ /\n/ ? "answer\n" : undef });
#	  $server->{port}
#	Defang::Server->start($answer, path => '/tmp/x.sock')
#	my $all = $server->said;	# what clients have said, one after the other
#
# The function gets what a client has said so far, and says nothing until it knows the answer: text, after which the connection is closed.
# Also called at the client's end of file, with a true second argument. { greeting => text } is said first. With { serve => function }
# that one gets each connection, and does as it likes.
package Defang::Server;
use strict;
use warnings;
use Defang::Test qw(slurp temp_dir);
use Defang::Worker;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

my %running;

sub start
{
	my ($class, $answer, %how) = @_;
	my $listener = $how{path}
		? IO::Socket::UNIX->new(Local => $how{path}, Listen => 20)
		: IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 20);
	die "listen: $!\n" if !$listener;
	chmod 0777, $how{path} if $how{path};
	my $self = bless { port => $how{path} ? undef : $listener->sockport, log => temp_dir() . '/said' }, $class;
	$self->{pid} = fork // die "fork: $!\n";
	if (!$self->{pid}) {
		%running = ();
		Defang::Worker->disown;
		$SIG{PIPE} = 'IGNORE';
		while (my $client = $listener->accept) {
			$how{serve} ? $how{serve}->($client) : $self->serve($client, $answer, $how{greeting});
			close $client;
		}
		POSIX::_exit(0);
	}
	$running{ $self->{pid} } = 1;
	return $self;
}

sub serve
{
	my ($self, $client, $answer, $greeting) = @_;
	syswrite $client, $greeting if defined $greeting;
	my $said = '';
	while (1) {
		my $n = sysread $client, $said, 65536, length $said;
		my $reply = $answer->($said, !$n);
		if (defined $reply || !$n) {
			open my $log, '>>', $self->{log} or POSIX::_exit(1);
			print {$log} $said;
			close $log;
			syswrite $client, $reply if defined $reply;
			return;
		}
	}
}

sub said { return slurp($_[0]{log}) // '' }

END {
	local $?;
	for my $pid (keys %running) {
		kill KILL => $pid;
		waitpid $pid, 0;
	}
}

1;
