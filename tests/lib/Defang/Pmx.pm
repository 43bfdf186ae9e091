# pmx-milter with a configuration of the test's own, in a temporary folder that belongs to user nobody.
#
#	my $pmx = Defang::Pmx->new(Policy => { workers => 2, filter => $text, more => "timeout = 5\n" }, ..);	# blocks, in this order
#	my ($status, $out, $err) = $pmx->run('start', 'Policy');
#	my $view = $pmx->view('Policy');	# its object in `status --json', or nothing
#	my $mta = Defang::Pmx::mta($pmx->port('Policy'));	# a scripted MTA
#	$pmx->preload('linger.so', LINGER => $file);	# a library of tests/helpers, for both programs
#	my ($go, $filter) = Defang::Pmx::held_filter();	# a folder, and a filter that waits for files there
#	$pmx->hold_back('mimedefang', $file);	# each start of that program writes its pid to $file.held, and waits until $file is there
# A milter's port is a TCP one, or with {local} a socket in the folder. {global} of new() is text outside blocks. Whatever runs is killed
# at the end.
package Defang::Pmx;
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Defang::Test qw(stage spew slurp temp_dir run_command free_port wait_until);

my $filter = "sub filter_begin { return }\nsub filter { return action_accept() }\n1;\n";
my @all;

# A folder, and the text of a filter that looks for files there: with `slow_load' it waits while it is loaded, having made `loading', and with
# `slow' in each message, having made `busy', until there is `go'; with `deaf' the worker does not hear SIGTERM; with `broken' it does not load.
sub held_filter
{
	my $go = temp_dir('defang-go');
	chmod 0777, $go;
	return ($go, <<"FILTER");
sub wait_for_go { open my \$at, '>', "$go/\$_[0]"; close \$at; select undef, undef, undef, 0.02 until -e "$go/go"; return }
die "broken\\n" if -e "$go/broken";
wait_for_go('loading') if -e "$go/slow_load";
sub filter_begin {
	\$SIG{TERM} = 'IGNORE' if -e "$go/deaf";
	wait_for_go('busy') if -e "$go/slow";
	return;
}
sub filter { return action_accept() }
1;
FILTER
}

# What a sanitizer finds in a program that has gone to the background goes to a file here, for its standard error leads nowhere.
my $reports = Defang::Test::sanitized() ? temp_dir('defang-reports') : undef;
if (defined $reports) {
	chmod 01777, $reports or die "$reports: $!\n";
	$ENV{$_} = join ':', grep { defined } $ENV{$_}, "log_path=$reports/report" for qw(ASAN_OPTIONS UBSAN_OPTIONS);
}

sub new
{
	my ($class, @milters) = @_;
	my $dir = temp_dir('defang-pmx');
	my $self = bless { dir => $dir, conf => "$dir/pmx.conf", run => "$dir/run", names => [], milters => {}, global => '', owner => $$ }, $class;
	for my $folder ("$dir/run", "$dir/spool", "$dir/log", "$dir/sock") {
		mkdir $folder, 0755 or die "$folder: $!\n";
		Defang::Test::give_to_nobody($folder);
	}
	chmod 0750, "$dir/spool";
	$self->add(splice @milters, 0, 2) while @milters;
	$self->write;
	push @all, $self;
	return $self;
}

sub add
{
	my ($self, $name, $how) = @_;
	$how->{port} //= $how->{local} ? "local:$self->{dir}/sock/$name.sock" : 'inet:' . free_port() . '@127.0.0.1';
	$how->{rules} //= spew("$self->{dir}/$name.filter", $how->{filter} // $filter);
	$self->{milters}{$name} = $how;
	push @{ $self->{names} }, $name;
	return;
}

sub user { return $> == 0 ? 'nobody' : scalar getpwuid $> }

