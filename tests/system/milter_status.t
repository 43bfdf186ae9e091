#!/usr/bin/perl
# The status socket of the front end: what it tells while messages come, go and hang, on several loops.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);
use Defang::Rig;
use Defang::Test ();

sub answer {
	my ($line, $rig) = @_;
	return -e "$rig->{dir}/deaf" ? undef : 'default' if $line eq 'free';
	return "ok 0\n" if $line =~ /^recipok <nobody/;
	return 'default' if $line !~ /^scan \S+ (\S+)/;
	my $commands = slurp("$1/COMMANDS") // return;
	return if $commands =~ /^S<hang/m;
	return "error: no luck\n" if $commands =~ /^S<fail/m;
	return 'default';
}

my $rig = Defang::Rig->new(no_start => 1, answer => \&answer, results => sub {
	my ($dir, $sender) = @_;
	return "B550 5.7.1 no\nF\n" if $sender =~ /reject/;
	return "D\nF\n" if $sender =~ /discard/;
	return "F\n";
});
my $path = "$rig->{spool}/status.sock";
$rig->start('-t', '--loops', 3, '--status', $path, '--grace', 30);
$rig->wait_log(qr/entering main loop/) or die $rig->{log};

# All that comes for a request, to the end of file.
sub ask_at {
	my ($socket, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	syswrite $socket, $bytes;
	my $reply = '';
	my $end = time + 20;
	while (IO::Select->new($socket)->can_read($end - time > 0 ? $end - time : 0)) {
		return $reply unless sysread $socket, $reply, 65536, length $reply;
	}
	return 'no end of file';
}

sub ask {
	my ($line) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or return 'no connection';
	return ask_at($socket, "$line\n");
}

sub snapshot {
	my $text = ask('snapshot');
	my %lines;
	die "not a snapshot:\n$text" if $text !~ /\Asnapshot version=1\n(?:(?:frontend|messages|answers|latency|failure)(?: \w+=[!-~]*)+\n)+\n\z/;
	for (split /\n/, $text) {
		my ($kind, @words) = split / /;
		my %line = map { /^(\w+)=(.*)$/ } @words;
		my $key = $line{stage} // $line{class} // $line{cause};
		defined $key ? $lines{$kind}{$key} = \%line : $lines{$kind // ''} = \%line;
	}
	return \%lines;
}

sub fields { my ($line, @keys) = @_; return join ' ', map { $_ // 'undef' } @$line{@keys} }

# Nothing has happened yet
like ask('version'), qr/\A\d+\.\d+\.\d+\n\z/, 'version';
is ask('health'), "ok\n", 'health';
is ask('sessions'), '', 'no sessions';
my @verbs = ask('help') =~ /^(\w.*?) *-- \w/mg;
is "@verbs", 'help version health snapshot jsonsnapshot sessions', 'help';
is ask('snapshot xml'), "error: Unknown command\n", 'what is not known';
is ask(''), "error: Unknown command\n", '  as an empty line';
is ask("version\r\nhelp") =~ s/\d/n/gr, "n.n.n\n", 'one request a connection, a CR does no harm';
is ask('x' x 2000), "error: Command too long\n", 'a line that is too long';
is sprintf('%04o', (stat $path)[2] & 07777), '0750', 'mode of the socket';
my $s = snapshot();
is fields($s->{frontend}, qw(state pid loops sessions sessions_peak sessions_total sessions_refused)), "serving $rig->{pid} 3 0 0 0 0", 'at the start';
my @stat = split / /, slurp("/proc/$rig->{pid}/stat") =~ s/^.*\) //r;
is $s->{frontend}{start}, $stat[19], '  start of the process';
cmp_ok $s->{frontend}{fds}, '>', 5, '  descriptors';
cmp_ok $s->{frontend}{fds_limit}, '>=', $s->{frontend}{fds}, '  within their limit';
is fields($s->{messages}, qw(accept reject tempfail discard aborted lost)), '0 0 0 0 0 0', '  no messages';
is join(' ', sort keys %{ $s->{answers} }), 'body connect data eoh eom header helo mail rcpt', '  all stages';

# Messages on all loops
my @mta = map { $rig->connect } 1 .. 5;
$mta[0]->message(from => '<good@x>', to => [ '<a@x>', '<nobody@x>' ]) for 1 .. 3;
$mta[1]->message(from => '<reject@x>') for 1 .. 2;
$mta[2]->message(from => '<fail@x>');
$mta[3]->message(from => '<discard@x>');
$mta[3]->mail('<aborted@x>');
$mta[3]->send('A');
$mta[4]->connect_from('client.example', '4', 4321, '192.0.2.9');
$mta[4]->macros(M => i => '4QHANG');
$mta[4]->mail('<hang@x>');
$mta[4]->rcpt('<r@x>');
$mta[4]->send('E');
ok wait_until(sub { $rig->requests and ($rig->requests)[-1] =~ /^scan 4QHANG/ }), 'one hangs';
ok wait_until(sub { snapshot()->{messages}{aborted} == 1 }), '  one is aborted';
$s = snapshot();
is fields($s->{frontend}, qw(sessions sessions_peak sessions_total)), '5 5 5', 'sessions of all loops';
is fields($s->{messages}, qw(accept reject tempfail discard aborted lost)), '3 2 1 1 1 0', 'messages by verdict';
is fields($s->{answers}{eom}, qw(continue reject tempfail accept discard)), '3 2 1 0 1', 'answers at the end of message';
is fields($s->{answers}{rcpt}, qw(continue reject)), '8 3', '  to recipients';
is fields($s->{answers}{header}, qw(continue)), '0', '  none where the MTA does not wait';
is $s->{latency}{eom}{finished}, 7, 'latency';
my $sum = 0;
$sum += $_ for $s->{latency}{eom}{ranges} =~ /:(\d+)/g;
is $sum, 7, '  by range';
is $s->{failure}{'controller-error'}{count}, 1, 'failures by cause';
is $s->{failure}{'aborted-by-mta'}{count}, 1, '  aborts among them';
is $s->{failure}{spool}{count}, 0, '  others did not happen';
cmp_ok $s->{frontend}{asked}, '>=', 5 + 11 + 7, 'questions';
is $s->{frontend}{asked} - $s->{latency}{controller}{finished}, 1, '  one of them is open';

# JSON is the same.
my $json = eval { JSON::PP->new->utf8->decode(ask('jsonsnapshot')) };
is ref $json, 'HASH', 'JSON';
is $json->{version}, 1, '  its version';
is fields($json->{messages}, qw(accept reject tempfail discard aborted lost)), '3 2 1 1 1 0', '  messages';
is +(grep { $_->{stage} eq 'eom' } @{ $json->{answers} })[0]{reject}, 2, '  answers';
is +(grep { $_->{cause} eq 'controller-error' } @{ $json->{failures} })[0]{count}, 1, '  failures';
my ($eom) = grep { $_->{class} eq 'eom' } @{ $json->{latency} };
is $eom->{ranges}[-1]{bound_ms}, undef, '  the last range has no bound';

# Sessions
my @sessions = ask('sessions') =~ /^(session .*)$/mg;
is scalar(@sessions), 5, 'sessions';
is scalar(grep { /^session id=\w{11} client=\S* name=\S* stage=\w+ age_s=\d+ silent_s=\d+ queue_id=\S*$/ } @sessions), 5, '  their form';
my ($hung) = grep { /queue_id=4QHANG$/ } @sessions;
like $hung, qr/ client=192\.0\.2\.9 name=client\.example stage=eom /, '  what one of them is at';
my %ids = map { /id=(\w+)/ => 1 } @sessions;
is scalar(keys %ids), 5, '  ids differ';
my ($id) = $hung =~ /id=(\w+)/;
$mta[4]->send('A');
ok $rig->wait_log(qr/4QHANG: message .* session=$id$/m), '  and are those of the log';
ok wait_until(sub { snapshot()->{frontend}{withdrawn} == 1 }), 'the question is given up';

# Many at once, some slow or gone
my @clients = map { IO::Socket::UNIX->new(Peer => $path) } 1 .. 15;
syswrite $_, "sessions\n" for @clients[0 .. 9];
close $_ for @clients[0 .. 4];
is scalar(grep { ask_at($_, '') =~ /^session / } @clients[5 .. 9]), 5, 'several ask for sessions at a time';
is ask_at($clients[10], "version\n") =~ s/\d/n/gr, "n.n.n\n", '  and others meanwhile';
undef @clients;

# Health
spew("$rig->{dir}/deaf", '');
my $start = time;
my $leaver = IO::Socket::UNIX->new(Peer => $path);
syswrite $leaver, "health\n";
close $leaver;
is ask('health'), "degraded: the controller does not answer: timeout\n", 'a controller that is silent';
cmp_ok time - $start, '>=', 4.9, '  is given 5 s';
unlink "$rig->{dir}/deaf";
$rig->stop_controller;
is ask('health'), "degraded: the controller does not answer: no-controller\n", 'no controller';
$rig->start_controller;
is ask('health'), "ok\n", '  until it is back';

# The end
$mta[4]->mail('<last@x>');
kill 'TERM', $rig->{pid};
ok $rig->wait_log(qr/finishing the messages in hand/), 'SIGTERM';
is ask('health'), "ending: no new connections are taken\n", '  is told';
is snapshot()->{frontend}{state}, 'ending', '  in the snapshot, too';
ok wait_until(sub { snapshot()->{frontend}{sessions} == 1 }), '  and how many sessions are left';
$mta[4]->send('E');
is +($mta[4]->answer)[-1][0], 'c', '  the last message';
ok wait_until(sub { waitpid($rig->{pid}, POSIX::WNOHANG()) != 0 }), '  ends it';
delete $rig->{pid};
ok !-e $path, '  and the socket is gone';

# Over TCP; and before there is a controller
my $port = Defang::Test::free_port();
$rig = Defang::Rig->new(no_controller => 1, no_start => 1);
$rig->start('--status', "inet:$port", '-G');
my $tcp;
ok wait_until(sub { $tcp = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) }), 'a TCP socket';
like ask_at($tcp, "snapshot\n"), qr/ state=starting /, '  tells of the start, too';
$rig->stop('INT');

# More connections than there may be
$rig = Defang::Rig->new(no_start => 1);
$path = "$rig->{spool}/status.sock";
$rig->start('--status', $path, '--max-sessions', 2, '--loops', 2);
$rig->wait_log(qr/entering main loop/) or die $rig->{log};
my @many = map { my $each = $rig->connect; $each->connect_from('h', 'U'); $each } 1 .. 5;
$s = snapshot();
is fields($s->{frontend}, qw(sessions sessions_refused sessions_limit)), '2 3 2', 'connections that are refused';
is $s->{failure}{'session-limit'}{count}, 3, '  are failures, too';
$rig->stop;

# A socket that cannot be had
$rig = Defang::Rig->new(no_start => 1);
$rig->start('--status', '/nonexistent/status.sock');
ok $rig->wait_log(qr/cannot listen on --status \/nonexistent\/status\.sock: No such file or directory/), 'no place for the socket';
waitpid delete $rig->{pid}, 0;
is $? >> 8, 69, '  ends the program';
done_testing;
