#!/usr/bin/perl
# Starts in bad surroundings: log files that cannot be written or would be waited for, folders of somebody else, lock files that are none,
# callers that ignore signals or have closed standard output, interruptions at any time, time that is over at once.
use strict;
use warnings;
use Test::More;
use POSIX ();
use Time::HiRes qw(time);
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until run_command stage);

my ($go, $filter) = Defang::Pmx::held_filter();
my $pmx = Defang::Pmx->new(Policy => { filter => $filter, more => "abort_timeout = 20\nkill_timeout = 20\n" });
my $folder = "$pmx->{run}/Policy";
my $conf = slurp($pmx->{conf});

sub conf_with { my ($line, $key) = @_; spew($pmx->{conf}, $key ? $conf =~ s/^$key = .*/$line/mr : "$line\n$conf"); chmod 0644, $pmx->{conf}; return }
sub fine { return conf_with('', '') }
sub start_well { my ($status, $out, $err) = $pmx->run('start'); is $status, 0, 'it starts' or diag "$out$err"; return $pmx->view('Policy') }
sub stop_well { my ($status, $out, $err) = $pmx->run('stop'); is $status, 0, 'it stops' or diag "$out$err"; return }
sub await { my ($program, $what) = @_; wait_until(120, sub { Defang::Test::has_ended($program) }, $what); return $program->{status} >> 8 }
sub prepared { my ($prepare, @words) = @_; return Defang::Test::start_prepared($prepare, "$pmx->{dir}/prepared", $pmx->command(@words)) }

