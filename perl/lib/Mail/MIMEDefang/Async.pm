package Mail::MIMEDefang::Async;

# Several questions to daemons, name servers and programs at once, within one limit of time. Filters load this with `use`.
#
# A check is { name, type, args, timeout (seconds, optional) }. By type, args and what becomes of it in the results:
#	dns	{ name, type }			a reference to a list of the records' data; empty when there are none
#	socket	{ where, send }			everything that the other end says; where is host:port or the path of a socket
#	process	{ command, input }		what the command prints; a reference to a list of words, no shell. One that closes its
#						output and goes on is killed
use strict;
use warnings;
use Exporter 'import';
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use IO::Select ();
use POSIX ();
use Time::HiRes ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Antispam ();
use Mail::MIMEDefang::Async::Checks;
use Mail::MIMEDefang::Async::Results;
use Mail::MIMEDefang::Dialog;
use Mail::MIMEDefang::Net;
use Mail::MIMEDefang::SPF;

our @EXPORT = qw(
	md_async_init md_async_run_checks
	md_async_relay_is_blacklisted md_async_email_is_blacklisted md_async_spf_verify md_async_dmarc_verify
	md_async_message_contains_virus_clamd md_async_message_contains_virus_clamdscan
	md_async_spamc_check md_async_spam_assassin_check md_async_rspamd_check
);

my %limit = (max_concurrency => 10, global_timeout => 10, dns_timeout => 5, socket_timeout => 5);
my $max_answer = 16 * 1024 * 1024; # bytes of a socket's or a command's answer

# Set limits: checks at a time; seconds for all, for a question to the DNS, for a daemon (and for a program, that of all).
sub md_async_init {
	my (%set) = @_;
	$limit{$_} = $set{$_} for grep { defined $set{$_} } keys %limit;
	return 1;
}

