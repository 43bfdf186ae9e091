package Defang::Rig;
# A running mimedefang between an MTA and a controller that are both played here: the MTA packet by packet, the controller by a
# function of the request line. Everything lies in a temporary folder; every wait has a deadline.
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time);

our @EXPORT = qw(wait_until slurp spew);

my $deadline_s = $ENV{DEFANG_TEST_DEADLINE} || 60;

# Turn until the function is true; its value, or nothing after the deadline.
sub wait_until {
	my ($what) = @_;
	my $end = time + $deadline_s;
	while (time < $end) {
		my $value = $what->();
		return $value if $value;
		select undef, undef, undef, 0.01;
	}
	return;
}

sub slurp {
	my ($file) = @_;
	open my $fh, '<:raw', $file or return;
	local $/;
	return scalar <$fh>;
}

# Written whole or not at all: the controller reads some of them at any time.
sub spew {
	my ($file, $text) = @_;
	open my $fh, '>:raw', "$file.new" or die "$file: $!";
	print $fh $text;
	close $fh or die "$file: $!";
	rename "$file.new", $file or die "$file: $!";
}

# The names of a folder's entries, sorted.
sub entries {
	my ($dir) = @_;
	opendir my $dh, $dir or return;
	return sort grep { !/^\.\.?$/ } readdir $dh;
}

# Defang::Rig->new(args => [options of mimedefang], answer => sub { my ($line, $rig) = @_; ... }, results => sub { ... })
#   answer   the controller's reply to a request line; '' just closes, undef never answers. What it leaves to the default
#            (returns 'default') is `4` to free, `ok 1` to checks, and a scan that takes the files and writes RESULTS.
#   results  called for a scan with (directory, sender): the bytes of RESULTS; default "F\n"
#   daemon   start() goes into the background: $rig->{pid} is then the process that waits for readiness
#   no_start leave start() to the test
#   wrap     words to put before the command of start()
#   spool, socket  another spool folder, another socket than the one in it
#   key      content of the file mimedefang-ip-key
#   no_controller  start without one (and do not wait for mimedefang to be ready)
sub new {
	my ($class, %opt) = @_;
	my $dir = tempdir('defang-rig-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my $spool = $opt{spool} // "$dir/spool";
	my $self = bless { socket => "$spool/milter.sock", %opt, dir => $dir, spool => $spool, owner => $$, log => '' }, $class;
	my @user = getpwnam 'nobody';
	chmod 0755, $dir;
	make_path($self->{spool}, "$dir/seen");
	chown @user[2, 3], $dir, $self->{spool}, "$dir/seen" if $> == 0;
	spew("$dir/mimedefang-ip-key", $opt{key}) if $opt{key};
	$self->start_controller unless $opt{no_controller};
	return $self if $opt{no_start};
	$self->start(@{ $opt{args} || [] });
	if (!$opt{no_controller}) {
		$self->wait_log(qr/entering main loop/) or die "mimedefang did not start:\n$self->{log}";
	}
	return $self;
}

sub program {
	my $build = $ENV{DEFANG_BUILD} || 'build';
	my ($found) = grep { -x } "$build/src/milter/mimedefang", "$build/stage/bin/mimedefang";
	die "mimedefang is not built in $build\n" unless $found;
	return abs_path($found);
}

sub start {
	my ($self, @args) = @_;
	unshift @args, '-U', 'nobody' if $> == 0;
	unshift @args, '-D' unless $self->{daemon};
	unshift @args, '-p', "unix:$self->{socket}", '-m', "$self->{dir}/pool.sock", '-z', $self->{spool};
	unshift @args, @{ $self->{wrap} || [] }, program(), '--conf-dir', $self->{dir};
	pipe my $read, my $write or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDERR, '>&', $write;
		open STDOUT, '>&', $write;
		exec { $args[0] } @args or POSIX::_exit(127);
	}
	close $write;
	$self->{pid} = $pid;
	$self->{stderr} = $read;
	return $self;
}

