# md-mx-ctrl: what it sends, how it lays out replies, what it exits with.
use strict;
use warnings;
use lib 'tests/lib';
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Defang::Pool;
use Defang::Test qw(spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
sub is_ctl
{
	my ($words, $want_status, $want_out, $want_err) = @_;
	my ($status, $out, $err) = $pool->ctl(@$words);
	is $status, $want_status, "@$words: exit status";
	ref $want_out ? like $out, $want_out, "@$words: output" : is $out, $want_out, "@$words: output";
	ref $want_err ? like $err, $want_err, "@$words: errors" : is $err, $want_err // '', "@$words: errors";
}

is_ctl ['status'], 1, '', "ERROR MXCommand: connect: No such file or directory: Is multiplexor running?\n";
$pool->start('-x', 3, '-q', 4);
my @busy = map { $pool->send_line("scan Q$_ wait $dir/go ok") } 1 .. 2;
is $pool->states_become('BBS'), 'BBS', 'two busy';
is_ctl ['status'], 0, "Max workers: 3\nWorker 0: busy\nWorker 1: busy\nWorker 2: stopped\n";
is_ctl ['rawstatus'], 0, qr/^BBS 0 2 4 0 \d+\n$/;
is_ctl ['barstatus'], 0, "  2/3 BB.    0/4 .... 0\n";
spew("$dir/go", '');
$pool->reply($_) for @busy;
is_ctl ['msgs'], 0, "2\n";
is_ctl ['free'], 0, "3\n";
is_ctl ['version'], 0, qr/^[\d.]+\n$/;
is_ctl ['workers'], 0, qr/^0 I \d+ last=scan ago=\d+\n/;
is_ctl ['busyworkers'], 0, '';
is_ctl ['workerinfo', 0], 0, qr/^Worker 0\nState Idle\n/;
is_ctl ['workerinfo', 99], 1, '', "error: Worker number out of range\n";
is_ctl ['jsonstatus'], 0,
	qr/^\{"timestamp": "\w+ \w+ +\d+ [\d:]+ \d+","hostname": "[^"]+","Worker0": "idle","Worker1": "idle","Worker2": "stopped"\}\z/;
is_ctl ['load'], 0, qr/^  Load              Msgs .*\n(?:.*\n){3}10 Min               2            0\.00 /;
is_ctl ['hload-relayok'], 0, qr/^  Load              Conn .*\n    1h               0            0\.00 /;
is_ctl ['rawload-senderok'], 0, qr/^0 0 0 0 1\.000000 .*\n\z/;
is_ctl ['rawhload'], 0, qr/^2 2 2 2 .*\n\z/;
is_ctl ['load1', 600], 0, qr/^Statistics for last 600 seconds:\n/;
is_ctl ['rawload1', 600], 0, qr/^2 .* 600 0 0 0 0\n\z/;
is_ctl ['jsonload1', 600], 0, qr/^\{"timestamp": .*"scan":2, .*\}\n\z/;
is_ctl ['load1', 5], 1, "Could not interpret response: error: Invalid 'back' amount (must be 10-600)\n";
is_ctl ['rawload1', 5], 1, '', "error: Invalid 'back' amount (must be 10-600)\n";
for my $kind ('', '-relayok', '-senderok', '-recipok') {
	my $title = { '' => 'Msgs', -relayok => 'Conn', -senderok => 'MAIL', -recipok => 'RCPT' }->{$kind};
	my $unit = { '' => 'Scan', -relayok => 'Conn', -senderok => 'MAIL', -recipok => 'RCPT' }->{$kind};
	my $head = sprintf "%6s %17s %15s %15s   Avg Busy Workers\n", 'Load', $title, "$title/Sec", "Avg ms/$unit";
	is_ctl ["load$kind"], 0, qr{^\Q$head\E(?:[ \w]{6}(?: {1,15}[\d.]+){4}\n){4}\z};
	is_ctl ["hload$kind"], 0, qr{^\Q$head\E(?: +\d+h(?: {1,15}[\d.]+){4}\n){4}\z};
	is_ctl ["rawload$kind"], 0, qr/^(?:[\d.]+ ){28}\d+\n\z/;
	is_ctl ["rawhload$kind"], 0, qr/^(?:[\d.]+ ){15}\d+\n\z/;
}
is_ctl ['slaves'], 0, qr/^0 I \d+ last=scan ago=\d+\n/;
is_ctl ['busyslaves'], 0, '';
is_ctl ['slaveinfo', 0], 0, qr/^Worker 0\nState Idle\n/;
is_ctl ['workerinfo', 'x'], 1, '', "error: Invalid worker number\n";
is_ctl ['autoscale'], 0, qr/^enabled=0 interval=15 /;
is_ctl ['health'], 0, "ok\n";
is_ctl ['snapshot'], 0, qr/^snapshot version=1\n/;
is_ctl ['help'], 0, qr/^help             -- /;
is_ctl ['tick'], 1, '', "error: External agents may not invoke 'tick'\n";
is_ctl ['load1'], 1, '', "error: Unknown command\n"; # without a number it goes to a worker
is_ctl ['x', 'echo', 'a%2520b'], 0, "a%20b\n"; # the answer is decoded
is_ctl ['x', 'echo', "\xe4 \t\"'"], 0, "\xe4 \t\"'\n";
is_ctl ['-x'], 64, '', qr/^Usage: .*^Possible commands:\nhelp /ms;
SKIP: {
	skip 'not root', 3 if $> != 0;
	chmod 0700, "$dir/bin/closed" if mkdir "$dir/bin/closed";
	my ($status, undef, $err) = $pool->run(qw(setpriv --reuid nobody --regid nogroup --clear-groups), "$dir/bin/md-mx-ctrl", '-s', "$dir/bin/closed/sock", 'status');
	is $status, 1, 'a socket that may not be reached';
	is $err, "ERROR MXCommand: connect: Permission denied\n", 'asks no question';
}
is_ctl ['histo'], 0, qr/^   1 \d+\n   2 1\n   3 0\n\z/;
is_ctl ['reread'], 0, "Forced reread of filter rules\n";
is_ctl ['x', 'echo', "a b\\'c"], 0, "a b\\'c\n";
is_ctl ['no_such'], 1, '', "error: Unknown command\n";
is_ctl [], 64, '', qr/^Usage: .*^Possible commands:\nhelp /ms;
is_ctl ['-h'], 0, qr/^Usage: .*^Possible commands:\nhelp /ms;

subtest '-i' => sub {
	$pool->{input} = "$dir/input";
	spew($pool->{input}, "free\nstatus\nno_such\nfoo_no_such_command\nx echo a%20b\nrawload1 600\nmsgs");
	my ($status, $out, $err) = $pool->ctl('-i');
	is $status, 0, 'exit status';
	is $out =~ s/^(\d+) [^\n]* 600 0 0 0 0$/$1/mr, "3\nMax workers: 3\nWorker 0: idle\nWorker 1: idle\nWorker 2: stopped\nerror: Unknown command\nerror: Unknown command\na b\n2\n2\n",
		'all answers, errors included';
	is $err, '', 'no errors';
	delete $pool->{input};
};
subtest 'controllers that do not do as they should' => sub {
	local $pool->{socket} = "$dir/scripted.sock";
	# The next that connects is answered so.
	my $answers = sub {
		my ($answer) = @_;
		unlink $pool->{socket};
		my $server = IO::Socket::UNIX->new(Local => $pool->{socket}, Listen => 1) or die $!;
		return if fork;
		my $client = $server->accept;
		readline $client;
		print {$client} $answer;
		close $client;
		POSIX::_exit(0);
	};
	for my $request (qw(reread status load msgs)) {
		$answers->('');
		is_ctl [$request], 1, '', "ERROR MXCommand: read: the controller hung up without an answer\n";
	}
	$answers->('');
	is_ctl ['busyworkers'], 0, '';
	$answers->("error: odd\n");
	is_ctl ['barstatus'], 1, '', "ERROR error: odd\n";
	$answers->("1 2 3\n");
	is_ctl ['load1', 60], 1, "Could not interpret response: 1 2 3\n";
	$answers->("no final LF");
	is_ctl ['x'], 0, "no final LF\n";
	my $long = 'x' x 10_000_000;
	$answers->("$long\n");
	my ($status, $out) = $pool->ctl('snapshot');
	is $status, 0, 'a long answer';
	is length $out, 10_000_001, 'is printed whole';
	wait for 1 .. 8;
};
$pool->stop;
spew($pool->{rules}, "die foo\n");
$pool->start('-x', 3);
is_ctl ['reread'], 1, '', qr/^ERR Reread failed: foo at \Q$pool->{rules}\E line 7/;
done_testing;