# { results => { NAME => .. }, errors => { NAME => text } }: each check's name is in one of them.
sub md_async_run_checks {
	my ($checks) = @_;
	local $SIG{CHLD} = 'DEFAULT'; # programs are waited for here
	my $run = {
		waiting => [@$checks], started => 0, going => {}, results => {}, errors => {},
		end => Time::HiRes::time() + $limit{global_timeout},
		resolver => scalar(grep { ($_->{type} // '') eq 'dns' } @$checks) ? Mail::MIMEDefang::Net::resolver('md_async_run_checks') : undef,
	};
	while (@{ $run->{waiting} } || %{ $run->{going} }) {
		start_next($run) while @{ $run->{waiting} } && keys %{ $run->{going} } < $limit{max_concurrency};
		wait_once($run);
		expire($run, Time::HiRes::time());
	}
	return { results => $run->{results}, errors => $run->{errors} };
}

my %starter = (dns => \&start_dns, socket => \&start_socket, process => \&start_process);

sub start_next {
	my ($run) = @_;
	my $check = shift @{ $run->{waiting} };
	my $start = $starter{ $check->{type} // '' };
	my $task = { check => $check, name => $check->{name} // $check->{type} // '', number => ++$run->{started}, answer => '', timeout => $check->{timeout} // $limit{global_timeout} };
	my $fault = $start ? $start->($run, $task) : 'unknown type of check: ' . ($check->{type} // 'none');
	if (defined $fault) {
		$run->{errors}{ $task->{name} } = $fault;
		return;
	}
	my $end = Time::HiRes::time() + $task->{timeout};
	$task->{end} = $end < $run->{end} ? $end : $run->{end};
	$run->{going}{ $task->{number} } = $task; # names may be the same
	return;
}

# --- Each type: undef, or what is wrong ------------------------------------------------------------------------------------------------

sub start_dns {
	my ($run, $task) = @_;
	my $args = $task->{check}{args};
	$task->{timeout} = $task->{check}{timeout} // $limit{dns_timeout};
	return 'needs Net::DNS' unless $run->{resolver};
	return 'not a name' unless Mail::MIMEDefang::Net::is_name($args->{name});
	$task->{in} = $run->{resolver}->bgsend($args->{name}, $args->{type}) or return 'cannot ask the DNS: ' . $run->{resolver}->errorstring;
	return undef;
}

sub start_socket {
	my ($run, $task) = @_;
	my $args = $task->{check}{args};
	$task->{timeout} = $task->{check}{timeout} // $limit{socket_timeout};
	my $where = $args->{where} // '';
	my $socket = Mail::MIMEDefang::Dialog::new_socket($where, Blocking => 0) or return "cannot connect to $where: $!";
	@$task{qw(in out rest connecting)} = ($socket, $socket, $args->{send} // '', $socket->isa('IO::Socket::IP'));
	return undef;
}

sub start_process {
	my ($run, $task) = @_;
	my ($command, $input) = @{ $task->{check}{args} }{qw(command input)};
	return 'no command' unless ref $command eq 'ARRAY' && defined $command->[0];
	pipe my $child_in, my $to or return "pipe: $!";
	pipe my $from, my $child_out or return "pipe: $!";
	my $pid = fork // return "fork: $!";
	if (!$pid) {
		open STDIN, '<&', $child_in;
		open STDOUT, '>&', $child_out;
		{ no warnings 'exec'; exec { $command->[0] } @$command; }
		POSIX::_exit(127);
	}
	for my $handle ($to, $from) {
		fcntl $handle, F_SETFL, fcntl($handle, F_GETFL, 0) | O_NONBLOCK;
	}
	@$task{qw(in out rest pid)} = ($from, $to, $input // '', $pid);
	return undef;
}

# --- The loop --------------------------------------------------------------------------------------------------------------------------

sub wait_once {
	my ($run) = @_;
	my @tasks = values %{ $run->{going} } or return;
	my ($first) = sort { $a <=> $b } map { $_->{end} } @tasks;
	my $left = $first - Time::HiRes::time();
	my $in = IO::Select->new(map { $_->{in} } grep { !$_->{connecting} } @tasks);
	my $out = IO::Select->new(map { $_->{out} } grep { $_->{out} } @tasks);
	my ($readable, $writable) = IO::Select->select($in, $out, undef, $left > 0 ? $left : 0);
	my %ready = map { $_ => 1 } @{ $readable // [] };
	my %takes = map { $_ => 1 } @{ $writable // [] };
	for my $task (@tasks) {
		give($run, $task) if $task->{out} && $takes{ $task->{out} };
		take($run, $task) if $ready{ $task->{in} };
	}
	return;
}

sub give {
	my ($run, $task) = @_;
	return unless is_connected($run, $task);
	local $SIG{PIPE} = 'IGNORE';
	my $n = length $task->{rest} ? syswrite $task->{out}, $task->{rest} : 0;
	return if !defined $n && ($!{EAGAIN} || $!{EINTR});
	substr $task->{rest}, 0, $n // length $task->{rest}, ''; # one that takes no more may have answered already
	return if length $task->{rest};
	my $out = delete $task->{out};
	if ($task->{pid}) {
		close $out;
	} elsif ($task->{check}{args}{half_close}) {
		shutdown $out, 1;
	}
	return;
}

# True once the connection is there; until then the next address may be tried.
sub is_connected {
	my ($run, $task) = @_;
	return 1 unless $task->{connecting};
	if (!$task->{out}->connect) {
		finish($run, $task, undef, "cannot connect to $task->{check}{args}{where}: $!") unless $!{EINPROGRESS} || $!{EALREADY} || $!{EWOULDBLOCK};
		return 0;
	}
	delete $task->{connecting};
	return 1;
}

sub take {
	my ($run, $task) = @_;
	return take_dns($run, $task) if $task->{check}{type} eq 'dns';
	my $n = sysread $task->{in}, $task->{answer}, 65536, length $task->{answer};
	return if !defined $n && ($!{EAGAIN} || $!{EINTR});
	return finish($run, $task, undef, "reading: $!") unless defined $n;
	return finish($run, $task, undef, 'answer too long') if length $task->{answer} > $max_answer;
	return if $n;
	return finish($run, $task, $task->{answer}) unless $task->{pid};
	close $task->{in};
	kill KILL => $task->{pid}; # one that has ended by itself keeps its status
	waitpid delete $task->{pid}, 0;
	return finish($run, $task, undef, 'cannot be executed') if $? >> 8 == 127;
	return finish($run, $task, $task->{answer});
}

sub take_dns {
	my ($run, $task) = @_;
	return if $run->{resolver}->bgbusy($task->{in});
	my $packet = $run->{resolver}->bgread($task->{in}) or return finish($run, $task, undef, 'no answer');
	my $code = $packet->header->rcode;
	return finish($run, $task, undef, $code) unless $code eq 'NOERROR' || $code eq 'NXDOMAIN';
	my $type = $task->{check}{args}{type};
	return finish($run, $task, [map { data_of($_) } grep { $_->type eq $type } $packet->answer]);
}

my %data = (A => 'address', AAAA => 'address', PTR => 'ptrdname', MX => 'exchange');

sub data_of {
	my ($record) = @_;
	return join '', $record->txtdata if $record->type eq 'TXT';
	my $method = $data{ $record->type };
	return $method ? $record->$method : $record->rdstring;
}

sub finish {
	my ($run, $task, $result, $error) = @_;
	my $name = $task->{name};
	delete $run->{going}{ $task->{number} };
	if ($task->{pid}) { # what is given up must not go on
		kill KILL => $task->{pid};
		waitpid $task->{pid}, 0;
	}
	if (defined $error) {
		$run->{errors}{$name} = $error;
	} else {
		$run->{results}{$name} = $result;
	}
	return;
}

sub expire {
	my ($run, $now) = @_;
	finish($run, $_, undef, 'timeout') for grep { $_->{end} <= $now } values %{ $run->{going} };
	return if $now < $run->{end};
	$run->{errors}{ $_->{name} // $_->{type} // '' } = 'timeout' for splice @{ $run->{waiting} };
	return;
}

# --- One question: as the functions without md_async, but within the limits; undef when there was no answer ----------------------------

# (answer, error)
sub one {
	my ($check) = @_;
	my $run = md_async_run_checks([$check]);
	return ($run->{results}{ $check->{name} }, $run->{errors}{ $check->{name} });
}

sub md_async_relay_is_blacklisted {
	my ($ip, $zone) = @_;
	my ($found) = one(md_async_check_dnsbl(ip => $ip, zone => $zone));
	return defined $found ? $found->[0] // 0 : undef;
}

sub md_async_email_is_blacklisted {
	my ($address, $zone, $hash) = @_;
	my $digest = Mail::MIMEDefang::Net::email_hash($address, $hash) // return undef;
	my ($found) = one({ name => 'email', type => 'dns', args => { name => "$digest.$zone", type => 'A' } });
	return defined $found ? $found->[0] // 0 : undef;
}

# The domain's record is asked for first, so that a name server that does not answer costs no more than the limit.
sub md_async_spf_verify {
	my ($address, $ip, $helo) = @_;
	my ($domain) = (($address // '') =~ s/^<(.*)>\z/$1/r) =~ /\@([^@]+)\z/;
	my (undef, $error) = defined $domain ? one(md_async_check_spf_record(domain => $domain)) : ();
	return ('temperror', "no answer about $domain: $error") if defined $error;
	return md_spf_verify($address, $ip, $helo);
}

# The policy as it stands in the DNS, or undef.
sub md_async_dmarc_verify {
	my ($domain) = @_;
	my ($found) = one(md_async_check_dmarc_record(domain => $domain));
	my ($record) = grep { /^v=DMARC1\b/i } @{ $found // [] };
	return $record;
}

# (code, category, action)
sub md_async_message_contains_virus_clamd {
	my ($where) = @_;
	return (0, 'ok', 'ok') unless in_message_context('md_async_message_contains_virus_clamd');
	my ($raw, $error) = one(md_async_check_clamd(where => $where // $ClamdSock, file => "$CWD/INPUTMSG"));
	return virus_verdict(md_async_interpret_clamav(raw => $raw, error => $error));
}

sub md_async_message_contains_virus_clamdscan {
	return (0, 'ok', 'ok') unless in_message_context('md_async_message_contains_virus_clamdscan');
	my $program = $Features{'Virus:CLAMDSCAN'} or return (1, 'not-installed', 'tempfail');
	my $check = md_async_check_clamdscan(program => $program, config => $Features{'Path:CLAMDCONF'}, path => "$CWD/Work");
	my ($raw, $error) = one($check);
	return virus_verdict(md_async_interpret_clamav(raw => $raw, error => $error));
}

sub virus_verdict {
	my ($found) = @_;
	return (999, 'cannot-execute', 'tempfail') unless $found->{available};
	return (0, 'ok', 'ok') unless $found->{virus};
	$VirusName = $found->{name} unless length $VirusName;
	return (1, 'virus', 'quarantine');
}

# (score, threshold, report, is spam)
sub md_async_spamc_check {
	my ($client) = @_;
	return undef unless $client && in_message_context('md_async_spamc_check');
	my $check = md_async_check_spamc(where => $client->{where}, user => $client->{user}, message => Mail::MIMEDefang::Antispam::message_text());
	my $answer = Mail::MIMEDefang::Antispam::spamd_answer((one($check))[0]);
	return $answer ? @$answer{qw(score threshold report is_spam)} : (0, 0, '', 0);
}

# By spamd, since what runs in this process cannot be given up: (score, required, names of tests, report).
sub md_async_spam_assassin_check {
	my ($where) = @_;
	return unless in_message_context('md_async_spam_assassin_check');
	my $check = md_async_check_spamc(where => $where // 'localhost:783', message => Mail::MIMEDefang::Antispam::message_text());
	my $answer = Mail::MIMEDefang::Antispam::spamd_answer((one($check))[0]) or return;
	my $tests = join ',', Mail::MIMEDefang::Antispam::symbols_of($answer->{report});
	return ($answer->{score}, $answer->{threshold}, $tests, $answer->{report});
}

# As rspamd_check().
sub md_async_rspamd_check {
	my ($uri) = @_;
	my @none = (0, 0, '', '', 'soft reject', 'false');
	return @none unless in_message_context('md_async_rspamd_check');
	my ($raw) = one(md_async_check_rspamd(uri => $uri, file => "$CWD/INPUTMSG", headers => Mail::MIMEDefang::Antispam::rspamd_headers()));
	my ($status, undef, $body) = Mail::MIMEDefang::Antispam::http_answer($raw);
	require JSON::PP;
	return @{ ($status eq '200' ? Mail::MIMEDefang::Antispam::rspamd_answer($body) : undef) // \@none };
}

1;
