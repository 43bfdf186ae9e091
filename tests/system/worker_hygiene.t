# What a filter leaves changed in the process is put back before the next request, and told once; a filter function that dies, in
# whatever way, is a temporary failure, and the worker goes on.
use strict;
use warnings;
use Defang::Test qw(slurp spew wait_until);
use Defang::Worker;
use Test::More;

my $plain = "Subject: s\n\nbody\n";

# The log to standard error.
my $log = <<'FILTER';
{
	no warnings 'redefine';
	*Mail::MIMEDefang::log_line = sub { print STDERR "LOG $_[0] $_[1]\n" };
}
FILTER

sub said { my ($worker, $pattern) = @_; return scalar(() = $worker->stderr =~ /$pattern/g) }

# --- What is left changed --------------------------------------------------------------------------------------------------------
{
	local $ENV{TMPDIR};
	delete $ENV{TMPDIR};
	my $worker = Defang::Worker->start($log . <<'FILTER');
use POSIX ();
$SIG{USR1} = \&at_load;
sub at_load { }
my $socket;
sub filter_initialize { $SIG{__WARN__} = sub { print STDERR "WARNED $_[0]" } }
my %do = (
	folder => sub { chdir '/' },
	umask => sub { umask 0 },
	alarm => sub { alarm 1000 },
	lines => sub { $/ = undef },
	ors => sub { $\ = 'x' },
	ofs => sub { $, = 'y' },
	buffered => sub { $| = 0 },
	select => sub { select STDERR },
	handler => sub { $SIG{ALRM} = sub { }; $SIG{USR1} = 'IGNORE'; $SIG{INT} = 'at_load' },
	ignore => sub { $SIG{CHLD} = 'IGNORE' },
	diehook => sub { $SIG{__DIE__} = sub { print STDERR "HOOKED\n" }; delete $SIG{__WARN__} },
	path => sub { $ENV{PATH} = '/nowhere' },
	descriptor => sub { POSIX::open('INPUTMSG') or die; POSIX::open('tmp/x', POSIX::O_CREAT() | POSIX::O_WRONLY()) or die },
	temporary => sub { $ENV{TMPDIR} = '/elsewhere' },
	kept => sub { our $Kept = $_[0]; open our $Handle, '<', 'INPUTMSG' or die; $socket //= POSIX::open('/dev/zero') },
	local => sub { local $SIG{ALRM} = sub { }; local $SIG{PIPE} = 'IGNORE'; local ($/, $\, $,); alarm 10; alarm 0 },
);
sub filter_begin { $do{$Subject}->($_[0]) if $do{$Subject} }
my $mask = umask;
sub handle_state {
	my ($alarm, $now) = (alarm 0, umask);
	my $handler = sub { my $h = $SIG{ $_[0] }; return !defined $h || $h eq 'DEFAULT' ? '-' : ref $h ? ref $h : $h };
	my @open = map { readlink("/proc/self/fd/$_") // () } 3 .. 99;
	warn "seen\n";
	return ('ok', Cwd::getcwd() =~ m{/spool\z} ? 'spool' : 'elsewhere', $now == $mask ? 'umask' : $now, $alarm, $/ eq "\n" ? 'lf' : 'other',
		defined $\ ? 1 : 0, defined $, ? 1 : 0, $|, select, (map { $handler->($_) } qw(ALRM USR1 INT CHLD __DIE__)), $ENV{PATH} =~ m{/bin} ? 'path' : 'none',
		(grep { m{/mdefang-} } @open) + 0, $ENV{TMPDIR} // 'none', (grep { m{/dev/zero} } @open) + 0);
}
FILTER
	my $want = 'ok spool umask 0 lf 0 0 1 main::STDOUT - CODE - - - path 0 none 0';
	is($worker->ask('state'), $want, 'as it is');
	my %told = (folder => 'another current folder', umask => 'another umask', alarm => 'an alarm set', lines => 'another value in $/',
		ors => undef, ofs => undef, buffered => '$| of STDOUT unset', select => 'another handle selected', handler => undef,
		ignore => undef, diehook => 'other signal handlers __DIE__', path => 'another PATH', descriptor => 'a descriptor open: ', temporary => undef, local => undef);
	$worker->scan($worker->message($plain, 'Ulocal'));
	is($worker->stderr =~ s/^WARNED seen\n//mgr, '', 'nothing is told of what is put back by the filter itself');
	for my $kind (sort grep { $_ ne 'local' } keys %told) {
		for my $round (1, 2) {
			my ($reply) = $worker->scan($worker->message($plain, "U$kind"));
			is($reply, 'ok', "$kind: scanned");
			is($worker->ask('state'), $want, '  and put back');
		}
		next unless $told{$kind};
		is(said($worker, qr/^LOG warning Q1: filter left \Q$told{$kind}\E.*\(put back; not told again\)$/m), 1, '  and told once');
	}
	is($worker->stderr =~ /HOOKED/, '', 'no hook of the filter has run');
	is(said($worker, qr/^WARNED seen$/m), 1 + 2 * (keys(%told) - 1), 'the hook that filter_initialize() set is kept');

	for (1, 2) {
		my ($reply) = $worker->scan($worker->message($plain . "more\n" x 20_000, 'Ukept')); # too long to be kept in memory
		is($reply, 'ok', 'kept');
		is($worker->ask('state'), $want =~ s/0 none 0\z/3 none 1/r,
			'what belongs to a handle, to a message in use, or lies elsewhere stays open');
	}
	is($worker->stop, 0, 'ends well');
}

{
	local $ENV{TMPDIR} = '/tmp';
	my $worker = Defang::Worker->start('sub filter_begin { system q(echo "child $TMPDIR") } sub handle_tmp { return ("ok", $ENV{TMPDIR}, `printenv TMPDIR`) }');
	is($worker->ask('tmp'), 'ok /tmp /tmp%0A', 'TMPDIR');
	my $dir = $worker->message($plain);
	$worker->scan($dir);
	is($worker->stderr, "child $dir/tmp\n", '  of a program that a filter runs');
	is($worker->ask('tmp'), 'ok /tmp /tmp%0A', '  and then');
	$worker->stop;
}

# --- Children ------------------------------------------------------------------------------------------------------------------
# The child says when it has come back, as far as it comes, in a file; the parent waits for its end.
for my $at (qw(filter_begin filter filter_end filter_wrapup filter_relay handle_it)) {
	my $worker = Defang::Worker->start($log . <<'FILTER' =~ s/AT/$at/r);
sub filter_begin { }
sub filter { action_accept() }
sub filter_end { action_add_header('X-Parent', 'yes') if $$ == $Mail::MIMEDefang::Worker::Pid; append_text_boilerplate($_[0], "more\n", 0) }
our $Once;
{
	no warnings 'redefine';
	*AT = sub {
		if (!$Once++) {
			my $pid = fork // die;
			action_add_header('X-Child', 'yes') if !$pid;
			waitpid $pid, 0 if $pid;
			print STDERR "child $?\n" if $pid;
		}
		return ('ok', 'fine');
	};
}
FILTER
	my ($reply, @results) = $at =~ /^filter_relay|^handle/ ? $worker->ask($at eq 'handle_it' ? 'it' : 'relayok 192.0.2.1 h 1 2 3 Q') :
		$worker->scan($worker->message($plain));
	like($reply, qr/^ok/, "$at: a child that comes back");
	like($worker->stderr, qr/^child 256$/m, '  is ended');
	is(scalar(grep { /Child/ } @results), 0, '  writes no results');
	is(scalar(grep { /^F/ } @results), $reply eq 'ok' ? 1 : 0, '  those of its parent are there once');
	is($worker->ask('ping'), 'PONG', '  and the worker goes on');
	ok($worker->is_quiet, '  one line a request');
	is($worker->stop, 0, '  ends well');
}

# --- die -----------------------------------------------------------------------------------------------------------------------
my %request = (
	filter_relay => 'relayok 192.0.2.1 h 1 2 3 Q1', filter_helo => 'helook 192.0.2.1 h helo 1 2 3 Q1',
	filter_sender => 'senderok <a> 192.0.2.1 h helo DIR Q1', filter_recipient => 'recipok <c> <a> 192.0.2.1 h <f> helo DIR Q1 m ho ad',
	filter_map => 'map m k', filter_tick => 'tick 1', filter_unknown_cmd => 'unknown', handle_it => 'it',
	map { $_ => 'scan Q1 DIR' } qw(filter_begin filter filter_multipart filter_end filter_wrapup filter_create_parser),
);
my $deaths = <<'FILTER';
package Text { use overload '""' => sub { 'text of an object' }, bool => sub { 0 } }
package Method { sub message { return 'text of a method' } }
package Hostile { use overload '""' => sub { die "no text\n" }, bool => sub { die "no truth\n" } }
package Destroyed { sub DESTROY { use warnings; eval { 1 }; die "in DESTROY\n" } }
package main;
our $How = '';
sub handle_how { $How = $_[0]; return 'ok' }
my %die = (
	text => sub { die 'plain' },
	empty => sub { die '' },
	newline => sub { die "\n" },
	hash => sub { die { code => 5 } },
	object => sub { die bless {}, 'Text' },
	method => sub { die bless {}, 'Method' },
	hostile => sub { die bless {}, 'Hostile' },
	called => sub { exit 7 },
	undefined => sub { no_such_function() },
	number => sub { my $x = $How eq 'number' ? 0 : 1; return 1 / $x },
	alarm => sub {
		local $SIG{ALRM} = sub { die "too late\n" };
		alarm 1;
		select undef, undef, undef, 60;
	},
	hooked => sub { local $SIG{__DIE__} = sub { die "hook: $_[0]" }; die 'plain' },
	within => sub { my $object = bless {}, 'Destroyed'; die "outside\n" },
	fatal => sub { fatal('given up') },
	deep => sub { my $d = bless {}, 'Destroyed'; return },
);
sub dies { my $do = $die{$How} or return ('CONTINUE', 'ok'); return $do->() }
FILTER
my %text = (text => qr/^error: plain at .*filter line \d+\.$/, empty => qr/^error: Died at .*filter line \d+\.$/, newline => qr/^error: /,
	hash => qr/^error: HASH\(/, object => qr/^error: text of an object$/, method => qr/^error: text of a method$/,
	hostile => qr/^error: an object without a text$/, called => qr/^error: filter called exit\(7\)$/,
	undefined => qr/^error: Undefined subroutine &main::no_such_function called at .*filter line \d+\.$/,
	number => qr/^error: Illegal division by zero at .*filter line \d+\.$/, alarm => qr/^error: too late$/,
	hooked => qr/^error: hook: plain at .*filter line \d+\.$/, within => qr/^error: outside$/, fatal => qr/^error: given up$/);

sub ask_of
{
	my ($worker, $function) = @_;
	my $mixed = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nbody\n--c--\n--b--\n";
	my $dir = $worker->message($mixed);
	return $worker->ask($request{$function} =~ s/DIR/$dir/r);
}

for my $function (sort keys %request) {
	my $worker = Defang::Worker->start("$log$deaths" . "sub $function { return dies() }\n");
	for my $how ($function eq 'filter_begin' ? sort keys %text : 'text') {
		is($worker->ask("how $how"), 'ok', "$function: $how") if $function ne 'handle_how';
		my $before = length $worker->stderr;
		my $reply = ask_of($worker, $function);
		like($reply, $text{$how}, '  is an error');
		my $error = $reply =~ s/^error: //r;
		like(substr($worker->stderr, $before), qr/^LOG err (?:Q1: )?filter died: \Q$error\E$/m, '  told in the log');
		is($worker->ask('ping'), 'PONG', '  the worker goes on');
	}
	ok($worker->is_quiet, '  one line a request');
	is($worker->stop, 0, '  ends well');
}
{
	my $worker = Defang::Worker->start("$log$deaths" . "sub filter_begin { return dies() }\n");
	$worker->ask('how deep');
	is(ask_of($worker, 'filter_begin'), 'ok', 'die in DESTROY is a warning');
	like($worker->stderr, qr/\(in cleanup\) in DESTROY/, '  that Perl gives');
	$worker->stop;
}

# Without an end: the memory of a worker is limited, and it ends without an answer, which is a temporary failure, too.
SKIP: {
	skip 'the sanitizer needs all the address space', 3 if Defang::Test::sanitized();
	my $worker = Defang::Worker->start(<<'FILTER');
use POSIX ();
sub deeper { no warnings 'recursion'; return 1 + deeper(@_, 1) }
sub filter_begin { deeper() }
FILTER
	is(system('prlimit', "--pid=$worker->{pid}", '--as=300000000'), 0, 'a limit') ;
	is($worker->ask('scan Q1 ' . $worker->message($plain)), undef, 'recursion without end: no answer');
	isnt($worker->stop, 0, '  the worker is gone');
}

done_testing;
