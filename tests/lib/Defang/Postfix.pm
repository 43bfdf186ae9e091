# A real Postfix of the test's own: configuration, queue, data and log in a temporary folder, high ports, and a sink (smtp-sink) to which
# it delivers. Needs root. Three ways in: {smtp}{NAME} for each milter given, and {queued}, which takes mail without a milter and hands
# it from the queue to the first of the others, so that it is Postfix itself that tries again. With `sendmail`, a program of that path
# takes mail from everybody as /usr/sbin/sendmail does, and `submission` is the milter for it.
package Defang::Postfix;
use strict;
use warnings;
use File::Find qw(find);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Net::SMTP;
use POSIX ();
use Defang::Test qw(temp_dir spew slurp wait_until start_program end_program free_port);

my $sbin = '/usr/lib/postfix/sbin';

# Why these tests cannot run here, or nothing.
sub cannot
{
	return 'needs root to run a Postfix of its own' if $> != 0;
	return 'needs Postfix' unless -x "$sbin/master";
	return 'needs smtp-sink' unless -x '/usr/sbin/smtp-sink';
	return;
}

# milters => { NAME => SOCKET, .. }, first => the NAME behind {queued}; sendmail => PATH, submission => SOCKET;
# main => more lines of main.cf
sub start
{
	my ($class, %how) = @_;
	my $dir = temp_dir('defang-postfix');
	my $self = bless { dir => $dir, log => "$dir/maillog", sink => "$dir/sink", sink_port => free_port() }, $class;
	$self->{smtp}{$_} = free_port() for sort keys %{ $how{milters} };
	$self->{queued} = free_port();
	$self->make_folders;
	spew("$dir/etc/main.cf", $self->main_cf . $self->submission_cf(%how) . ($how{main} // ''));
	spew("$dir/etc/master.cf", $self->master_cf(%how));
	$self->start_sink;
	$self->{master} = start_program("$dir/master.log", "$sbin/master", '-c', "$dir/etc", '-d');
	$self->start_sendmail($how{sendmail}) if $how{sendmail};
	wait_until(30, sub { $self->is_up }) or die "Postfix did not start:\n" . (slurp("$dir/master.log") // '') . $self->maillog;
	return $self;
}

sub make_folders
{
	my ($self) = @_;
	my $dir = $self->{dir};
	my ($uid, $gid) = ((getpwnam 'postfix')[2], (getgrnam 'postdrop')[2]);
	mkdir "$dir/$_", 0755 or die "$dir/$_: $!\n" for qw(etc queue data sink);
	mkdir "$dir/queue/$_", 0700 or die $!
		for qw(active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace);
	chown $uid, -1, "$dir/data", map { "$dir/queue/$_" } qw(active bounce corrupt defer deferred flush hold incoming private saved trace);
	chown $uid, $gid, map { "$dir/queue/$_" } qw(maildrop public);
	chmod 0755, "$dir/queue/pid";
	chmod 0730, "$dir/queue/maildrop";
	chmod 0710, "$dir/queue/public";
	chown((getpwnam 'nobody')[2, 3], "$dir/sink");
	return;
}

sub main_cf
{
	my ($self) = @_;
	my $dir = $self->{dir};
	return <<"CF";
compatibility_level = 3.6
config_directory = $dir/etc
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file = $self->{log}
maillog_file_prefixes = $dir
myhostname = mx.example.org
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:$self->{sink_port}
smtpd_milters =
milter_default_action = tempfail
message_size_limit = 50000000
notify_classes =
smtp_destination_recipient_limit = 100
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
CF
}

sub submission_cf
{
	my ($self, %how) = @_;
	return $how{sendmail} ? "non_smtpd_milters = $how{submission}\n" : '';
}

# Postfix's programs take another configuration than the system's only from root. So the program of that path, which a worker runs as
# somebody else, hands its words and its input to a process of ours, which runs the real one as root and gives the status back.
my $front = <<'PERL';
#!/usr/bin/perl
use strict;
use warnings;
use IO::Socket::UNIX;
my $to = IO::Socket::UNIX->new(Peer => "$0.sock") or exit 75;
print {$to} map { length($_) . "\n$_" } scalar @ARGV, @ARGV;
print {$to} $_ while <STDIN>;
shutdown $to, 1;
exit(<$to> // 75);
PERL

sub start_sendmail
{
	my ($self, $path) = @_;
	spew($path, $front);
	chmod 0755, $path or die "$path: $!\n";
	my $listener = IO::Socket::UNIX->new(Local => "$path.sock", Listen => 20) or die "$path.sock: $!\n";
	chmod 0777, "$path.sock" or die $!;
	my $pid = fork // die "fork: $!\n";
	if ($pid) {
		$self->{sendmail} = $pid;
		return;
	}
	while (my $client = $listener->accept) {
		serve_sendmail($client, "$self->{dir}/etc");
	}
	POSIX::_exit(0);
}

sub serve_sendmail
{
	my ($client, $config) = @_;
	my $word = sub { my ($n, $text) = scalar <$client>; read $client, $text, $n; $text };
	my @words = map { $word->() } 1 .. $word->();
	open my $to, '|-', '/usr/sbin/sendmail', '-C', $config, @words or die "sendmail: $!\n";
	print {$to} $_ while <$client>;
	close $to;
	print {$client} $? >> 8, "\n";
	return;
}

sub master_cf
{
	my ($self, %how) = @_;
	my $text = <<"CF";
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
proxymap  unix - - n - - proxymap
127.0.0.1:$self->{queued} inet n - n - - smtpd
  -o content_filter=smtp:[127.0.0.1]:$self->{smtp}{ $how{first} }
CF
	# Another host name, or the hop from {queued} would look like a loop.
	for my $name (sort keys %{ $how{milters} }) {
		$text .= "127.0.0.1:$self->{smtp}{$name} inet n - n - - smtpd\n"
			. "  -o smtpd_milters=$how{milters}{$name} -o myhostname=second.example.org\n";
	}
	return $text;
}

sub start_sink
{
	my ($self) = @_;
	$self->{sink_program} = start_program("$self->{dir}/sink.log", '/usr/sbin/smtp-sink', '-u', 'nobody', '-d', "$self->{sink}/",
		"127.0.0.1:$self->{sink_port}", 100);
	wait_until(20, sub { answers($self->{sink_port}) }, 'smtp-sink is up');
	return;
}

sub answers { return defined IO::Socket::INET->new(PeerAddr => "127.0.0.1:$_[0]", Timeout => 2) }

sub is_up
{
	my ($self) = @_;
	return !grep { !answers($_) } values %{ $self->{smtp} }, $self->{queued};
}

sub stop
{
	my ($self) = @_;
	end_sendmail($self);
	end_program($self->{sink_program});
	return end_program($self->{master});
}

sub end_sendmail
{
	my ($self) = @_;
	my $pid = delete $self->{sendmail} or return;
	kill TERM => $pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY { local $?; end_sendmail($_[0]) }

sub maillog { return slurp($_[0]{log}) // '' }

# A conversation with the smtpd on a port.
sub client
{
	my ($self, $port) = @_;
	return Net::SMTP->new('127.0.0.1', Port => $port, Hello => 'client.example.org', Timeout => 120) // die "port $port: $@\n";
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

# Messages in the queue. None: all that was taken has been delivered or refused.
sub queue_files
{
	my ($self) = @_;
	my @found;
	find(sub { push @found, $File::Find::name if -f }, grep { -d } map { "$self->{dir}/queue/$_" } qw(maildrop incoming active deferred));
	return @found;
}

# All messages that came to the sink: { from, rcpts, text }.
sub all_delivered
{
	my ($self) = @_;
	my @found;
	for my $text (grep { defined && length } map { slurp($_) } grep { -f } glob "$self->{sink}/*") {
		# smtp-sink notes the envelope in front of the message, and adds an empty line.
		my ($envelope, $message) = $text =~ /\A((?:X-[A-Z][^\n]*\n)*)(.*)\n\z/s or next;
		my ($from) = $envelope =~ /^X-Mail-Args: (<[^>]*>)/m;
		push @found, { from => $from, rcpts => [sort $envelope =~ /^X-Rcpt-Args: (<[^>]*>)/mg], text => $message };
	}
	return @found;
}

# The one with that text in it; waits until the queue is empty.
sub delivered
{
	my ($self, $token) = @_;
	wait_until(90, sub { !$self->queue_files }) or return;
	my ($found) = grep { index($_->{text}, $token) >= 0 } $self->all_delivered;
	return $found;
}

1;