# Every process that has to do with this run_dir.
sub processes
{
	return grep { Defang::Pmx::is_alive($_) && (slurp("/proc/$_/cmdline") // '') =~ /^mimedefang.*\0\Q$pmx->{run}\E\//s }
		map { m{^/proc/(\d+)$} } glob '/proc/[0-9]*';
}

subtest 'log files that cannot be written' => sub {
	my $pid = start_well()->{pid};
	POSIX::mkfifo("$pmx->{dir}/log/fifo", 0666) or die $!;
	chmod 0666, "$pmx->{dir}/log/fifo";
	symlink '/dev/null', "$pmx->{dir}/log/link" or die $!;
	for my $case (['log_dir = /nonexistent', 'log_dir', qr{/nonexistent/Policy\.err: No such file}], ['stdout = no/such/file', undef, qr{no/such/file: No such file}],
		["stderr = fifo", undef, qr{/log/fifo: No such device}], ["log_to = fifo", undef, qr{/log/fifo: No such device}],
		["stdout = link", undef, qr{/log/link: Too many levels}]) {
		my ($line, $key, $message) = @$case;
		conf_with($line, $key);
		my ($status, $out, $err) = $pmx->run('restart');
		is $status, 1, "$line: restart: exit status 1";
		like $err, qr/^Policy: restart refused: log file \S*$message/m, '  the file is named';
		like $err, qr/^pmx-milter: nothing was stopped$/m, '  before anything is stopped';
	}
	is $pmx->view('Policy')->{pid}, $pid, 'it runs on';
	conf_with('log_to = fifo');
	is +($pmx->run('stop'))[0], 0, 'stop works all the same';
	my ($status, $out, $err) = $pmx->run('start');
	is $status, 1, 'start: exit status 1';
	like $err, qr/^Policy: start failed: log file \S+fifo: /m, '  the file is named';
	fine();
};

subtest 'a folder below run_dir that is not ours' => sub {
	my $text = slurp($pmx->{conf});
	my $open = "$pmx->{dir}/open";
	mkdir $open or die $!;
	chmod 01777, $open;
	conf_with("run_dir = $open", 'run_dir');
	for my $case ([sub { mkdir $_[0]; chmod 0777, $_[0] }, $> == 0 ? 'does not belong to the user of the milters' : 'others may write it'],
		[sub { symlink "$pmx->{dir}/log", $_[0] }, 'not a folder'], [sub { spew($_[0], '') }, 'not a folder']) {
		$case->[0]->("$open/Policy");
		my ($status, $out, $err) = $pmx->run('start');
		is $status, 1, "$case->[1]: exit status 1" or diag $out;
		like $err, qr{^Policy: start failed: run_dir \Q$open\E/Policy: $case->[1]$}m, '  said so';
		rmdir "$open/Policy" or unlink "$open/Policy";
	}
	fine();
};

subtest 'a control lock that is no file' => sub {
	my %make = (fifo => sub { POSIX::mkfifo($_[0], 0666); Defang::Test::give_to_nobody($_[0]) }, folder => sub { mkdir $_[0] },
		link => sub { symlink '/etc/passwd', $_[0] }, 'second name' => sub { spew("$folder/other", "text\n"); Defang::Test::give_to_nobody("$folder/other"); link "$folder/other", $_[0] });
	for my $what (sort keys %make) {
		$make{$what}->("$folder/lock");
		my $begun = time;
		my ($status, $out, $err) = $pmx->run('start');
		is $status, 1, "$what: exit status 1";
		like $err, qr{^Policy: \Q$folder\E/lock: not a plain file$}m, '  said so';
		cmp_ok time - $begun, '<', 55, '  without a wait for it';
		rmdir "$folder/lock" or unlink "$folder/lock";
	}
	is slurp("$folder/other"), "text\n", 'a file of a second name was not changed';
	unlink "$folder/other";
};

subtest 'time that is over at once leaves nothing' => sub {
	for (1 .. 6) {
		my ($status, $out, $err) = $pmx->run('start', '--timeout', 0);
		is $status, 1, '--timeout 0: exit status 1';
		like $err, qr/^Policy: start failed: the filter does not load: \S+ not within 0s$/m, '  how long it was' or diag $err;
	}
	conf_with('start_timeout = 1', 'start_timeout');
	spew("$go/slow_load", '');
	my ($status, $out, $err) = $pmx->run('start');
	is $status, 1, 'a filter that loads slowly: exit status 1';
	like $err, qr/^Policy: start failed: the filter does not load: \S+ not within 1s$/m, '  why';
	unlink map { "$go/$_" } qw(slow_load loading);
	conf_with('filter = ' . stage() . "/bin/mimedefang.pl\nrules = $pmx->{milters}{Policy}{rules}", 'rules'); # not loaded for a test
	for (1 .. 6) {
		($status, $out, $err) = $pmx->run('start', '--timeout', 0);
		is $status, 1, 'a worker program of its own: exit status 1';
		like $err, qr/^Policy: start failed: mimedefang\S* was not ready within 0s$/m, '  how long it was' or diag $err;
	}
	is_deeply [processes()], [], 'no process is left';
	is_deeply [$pmx->left('Policy')], [], 'no file either';
	fine();
};

subtest 'stopped while the filter loads' => sub {
	spew("$go/slow_load", '');
	my $start = $pmx->begin('start');
	ok wait_until(60, sub { -e "$go/loading" }), 'the filter is being loaded';
	is +($pmx->run('stop'))[0], 0, 'stop: exit status 0';
	spew("$go/go", '');
	is await($start, 'the start'), 1, 'the start: exit status 1';
	like slurp($start->{log}), qr/^Policy: somebody has stopped it: not started$/m, '  said so';
	is $pmx->view('Policy')->{state}, 'stopped', '  it stays down';
	unlink map { "$go/$_" } qw(slow_load loading go);
};

subtest 'something else where it is left what is wanted' => sub {
	start_well();
	unlink "$folder/asked";
	mkdir "$folder/asked" or die $!;
	Defang::Test::give_to_nobody("$folder/asked");
	my ($status, $out, $err) = $pmx->run('restart');
	is $status, 0, 'restart: exit status 0' or diag "$out$err";
	stop_well();
	rmdir "$folder/asked" or die $!;
};

subtest 'the umask of the caller' => sub {
	unlink glob "$folder/*";
	rmdir $folder or die "$folder: $!";
	my $start = prepared(sub { umask 0777 }, 'start');
	is await($start, 'the start'), 0, 'start: exit status 0' or diag slurp($start->{log});
	is sprintf('%o', (stat $folder)[2] & 0777), '755', 'others may look for the status';
	stop_well();
};

subtest 'interrupted while the filter loads' => sub {
	spew("$go/slow_load", '');
	local $SIG{INT} = 'DEFAULT';
	my $start = $pmx->begin('start');
	wait_until(60, sub { -e "$go/loading" }, 'the filter at its loading');
	kill INT => $start->{pid};
	is await($start, 'the end of the start'), 130, 'exit status 130';
	like slurp($start->{log}), qr/^Policy: start failed: interrupted$/m, '  said so';
	unlink map { "$go/$_" } qw(slow_load loading);
	is_deeply [processes()], [], '  no process is left';
};

subtest 'interrupted at any time: all or nothing' => sub {
	local $SIG{INT} = 'DEFAULT';
	for my $step (0 .. 14) {
		my $start = $pmx->begin('start');
		my $begun = time;
		wait_until(60, sub { time - $begun > 0.02 * $step }, 'the moment');
		kill INT => $start->{pid};
		await($start, 'the end of the start');
		my @left = processes();
		my $view = $pmx->view('Policy');
		ok($start->{status} == 0 ? $view->{state} eq 'running' : !@left && $view->{state} eq 'stopped', sprintf 'after %d ms', 20 * $step)
			or diag "wait status $start->{status}, @left, $view->{state}\n" . slurp($start->{log});
		$pmx->run('stop', '-KILL') if $start->{status} == 0;
	}
	is_deeply [$pmx->left('Policy')], [], 'nothing is left';
};

subtest 'callers with signals of their own mind' => sub {
	my $start = prepared(sub { $SIG{CHLD} = 'IGNORE' }, 'start');
	is await($start, 'the start'), 0, 'SIGCHLD ignored: it starts' or diag slurp($start->{log});
	stop_well();
	spew("$go/slow_load", '');
	$start = prepared(sub { $SIG{HUP} = $SIG{INT} = 'IGNORE' }, 'start');
	wait_until(60, sub { -e "$go/loading" }, 'the filter at its loading');
	kill $_ => $start->{pid} for qw(HUP INT);
	spew("$go/go", '');
	is await($start, 'the start'), 0, 'SIGHUP and SIGINT ignored, as under nohup(1): they do not end it' or diag slurp($start->{log});
	unlink map { "$go/$_" } qw(slow_load loading go);
	stop_well();
};

subtest 'standard output and input that are closed' => sub {
	my $start = prepared(sub { POSIX::close($_) for 0 .. 2 }, 'start');
	is await($start, 'the start'), 0, 'it starts';
	my $view = $pmx->view('Policy');
	is $view->{state}, 'running', '  and runs';
	is $pmx->send('Policy')->{verdict}, 'accept', '  and takes mail';
	like slurp("$folder/state"), qr/\Aformat=1\n/, '  nothing was printed into a file';
	stop_well();
};

subtest 'output that cannot be written' => sub {
	plan skip_all => 'no /dev/full' if !-c '/dev/full';
	for my $words (['status', '--all'], ['check'], ['mta', 'postfix']) {
		my $run = prepared(sub { open STDOUT, '>', '/dev/full' }, @$words);
		is await($run, 'the end'), 4, "@$words: exit status 4";
	}
	my $start = prepared(sub { open STDOUT, '>', '/dev/full' }, 'start');
	is await($start, 'the start'), 0, 'start: what counts is that it runs';
	my ($reader, $writer);
	pipe $reader, $writer or die $!;
	close $reader;
	my $run = prepared(sub { open STDOUT, '>&', $writer }, 'status');
	is await($run, 'the end'), 0, 'a reader that has gone does not matter';
	stop_well();
};

subtest 'daemons that are stopped, and Control-C' => sub {
	my $view = start_well();
	kill STOP => $view->{pid}, $view->{master}{pid};
	local $SIG{INT} = 'DEFAULT';
	my $run = $pmx->begin('status', '--timeout', 600);
	wait_until(60, sub { (slurp("/proc/$run->{pid}/wchan") // '') =~ /poll/ || Defang::Test::has_ended($run) }, 'its wait');
	kill INT => $run->{pid};
	wait_until(60, sub { Defang::Test::has_ended($run) }, 'the end of the status');
	is $run->{status} & 127, POSIX::SIGINT(), 'a status can be interrupted';
	my ($status, $out, $err) = $pmx->run('stop', '-KILL');
	is $status, 0, 'KILL ends them' or diag $err;
	is_deeply [processes()], [], '  no process is left';
};
done_testing;
