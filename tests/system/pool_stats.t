# Statistics: records in a file (-t, -u) and in syslog's stead on standard error (-T), SIGHUP, the state in the log (-L).
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $head = qr{^\d{4}/\d\d/\d\d:\d\d:\d\d:\d\d \d+\.\d{3} }m;
my $pool = Defang::Pool->new;
my $file = "$pool->{dir}/stats";
$pool->start('-x', 2, '-t', $file, '-u', '-T', '-L', 1, '-b', 4);

# The events with what belongs to them, without the times.
sub records { return map { s/$head//r } split /\n/, slurp($file) }
sub records_become { my ($n) = @_; wait_until(10, sub { records() >= $n }); return [records()] }

subtest 'a scan' => sub {
	is $pool->ask('scan Q%0A1 echo ok'), "ok\n", 'scan';
	is $pool->ask('relayok 192.0.2.1 echo ok'), "ok\n", 'another request';
	is_deeply records_become(3), [
		'StartWorker worker=0 nworkers=1 nbusy=0 reason="About to perform scan"',
		'StartFilter worker=0 nworkers=1 nbusy=1',
		'EndFilter worker=0 nworkers=1 nbusy=0 numRequests=1',
	], 'its records; other requests have none';
	like slurp($file), qr/\A(?:$head[^\n]+\n){3}\z/, 'date, time and stamp';
	is sprintf('%o', (stat $file)[2] & 0777), '600', 'only its owner reads the file';
	ok $pool->logged(qr/stats \d+\.\d{3} StartFilter worker=0 nworkers=1 nbusy=1$/m), 'the same without a date in the log';
};

subtest 'a scan that does not end' => sub {
	like $pool->ask('scan Q2 mute'), qr/^ERR Filter timed out/, 'scan';
	my $records = records_become(7);
	is $records->[4], 'EndFilter worker=0 nworkers=1 nbusy=0 numRequests=3', 'its end';
	like $records->[5], qr/^KillWorker worker=0 nworkers=1 nbusy=0 req=3 age=\d+ reason="Busy timeout"$/, 'the kill';
};

subtest 'SIGHUP' => sub {
	$pool->states_become('SS', 15);
	is_deeply [(records())[-1]], ['ReapWorker worker=0 nworkers=0 nbusy=0'], 'the end of the worker';
	rename $file, "$file.old";
	kill HUP => $pool->{pid};
	ok wait_until(5, sub { -e $file }), 'a new file';
	is $pool->ask('scan Q3 echo ok'), "ok\n", 'scan';
	is scalar(@{ records_become(3) }), 3, 'records go to the new one';
};

subtest 'in the log' => sub {
	ok $pool->logged(qr/Worker status: Stopped=1 Idle=1 Busy=0 Killed=0 Queued=0 Msgs=3 Activations=2$/m), 'state of the workers';
};

subtest 'buffered' => sub {
	$pool->stop;
	unlink $file;
	$pool->start('-x', 2, '-t', $file, '-G');
	is $pool->ask('scan Q1 echo ok'), "ok\n", 'scan';
	is slurp($file), '', 'nothing is written yet';
	$pool->stop;
	is((split / /, (records())[-1])[0], 'ReapWorker', 'everything is, in the end');
	is sprintf('%o', (stat $file)[2] & 0777), '640', 'with -G the group may read it';
};

subtest 'a file that cannot be opened' => sub {
	my ($status, undef, $error) = $pool->run($pool->command('-D', '-t', '/nowhere/stats'));
	is $status, 73, 'EX_CANTCREAT';
	like $error, qr{Option -t: /nowhere/stats: No such file}, 'says which';
};

subtest 'a disk that is full' => sub {
	$pool->start('-x', 2, '-t', '/dev/full', '-u');
	is $pool->ask('scan Q1 echo ok'), "ok\n", 'scan';
	is $pool->ask('scan Q2 echo ok'), "ok\n", 'another one';
	ok $pool->logged(qr{Cannot write statistics to /dev/full: No space left}), 'logged';
	is scalar(() = $pool->log_text =~ /Cannot write statistics/g), 1, 'once';
};

subtest 'a file as large as files may be' => sub {
	no warnings 'redefine';
	my $command = \&Defang::Pool::command;
	local *Defang::Pool::command = sub { return ('sh', '-c', 'ulimit -f 1000 && exec "$@"', 'sh', $command->(@_)) };
	$pool->stop;
	spew($file, "full\n" x 200_000); # above the limit
	chown((getpwnam 'nobody')[2, 3], $file) if $> == 0;
	$pool->start('-x', 2, '-t', $file, '-u');
	is $pool->ask('scan Q1 echo ok'), "ok\n", 'scan';
	ok $pool->logged(qr{Cannot write statistics to \S+stats: File too large}), 'logged';
	is $pool->ask('scan Q2 echo ok'), "ok\n", 'it lives';
};

subtest 'a disk that fills up in the midst of a record' => sub {
	$pool->stop;
	unlink $file;
	$pool->start('-x', 1, '-t', $file, '-u');
	my @as = $> == 0 ? qw(setpriv --reuid nobody --regid nogroup --clear-groups) : ();
	my $limit = sub { system(@as, 'prlimit', '--pid', $pool->{pid}, "--fsize=$_[0]:") == 0 or die 'prlimit' };
	my $scan = sub { is $pool->ask("scan Q$_[0] echo ok"), "ok\n", "scan $_[0]" };
	$scan->(1);
	$limit->(10 + -s $file);
	$scan->($_) for 2, 3;
	unlike slurp($file), qr/\n\z/, 'only a part of a record has room';
	$limit->('unlimited');
	$scan->(4);
	like slurp($file), qr/\A(?:$head\w+ worker=\d nworkers=\d nbusy=\d[^\n]*\n){6}\z/, 'it is completed, and none other is torn';
	$pool->stop;
};

done_testing;
