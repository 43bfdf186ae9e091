package Mail::MIMEDefang::Check;

# The questions that are not about a whole message: connection, HELO, sender, recipient; maps, ticks, and requests that are the
# filter's own. Each answer_* takes the words of the request and returns the reply. Not for filters.
use strict;
use warnings;
use Mail::MIMEDefang;

# By what a filter returned first: the N of the reply, and the defaults for a code and a DSN of the wrong class.
my %verdict = (
	ACCEPT_AND_NO_MORE_FILTERING => [2, '250', '2.1.0'],
	DISCARD => [3, '250', '2.1.0'],
	CONTINUE => [1, '250', '2.1.0'],
	TEMPFAIL => [-1, '451', '4.3.0'],
	REJECT => [0, '554', '5.7.1'],
);

# A number counts by its sign; whatever else is no known word rejects.
sub verdict_of {
	my ($answer) = @_;
	return $verdict{REJECT} unless defined $answer;
	return $verdict{$answer} if $verdict{$answer};
	return $verdict{REJECT} unless $answer =~ /^\s*[-+]?\d+\s*\z/;
	return $answer > 0 ? $verdict{CONTINUE} : $answer < 0 ? $verdict{TEMPFAIL} : $verdict{REJECT};
}

sub reply {
	my ($answer, $text, $code, $dsn, $delay) = @_;
	my ($n, $default_code, $default_dsn) = @{ verdict_of($answer) };
	my $class = substr $default_code, 0, 1;
	$text = '?' unless defined $text && length $text;
	$code = $default_code unless defined $code && $code =~ /^$class\d\d\z/;
	$dsn = $default_dsn unless defined $dsn && $dsn =~ /^$class\.\d{1,3}\.\d{1,3}\z/;
	$delay = 0 unless defined $delay && $delay =~ /^\d+\z/;
	return join ' ', 'ok', $n, map { percent_encode($_) } $text, $code, $dsn, $delay;
}

sub ask {
	my ($name, @args) = @_;
	my $function = main->can($name) or return reply('CONTINUE', 'ok');
	return reply($function->(@args));
}

# From the message's folder, so that the filter can read what is known so far, and can write results.
sub ask_in {
	my ($dir, $name, @args) = @_;
	return reply('CONTINUE', 'ok') unless main->can($name);
	return reply('TEMPFAIL', "could not chdir($dir): $!") unless chdir $dir && Mail::MIMEDefang::results_open($dir);
	$CWD = $dir;
	my $reply = ask($name, @args);
	Mail::MIMEDefang::results_close();
	return $reply;
}

# A new question: nothing of the last one is left, even when its filter died.
sub begin {
	my ($queue_id) = @_;
	init_globals();
	Mail::MIMEDefang::results_close();
	$QueueID = $queue_id if defined $queue_id && length $queue_id;
	Mail::MIMEDefang::choose_message_name();
	return;
}

sub answer_relayok {
	my ($ip, $name, $port, $my_ip, $my_port, $queue_id) = @_;
	begin($queue_id);
	($RelayAddr, $RelayHostname) = ($ip, $name);
	return ask('filter_relay', $ip, $name, $port, $my_ip, $my_port, $QueueID);
}

sub answer_helook {
	my ($ip, $name, $helo, $port, $my_ip, $my_port, $queue_id) = @_;
	begin($queue_id);
	($RelayAddr, $RelayHostname, $Helo) = ($ip, $name, $helo);
	return ask('filter_helo', $ip, $name, $helo, $port, $my_ip, $my_port, $QueueID);
}

sub answer_senderok {
	my ($sender, $ip, $name, $helo, $dir, $queue_id, @args) = @_;
	begin($queue_id);
	($Sender, $RelayAddr, $RelayHostname, $Helo) = ($sender, $ip, $name, $helo);
	@ESMTPArgs = @args;
	return ask_in($dir, 'filter_sender', $sender, $ip, $name, $helo);
}

sub answer_recipok {
	my ($recipient, $sender, $ip, $name, $first, $helo, $dir, $queue_id, $mailer, $host, $addr, @args) = @_;
	begin($queue_id);
	($Sender, $RelayAddr, $RelayHostname, $Helo) = ($sender, $ip, $name, $helo);
	$Mail::MIMEDefang::CurrentRecipient = $recipient;
	@Recipients = ($recipient);
	$RecipientMailers{$recipient} = [$mailer, $host, $addr];
	@ESMTPArgs = @args;
	return ask_in($dir, 'filter_recipient', $recipient, $sender, $ip, $name, $first, $helo, $mailer, $host, $addr);
}

my %map_code = map { $_ => 1 } qw(OK NOTFOUND TEMP TIMEOUT PERM);

sub answer_map {
	my ($map, $key) = @_;
	begin();
	my $function = main->can('filter_map') or return 'PERM ' . percent_encode('No filter_map function defined');
	my ($code, $value) = $function->($map, $key // '');
	$code //= '';
	($code, $value) = ('PERM', "Invalid code from filter_map: $code") unless $map_code{$code};
	return "$code " . percent_encode($value // '');
}

sub answer_tick {
	my ($n) = @_;
	begin();
	my $function = main->can('filter_tick') or return "error: tick $n: filter_tick undefined";
	$function->($n);
	return "tock $n";
}

# A request that is not ours: handle_NAME() of the filter when there is one, else filter_unknown_cmd(). The answer is a list of words,
# or a line given to print_and_flush().
sub answer_unknown {
	my ($command, @args) = @_;
	begin();
	my $handle = $command =~ /^\w+\z/ && main->can("handle_$command");
	my $function = $handle || main->can('filter_unknown_cmd') or return 'error: Unknown command';
	my ($status, @words) = map { $_ // '' } $function->($handle ? () : $command, @args);
	return $Mail::MIMEDefang::Answer if defined $Mail::MIMEDefang::Answer;
	$status = 'error:' unless defined $status && $status eq 'ok';
	return join ' ', $status, map { percent_encode($_) } @words;
}

1;
