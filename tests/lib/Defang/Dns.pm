# A name server of the test's own, which all resolvers of the programs started after it ask.
#
#	Defang::Dns->start('host.example A' => ['192.0.2.1'], 'broken.example TXT' => 'SERVFAIL', 'slow.example A' => 'NOTHING');
#
# Data as in a zone file, a record each. Names that have none of the type asked for but others are empty; the rest do not exist.
package Defang::Dns;
use strict;
use warnings;
use Defang::Test qw(free_port wait_until);
use Net::DNS;
use Net::DNS::Nameserver;
use POSIX ();

my $pid;

sub start
{
	my ($class, %zone) = @_;
	my $port = free_port();
	my %records = map { lc $_ => $zone{$_} } keys %zone;
	$pid = fork // die "fork: $!\n";
	if (!$pid) {
		my $server = Net::DNS::Nameserver->new(LocalAddr => ['127.0.0.1'], LocalPort => $port, ReplyHandler => sub { answer(\%records, @_) })
			or POSIX::_exit(1);
		$server->main_loop;
		POSIX::_exit(0);
	}
	$ENV{RES_NAMESERVERS} = '127.0.0.1';
	$ENV{RES_OPTIONS} = "port:$port retry:2 retrans:2 persistent_udp:0";
	my $resolver = Net::DNS::Resolver->new;
	wait_until(20, sub { $resolver->send('ready.test', 'A') }, 'the name server is up');
	return;
}

sub answer
{
	my ($records, $name, $class, $type) = @_;
	my $data = $records->{ lc "$name $type" };
	return ('SERVFAIL', [], [], []) if defined $data && !ref $data && $data eq 'SERVFAIL';
	return if defined $data && !ref $data; # no reply at all
	my $exists = $data || grep { /^\Q$name\E /i } keys %$records;
	return ($exists ? 'NOERROR' : 'NXDOMAIN', [map { Net::DNS::RR->new("$name 60 IN $type $_") } @{ $data // [] }], [], [], { aa => 1 });
}

END {
	if ($pid) {
		local $?;
		kill KILL => $pid;
		waitpid $pid, 0;
	}
}

1;
