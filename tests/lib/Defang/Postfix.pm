# A real Postfix of the test's own: configuration, queue, data and log in a temporary folder, high ports. Needs root. Ways in: {smtp}{NAME}
# for each milter given, {old}{N} for the first of them with milter protocol version N, and {queued}, which takes mail without a milter and hands it from the queue to the first of the others, so that
# it is Postfix itself that tries again. With `sendmail`, a program of that path
# takes mail from everybody as /usr/sbin/sendmail does, and `submission` is the milter for it. `lines` are more lines of main.cf, which hold
# for {plain}, the same as {queued}.
package Defang::Postfix;
use strict;
use warnings;
use parent -norequire, 'Defang::Mta';
use File::Find qw(find);
use IO::Socket::UNIX;
use POSIX ();
use Defang::Mta;
use Defang::Test qw(spew slurp wait_until start_program end_program free_port);

my $sbin = '/usr/lib/postfix/sbin';

# Why these tests cannot run here, or nothing.
sub cannot
{
	return 'needs root to run a Postfix of its own' if $> != 0;
	return 'needs Postfix' unless -x "$sbin/master";
	return Defang::Mta::cannot();
}

# first => the NAME behind {queued}; sendmail => PATH, submission => SOCKET
sub start
{
	my ($class, %how) = @_;
	my $self = $class->SUPER::new(%how);
	my $dir = $self->{dir};
	$self->{log} = "$dir/maillog";
	$self->{queued} = $self->{plain} = free_port();
	$self->{old}{$_} = free_port() for 2, 3, 4;
	$self->make_folders;
	spew("$dir/etc/main.cf", each_once($self->main_cf . $self->submission_cf(%how) . patience_cf(%how) . ($how{lines} // '')));
	spew("$dir/etc/master.cf", $self->master_cf(%how));
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
	mkdir "$dir/$_", 0755 or die "$dir/$_: $!\n" for qw(etc queue data);
	mkdir "$dir/queue/$_", 0700 or die $!
		for qw(active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace);
	chown $uid, -1, "$dir/data", map { "$dir/queue/$_" } qw(active bounce corrupt defer deferred flush hold incoming private saved trace);
	chown $uid, $gid, map { "$dir/queue/$_" } qw(maildrop public);
	chmod 0755, "$dir/queue/pid";
	chmod 0730, "$dir/queue/maildrop";
	chmod 0710, "$dir/queue/public";
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
mydestination = local.example
local_recipient_maps = inline:{known=known}
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

# The last of several lines of a name, without the others. Postfix would take that one, too, but each of its programs would log so when it
# starts; and its logger that starts as the eleventh waits for itself for ever, since its socket holds no more than ten lines.
sub each_once
{
	my ($text) = @_;
	my (%seen, @lines);
	for my $line (reverse grep { !/^#/ } split /^(?=\S)/m, $text) {
		my ($name) = $line =~ /^(\w+)\s*=/ or die "main.cf: $line";
		unshift @lines, $line unless $seen{$name}++;
	}
	return join '', @lines;
}

sub patience_cf
{
	my (%how) = @_;
	return $how{patience} ? join '', map { "milter_${_}_timeout = $how{patience}s\n" } qw(command content) : '';
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
	$text .= smtpd($self->{smtp}{$_}, $how{milters}{$_}) for sort keys %{ $how{milters} };
	$text .= smtpd($self->{old}{$_}, $how{milters}{ $how{first} }) . "  -o milter_protocol=$_\n" for sort keys %{ $self->{old} };
	return $text;
}

sub smtpd
{
	my ($port, $milter) = @_;
	my $socket = $milter =~ s/^inet:(\d+)@(.*)/inet:$2:$1/r;
	return "127.0.0.1:$port inet n - n - - smtpd\n  -o smtpd_milters=$socket -o myhostname=second.example.org\n";
}

sub is_up
{
	my ($self) = @_;
	return !grep { !Defang::Mta::answers($_) } values %{ $self->{smtp} }, values %{ $self->{old} }, $self->{queued};
}

sub stop
{
	my ($self) = @_;
	end_sendmail($self);
	$self->stop_sink;
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

# Messages in the queue. None: all that was taken has been delivered or refused.
sub queue_files
{
	my ($self) = @_;
	my @found;
	find(sub { push @found, $File::Find::name if -f }, grep { -d } map { "$self->{dir}/queue/$_" } qw(maildrop incoming active deferred));
	return @found;
}

# Messages in quarantine.
sub held_files
{
	my ($self) = @_;
	return grep { -f } glob "$self->{dir}/queue/hold/*";
}

1;
