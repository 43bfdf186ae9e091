# What private mail servers of a test have in common: the SMTP client's side, and a sink (smtp-sink) to which the server delivers. A driver
# (Defang::Postfix, Defang::Sendmail) has
#	cannot		why it cannot run here, or nothing
#	start(milters => { NAME => socket as mimedefang -p has it }, ..)	{smtp}{NAME} is then the port behind which that milter is
#		patience => seconds that it waits for each answer of a milter
#	queue_files	messages that wait to be delivered; held_files: those in quarantine
#	stop, maillog
package Defang::Mta;
use strict;
use warnings;
use IO::Socket::INET;
use Net::SMTP;
use Defang::Test qw(temp_dir slurp wait_until start_program end_program free_port);

my $smtp_sink = '/usr/sbin/smtp-sink';

sub cannot { return -x $smtp_sink ? undef : 'needs smtp-sink of Postfix' }

# The parts that each driver has: a folder of its own, ports, the sink.
sub new
{
	my ($class, %how) = @_;
	my $dir = temp_dir('defang-mta');
	my $self = bless { dir => $dir, sink => "$dir/sink", sink_port => free_port(), milters => $how{milters} }, $class;
	$self->{smtp}{$_} = free_port() for sort keys %{ $how{milters} };
	mkdir $self->{sink}, 0755 or die "$self->{sink}: $!\n";
	own($self->{sink});
	my @user = $> == 0 ? qw(-u nobody) : ();
	$self->{sink_program} = start_program("$dir/sink.log", $smtp_sink, @user, '-d', "$self->{sink}/", "127.0.0.1:$self->{sink_port}", 100);
	wait_until(20, sub { answers($self->{sink_port}) }, 'smtp-sink is up');
	return $self;
}

sub own { return $> != 0 || chown((getpwnam 'nobody')[2, 3], @_) }

sub answers { return defined IO::Socket::INET->new(PeerAddr => "127.0.0.1:$_[0]", Timeout => 2) }

sub stop_sink { return end_program(delete $_[0]{sink_program}) }

# A conversation with the port, from 127.0.0.1 or another address of this host.
sub client
{
	my ($self, $port, $from) = @_;
	return Net::SMTP->new('127.0.0.1', Port => $port, LocalAddr => $from // '127.0.0.1', Hello => 'client.example.org', Timeout => 240)
		// die "port $port: $@\n";
}

# One message in a conversation: the last reply, (code, text). The text has LF line ends.
sub say_message
{
	my ($self, $smtp, $from, $rcpts, $text) = @_;
	my $said = $smtp->mail($from) && !(grep { !$smtp->to($_) } @$rcpts) && $smtp->data && $smtp->datasend($text) && $smtp->dataend;
	my @reply = ($smtp->code, $smtp->message);
	$smtp->reset unless $said;
	return @reply;
}

# The same in a conversation of its own.
sub submit
{
	my ($self, $port, @message) = @_;
	my $smtp = $self->client($port);
	my @reply = $self->say_message($smtp, @message);
	$smtp->quit;
	return @reply;
}

# A conversation line by line, for what a well-behaved client hides. {greeting} is the first reply.
sub talk
{
	my ($self, $port, $from) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", LocalAddr => $from // '127.0.0.1', Timeout => 60)
		// die "port $port: $@\n";
	my $talk = bless { socket => $socket }, 'Defang::Mta::Talk';
	$talk->{greeting} = $talk->reply;
	return $talk;
}

# All messages that came to the sink: { from, rcpts, text }.
sub all_delivered
{
	my ($self) = @_;
	return map { taken_apart($_) } grep { defined } map { slurp($_) } grep { -f } glob "$self->{sink}/*";
}

# smtp-sink notes the envelope in front of the message, adds a Received of its own, and an empty line at the end.
sub taken_apart
{
	my ($found) = @_;
	my ($envelope, $text) = $found =~ /\A((?:X-[A-Z][^\n]*-(?:Addr|Proto|Helo|Args): [^\n]*\n)*)(.*)\n\z/s or return;
	my ($from) = $envelope =~ /^X-Mail-Args: (<[^>]*>)/m;
	$text =~ s/\AReceived: [^\n]*\n(?:[ \t][^\n]*\n)*//;
	return { from => $from, rcpts => [sort $envelope =~ /^X-Rcpt-Args: (<[^>]*>)/mg], text => $text };
}

# Those with that text in them, once the queue is empty; none when it does not become so.
sub arrived
{
	my ($self, $token) = @_;
	wait_until(120, sub { !$self->queue_files }) or return;
	return grep { index($_->{text}, $token) >= 0 } $self->all_delivered;
}

# The first of them.
sub delivered
{
	my ($self, $token) = @_;
	return ($self->arrived($token))[0];
}

package Defang::Mta::Talk;
use strict;
use warnings;
use IO::Select;

# A whole reply without its last line end; 'gone' when the server has closed.
sub reply
{
	my ($self) = @_;
	my $reply = '';
	while (1) {
		IO::Select->new($self->{socket})->can_read(240) or return "$reply(silent)" if !length($self->{input} // '');
		my $line = $self->line // return "${reply}gone";
		$reply .= $line;
		return $reply =~ s/\r?\n\z//r =~ s/\r//gr if $line !~ /^\d{3}-/;
	}
}

sub line
{
	my ($self) = @_;
	while (($self->{input} // '') !~ /\n/) {
		my $n = sysread $self->{socket}, $self->{input}, 65536, length($self->{input} // '');
		return unless $n;
	}
	return $self->{input} =~ s/\A(.*?\n)//s ? $1 : undef;
}

# All lines in one write, and a reply to each.
sub say
{
	my ($self, @lines) = @_;
	$self->write(map { "$_\r\n" } @lines);
	my @replies = map { $self->reply } @lines;
	return wantarray ? @replies : $replies[-1];
}

sub write
{
	my ($self, @bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return print({ $self->{socket} } join("", @bytes)) && $self->{socket}->flush;
}

# The content of a message, whose lines end in LF, with its dot.
sub content
{
	my ($self, $text) = @_;
	return $text =~ s/^\./../mgr =~ s/\n/\r\n/gr . ".\r\n";
}

1;