# Read what mimedefang has logged, for at most so many seconds if nothing has come.
sub read_log {
	my ($self, $wait) = @_;
	return 0 unless $self->{stderr} && IO::Select->new($self->{stderr})->can_read($wait);
	my $n = sysread $self->{stderr}, $self->{log}, 65536, length $self->{log};
	if (!$n) {
		close delete $self->{stderr};
		return 0;
	}
	return 1;
}

# Wait until the log matches; the first group, or 1.
sub wait_log {
	my ($self, $re) = @_;
	my $end = time + $deadline_s;
	while (1) {
		while ($self->read_log(0)) { }
		return defined $1 ? $1 : 1 if $self->{log} =~ $re;
		return if time > $end || !$self->{stderr};
		$self->read_log(0.2);
	}
}

# Forget what was logged so far.
sub clear_log {
	my ($self) = @_;
	while ($self->read_log(0)) { }
	$self->{log} = '';
	return;
}

# Send a signal and wait for the end: the exit status as in $?. By default the one that does not wait for messages in hand.
sub stop {
	my ($self, $signal) = @_;
	return unless $self->{pid};
	kill $signal || 'INT', $self->{pid};
	my $end = time + $deadline_s;
	while (time < $end) {
		if (waitpid($self->{pid}, POSIX::WNOHANG()) > 0) {
			my $status = $?;
			delete $self->{pid};
			while ($self->read_log(0)) { }
			return $status;
		}
		$self->read_log(0.05);
	}
	kill 'KILL', $self->{pid};
	waitpid delete $self->{pid}, 0;
	return 'did not end';
}

sub DESTROY {
	my ($self) = @_;
	local ($?, $@);
	return if $self->{owner} != $$;
	$self->stop('KILL') if $self->{pid};
	$self->stop_controller;
	return;
}

# The controller

sub start_controller {
	my ($self) = @_;
	my $path = "$self->{dir}/pool.sock";
	unlink $path;
	my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 64) or die "$path: $!";
	chmod 0777, $path;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$self->{owner} = 0;
		local $SIG{PIPE} = 'IGNORE'; # a question may be withdrawn
		become_nobody();
		eval { $self->serve($listen); 1 } or print STDERR "# controller: $@";
		POSIX::_exit(0);
	}
	$self->{controller} = $pid;
	return;
}

# Filters run as the same user as mimedefang.
sub become_nobody {
	my @user = getpwnam 'nobody';
	return unless $> == 0;
	$( = $) = "$user[3] $user[3]";
	($<, $>) = @user[2, 2];
	return;
}

sub stop_controller {
	my ($self) = @_;
	my $pid = delete $self->{controller} or return;
	kill 'KILL', $pid;
	waitpid $pid, 0;
	unlink "$self->{dir}/pool.sock";
	return;
}

sub note {
	my ($self, $line) = @_;
	open my $fh, '>>:raw', "$self->{dir}/requests" or die;
	print $fh $line;
	close $fh;
	return;
}