# The configuration, from {milters} as they are now.
sub write
{
	my ($self) = @_;
	my $dir = $self->{dir};
	my $text = 'user = ' . user() . "\nrun_dir = $dir/run\nspool_dir = $dir/spool\nlog_dir = $dir/log\n"
		. "start_timeout = " . (Defang::Test::sanitized() ? '120' : '60') . "\n$self->{global}";
	for my $name (@{ $self->{names} }) {
		my $how = $self->{milters}{$name};
		my $workers = $how->{workers} // 2;
		$text .= "<milter $name>\nport = $how->{port}\nrules = $how->{rules}\nmax_pooled_procs = $workers\n"
			. 'enabled = ' . ($how->{disabled} ? 'no' : 'yes') . "\n" . ($how->{more} // '') . "</milter>\n";
	}
	spew($self->{conf}, $text);
	chmod 0644, $self->{conf};
	return;
}

sub port { return $_[0]{milters}{ $_[1] }{port} =~ s/^local:/unix:/r }
sub spool { my ($self, $name) = @_; return @{ $self->{names} } > 1 ? "$self->{dir}/spool/$name" : "$self->{dir}/spool" }
sub command { my ($self, @words) = @_; return (@{ $self->{with} // [] }, ($self->{stage} // stage()) . '/bin/pmx-milter', '-c', $self->{conf}, @words) }

# In the stage of our own, commands of a shell that a program is preceded by.
sub script_before
{
	my ($self, $program, $commands) = @_;
	my $own = "$self->{dir}/stage";
	system('cp', '-a', stage(), $own) == 0 or die "cannot copy the stage\n" if !-d $own;
	$self->{stage} = $own;
	rename "$own/bin/$program", "$own/bin/$program.real" or die "$program: $!\n" if !-e "$own/bin/$program.real";
	spew("$own/bin/$program", "#!/bin/sh\n$commands\nexec $own/bin/$program.real \"\$@\"\n");
	chmod 0755, "$own/bin/$program";
	return;
}

sub hold_back
{
	my ($self, $program, $file) = @_;
	$self->{held}{$program} = $file;
	$self->script_before($program, "echo \$\$ > $file.held; until [ -e $file ]; do sleep 0.02; done");
	return;
}

# With both programs held back: a start or restart at the point where it waits for the one to come, all before it being ready. And its pid.
sub begin_held
{
	my ($self, $program, @command) = @_;
	my $held = $self->{held};
	unlink map { ($_, "$_.held") } values %$held;
	spew($held->{'mimedefang-multiplexor'}, '') if $program eq 'mimedefang';
	my $start = $self->begin(@command);
	my $pid = wait_until(60, sub { (slurp("$held->{$program}.held") // '') =~ /^(\d+)\n/ ? $1 : Defang::Test::has_ended($start) }, "$program begins to start");
	return wantarray ? ($start, $pid) : $start;
}

sub let_go { my ($self) = @_; spew($_, '') for values %{ $self->{held} }; return }

# From now on the two programs of each milter run with a library of tests/helpers preloaded that hears of the file by the variable; pmx-milter
# itself, too, when {with} gets what is returned. It hands on no environment: in a stage of our own a script in the place of each program does.
sub preload
{
	my ($self, $library, $variable, $file) = @_;
	spew("$self->{dir}/$library", slurp(Defang::Test::helper($library)));
	my @set = ("LD_PRELOAD=$self->{dir}/$library", "$variable=$file");
	$self->script_before($_, "export @set") for qw(mimedefang mimedefang-multiplexor);
	# The sanitizers want to be loaded before anything else.
	$ENV{ASAN_OPTIONS} = join ':', grep { defined } $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0';
	return ['env', @set];
}

sub run
{
	my ($self, @words) = @_;
	my ($status, $out, $err) = run_command(180, $self->command(@words));
	return ($status >> 8, $out, $err);
}

# In the background: for Defang::Test::has_ended(); its output is in {log}.
sub begin
{
	my ($self, @words) = @_;
	return Defang::Test::start_program("$self->{dir}/begun-" . ++$self->{begun}, $self->command(@words));
}

sub views
{
	my ($self, @words) = @_;
	my (undef, $out, $err) = $self->run('status', '--json', @words);
	my $got = eval { JSON::PP->new->utf8->decode($out) } or die "status --json is no JSON:\n$out$err";
	return @{ $got->{milters} };
}

sub view { my ($self, $name) = @_; my ($view) = grep { $_->{name} eq $name } $self->views('--all'); return $view }

sub connect
{
	my ($self, $name) = @_;
	my $port = $self->port($name);
	return IO::Socket::INET->new(PeerAddr => "$2:$1", Timeout => 5) if $port =~ /^inet:(\d+)@(.*)/;
	return IO::Socket::UNIX->new(Peer => $port =~ s/^unix://r);
}

# milter-send: its JSON, with {status}.
sub send
{
	my ($self, $name, @options) = @_;
	my ($status, $out, $err) = run_command(120, stage() . '/bin/milter-send', '-m', $self->port($name), '--json', @options,
		Defang::Test::data('plain.eml'));
	my $got = eval { JSON::PP->new->utf8->decode($out) } // {};
	return { %$got, status => $status >> 8, stderr => $err };
}

# A session of a mail server that says what it is told to and hears the answers; negotiated so that each command has one.
#	my $mta = $pmx->session('Policy');
#	$mta->('M', "<a\@b>\0");	# the letters of the answer, or nothing after a hang-up
sub session
{
	my ($self, $name) = @_;
	my $socket = $self->connect($name) or die "no connection to $name\n";
	my $read = sub {
		my ($n) = @_;
		my $got = '';
		while (length $got < $n) {
			my $ready = '';
			vec($ready, fileno $socket, 1) = 1;
			select($ready, undef, undef, 60) or die "no answer of $name\n";
			sysread $socket, $got, $n - length $got, length $got or return;
		}
		return $got;
	};
	my $say = sub {
		my ($letter, $data) = @_;
		local $SIG{PIPE} = 'IGNORE';
		syswrite $socket, pack 'N/a*', $letter . ($data // '');
		while (1) {
			my $head = $read->(4) // return;
			my $answer = substr $read->(unpack 'N', $head) // return, 0, 1;
			return $answer if $answer !~ /[-+hmibpqe]/; # changes and progress come before the answer
		}
	};
	$say->('O', pack 'NNN', 6, 0x1ff, 0);
	$say->('C', "client.example\0004" . pack('n', 25) . "192.0.2.7\0");
	return $say;
}

# To the end of the message; the last answer.
sub finish_message
{
	my ($say) = @_;
	$say->('R', "<rcpt\@example.org>\0");
	$say->('T');
	$say->('L', "Subject\0test\0");
	$say->('N');
	$say->('B', "text\r\n");
	my $answer = $say->('E');
	return $answer;
}

# What must hold of every status (of one object of views()): the names of the requirements that do not. %$peaks remembers the peaks.
sub faults_of
{
	my ($v, $peaks) = @_;
	my $pool = $v->{pool} or return;
	my @slots = @{ $v->{slots} };
	my @live = grep { defined $_->{pid} } @slots;
	my @retiring = grep { $_->{retiring} } @live;
	my $peak = $peaks->{ $v->{name} }{ $v->{master}{pid} } // 0;
	$peaks->{ $v->{name} }{ $v->{master}{pid} } = $pool->{peak};
	my ($req, $accepted) = (0, 0);
	$req += $_->{req}, $accepted += $_->{acc}{slot} for @slots;
	my %holds = (
		'R32: waiting is 0' => $v->{waiting} == 0,
		'R35: the peak never falls, and is not below what lives' => $pool->{peak} >= $peak && $pool->{peak} >= @live,
		'R36: the second number is twice the limit' => $pool->{max} == 2 * $pool->{active_max},
		'R37: at most half live that are not retiring' => @live - @retiring <= $pool->{active_max} && @live <= $pool->{max},
		'R39: retiring are the marked ones' => $pool->{retiring} == @retiring,
		'R45: req is the sum of the slots' => $pool->{req} == $req,
		'R44: accepted by the process, by the slot' => !grep({ $_->{acc}{process} > $_->{acc}{slot} } @slots),
		'R44: a slot that is shown has had a process' => !grep({ $_->{acc}{processes} < 1 } @slots),
		'R41: messages are among what was accepted' => $pool->{msg} <= $accepted,
		'live are live' => $pool->{live} == @live,
	);
	return map { "$_: " . JSON::PP->new->canonical->encode($v) } grep { !$holds{$_} } sort keys %holds;
}

# How many stops have wanted it down.
sub stops { my ($self, $name) = @_; return (slurp("$self->{run}/$name/asked") // '') =~ tr/ga// }

sub is_alive { my ($pid) = @_; return $pid && kill(0, $pid) && (slurp("/proc/$pid/stat") // ') Z') !~ /\) Z/ ? 1 : 0 }

# What is left of a milter in run_dir and the spool folder, but pmx-milter's own lock and the file of what was wanted.
sub left
{
	my ($self, $name) = @_;
	return sort map { s/.*\///r } grep { !m{/(?:lock|asked)$} } glob("$self->{run}/$name/*"), glob($self->spool($name) . '/mdefang-*');
}

# Whoever is in the way of the end, by the lock files' holders.
sub kill_all
{
	my ($self) = @_;
	run_command(60, $self->command('stop', '-KILL', '--quiet'));
	return;
}

sub clean_up
{
	local ($?, $@);
	for my $self (@all) {
		next if $self->{owner} != $$;
		eval { $self->kill_all; 1 } or warn $@;
	}
	return;
}

# A report of a sanitizer makes the whole test fail.
END {
	my $owner = grep { $_->{owner} == $$ } @all;
	clean_up();
	my @found = $owner && defined $reports ? glob "$reports/report.*" : ();
	print {*STDERR} map { slurp($_) } @found;
	$? = 99 if @found;
}

1;