# What stands behind it is ignored, as MIMEDefang's controller does.
sub first_line { return $_[0] =~ s/\n\K.*//sr }

# One request after the other; those that are never answered stay open, and their end is noted.
sub serve {
	my ($self, $listen) = @_;
	my $select = IO::Select->new($listen);
	my %input; # by the connection
	while (1) {
		for my $fh ($select->can_read) {
			if ($fh == $listen) {
				my $client = $listen->accept or next;
				$select->add($client);
				$input{$client} = '';
			} elsif (!sysread $fh, $input{$fh}, 65536, length $input{$fh}) {
				$self->note('hangup ' . first_line($input{$fh})) if $input{$fh} ne '';
				$select->remove($fh);
				close $fh;
			} elsif ($input{$fh} =~ /\n/) {
				my $line = first_line($input{$fh});
				$self->note($line);
				my $reply = $self->try_reply($line);
				next unless defined $reply;
				$select->remove($fh);
				syswrite $fh, $reply if length $reply;
				close $fh;
			}
		}
	}
}

# Whatever goes wrong here must not look like a controller that takes its time.
sub try_reply {
	my ($self, $line) = @_;
	my $reply;
	return $reply if eval { $reply = $self->reply($line); 1 };
	print STDERR "# controller: $@" if $@ !~ /is gone$|No such file/; # the MTA has withdrawn the message
	return '';
}

sub reply {
	my ($self, $line) = @_;
	chomp $line;
	my $reply = $self->{answer} ? $self->{answer}->($line, $self) : 'default';
	return $reply unless defined $reply && $reply eq 'default';
	return "4\n" if $line eq 'free';
	return "ok 1\n" unless $line =~ /^scan \S+ (\S+)$/;
	return $self->scan($1);
}

sub decode {
	my ($text) = @_;
	$text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $text;
}

# Keep a copy of the work directory in seen/SENDER, and write RESULTS.
sub scan {
	my ($self, $dir) = @_;
	$dir = decode($dir);
	my ($sender) = (slurp("$dir/COMMANDS") || '') =~ /^S(.*)$/m;
	die "$dir is gone\n" unless defined $sender; # the MTA has withdrawn the message
	my $seen = "$self->{dir}/seen/" . decode($sender);
	make_path($seen);
	for my $name (grep { -f "$dir/$_" } entries($dir)) {
		spew("$seen/.$name", slurp("$dir/$name") // ''); # gone when the scan was withdrawn
		rename "$seen/.$name", "$seen/$name";
	}
	my $results = $self->{results} ? $self->{results}->($dir, decode($sender)) : "F\n";
	spew("$dir/RESULTS", $results) if defined $results;
	return "ok\n";
}

sub requests {
	my ($self) = @_;
	return split /^/, slurp("$self->{dir}/requests") // '';
}

sub clear_requests {
	my ($self) = @_;
	unlink "$self->{dir}/requests";
	return;
}

# A file of a message as the filter saw it.
sub seen {
	my ($self, $sender, $name) = @_;
	return slurp("$self->{dir}/seen/$sender/$name");
}

# The work directories that are there.
sub work_dirs {
	my ($self) = @_;
	return grep { /^mdefang-/ } entries($self->{spool});
}

# A connection as an MTA makes it; negotiated as version 6 with all that there is but HDR_LEADSPC, unless told otherwise.
sub connect {
	my ($self, %opt) = @_;
	my $socket;
	# The file is there a moment before anybody listens on it.
	wait_until(sub { $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $self->{socket}) }) or die "connect: $!";
	my $mta = bless { socket => $socket, input => '' }, 'Defang::Rig::Mta';
	return $mta if $opt{raw};
	$mta->negotiate(@opt{qw(version actions protocol)});
	return $mta;
}

# The flags by the letter of the command that they silence.
my %silent = (C => 0x1000, H => 0x2000, M => 0x4000, R => 0x8000, T => 0x10000, U => 0x20000, N => 0x40000, B => 0x80000, L => 0x80);

package Defang::Rig::Mta;
use strict;
use warnings;
use Time::HiRes qw(time);

sub write {
	my ($self, $bytes) = @_;
	my $at = 0;
	local $SIG{PIPE} = 'IGNORE';
	while ($at < length $bytes) {
		my $n = syswrite $self->{socket}, $bytes, length($bytes) - $at, $at;
		return 0 unless $n;
		$at += $n;
	}
	return 1;
}

sub packet {
	my ($letter, $data) = @_;
	$data //= '';
	return pack('N', 1 + length $data) . $letter . $data;
}

sub send {
	my ($self, $letter, $data) = @_;
	return $self->write(packet($letter, $data));
}

# The next packet as (letter, data); the empty list at the end of file; dies at the deadline.
sub recv {
	my ($self, $seconds) = @_;
	my $end = time + ($seconds // $deadline_s);
	while (1) {
		if (length $self->{input} >= 5) {
			my $n = unpack 'N', $self->{input};
			if (length $self->{input} >= 4 + $n) {
				my $packet = substr $self->{input}, 0, 4 + $n, '';
				return (substr($packet, 4, 1), substr $packet, 5);
			}
		}
		my $left = $end - time;
		die "no packet in time\n" unless $left > 0 && IO::Select->new($self->{socket})->can_read($left);
		my $n = sysread $self->{socket}, $self->{input}, 65536, length $self->{input};
		return unless $n;
	}
}

# Whether the other side has closed.
sub at_end {
	my ($self) = @_;
	my @packet = eval { $self->recv };
	return !@packet && $@ eq '';
}

# The letters of all packets up to the verdict, with their data. PROGRESS does not prolong the wait.
sub answer {
	my ($self) = @_;
	my @packets;
	my $end = time + $deadline_s;
	while (my ($letter, $data) = $self->recv($end - time)) {
		push @packets, [$letter, $data];
		return @packets if $letter =~ /[cartdys4f]/;
	}
	return (@packets, ['EOF', '']);
}

# Send a command and wait for its verdict as text: `c`, `r`, `y550 5.1.1 no`; '' where none is due.
sub command {
	my ($self, $letter, $data) = @_;
	$self->send($letter, $data);
	return '' if ($silent{$letter} // 0) & $self->{protocol};
	my ($verdict) = ($self->answer)[-1];
	my $text = $verdict->[0] . $verdict->[1];
	$text =~ s/\0\z//;
	return $text;
}

sub negotiate {
	my ($self, $version, $actions, $protocol) = @_;
	$self->send('O', pack 'NNN', $version // 6, $actions // 0x1ff, $protocol // 0x0fffff);
	my ($letter, $data) = $self->recv or return;
	@$self{qw(version actions protocol)} = unpack 'NNN', $data;
	$self->{lists} = substr $data, 12;
	return $letter;
}

sub macros {
	my ($self, $letter, @pairs) = @_;
	return $self->send('D', join '', $letter, map { "$_\0" } @pairs);
}

sub connect_from {
	my ($self, $host, $family, $port, $address) = @_;
	my $data = "$host\0$family";
	$data .= pack('n', $port) . "$address\0" if defined $address;
	return $self->command('C', $data);
}

sub helo {
	my ($self, $name) = @_;
	return $self->command('H', "$name\0");
}

sub mail {
	my ($self, @words) = @_;
	return $self->command('M', join '', map { "$_\0" } @words);
}

sub rcpt {
	my ($self, @words) = @_;
	return $self->command('R', join '', map { "$_\0" } @words);
}

sub header {
	my ($self, $name, $value) = @_;
	$value = " $value" if $self->{protocol} & 0x100000; # HDR_LEADSPC: as it stands in the message
	return $self->command('L', "$name\0$value\0");
}

# A whole message. The packets of the end of message, as [letter, data], without PROGRESS, which a busy machine may make necessary.
#   from, to => [..], headers => [name, value, ..], body => [pieces], macros => { M => [..], .. }
sub message {
	my ($self, %m) = @_;
	my @headers = @{ $m{headers} || [ Subject => 'test' ] };
	$self->{connected}++ or $self->connect_from('client.example', '4', 4321, '192.0.2.1');
	$self->macros(M => @{ $m{macros}{M} || [] });
	$self->mail(ref $m{from} ? @{ $m{from} } : $m{from} // '<s@example.org>');
	$self->rcpt($_) for @{ $m{to} || ['<r@example.org>'] };
	while (my ($name, $value) = splice @headers, 0, 2) {
		$self->header($name, $value);
	}
	$self->command('N');
	$self->command('B', $_) for @{ $m{body} || ["body\r\n"] };
	$self->macros(E => @{ $m{macros}{E} || [] }) if $m{macros}{E};
	$self->send('E');
	return grep { $_->[0] ne 'p' } $self->answer;
}

# The same, as text: letters with their data, NULs shown as `|`.
sub outcome {
	my ($self, %m) = @_;
	return join ' ', map { s/\0/|/gr } map { $_->[0] . $_->[1] } $self->message(%m);
}

1;
