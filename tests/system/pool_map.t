# The map socket: netstrings in, look-ups by a worker, netstrings out; and a real Postfix that asks.
# The fake worker takes the name of the map as its order: `echo` answers with the key.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until run_command slurp spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $map = "$dir/map.sock";

sub netstring { my $text = shift; return length($text) . ":$text," }
sub connect_map { return $pool->send_raw('', $map) }

# What comes on a connection until so many bytes are there, or its end.
sub take
{
	my ($handle, $n) = @_;
	my ($got, $end) = ('', time + 60);
	while (length $got < $n) {
		my $ready = '';
		vec($ready, fileno $handle, 1) = 1;
		last if time > $end || select($ready, undef, undef, $end - time) != 1;
		sysread $handle, $got, $n - length $got, length $got or last;
	}
	return $got;
}

# Send bytes and expect an answer.
sub answers
{
	my ($handle, $bytes, $want, $name) = @_;
	syswrite $handle, $bytes;
	is take($handle, length $want), $want, $name;
	return;
}

sub is_closed { my $handle = shift; return take($handle, 1) eq '' }

$pool->start('-x', 2, '-q', 5, '-b', 5, '-N', $map);

subtest 'what a worker answers' => sub {
	my $c = connect_map();
	for my $row (
		[ 'OK value%20of%20k', '13:OK value of k,' ],
		[ 'NOTFOUND ', '9:NOTFOUND ,' ],
		[ 'NOTFOUND', '8:NOTFOUND,' ],
		[ 'TEMP try%20later', '14:TEMP try later,' ],
		[ 'TIMEOUT x', '9:TIMEOUT x,' ],
		[ 'PERM no', '7:PERM no,' ],
		[ 'garbage reply', '13:garbage reply,' ],
		[ '', '0:,' ],
		[ 'x' x 20000, '20000:' . 'x' x 20000 . ',' ],
		) {
		my ($key, $want) = @$row;
		answers($c, netstring("echo $key"), $want, substr "'$key'", 0, 40);
	}
	like $pool->ask('workers'), qr/^0 I \d+ ago=/, 'one worker, of no measured class';
	is $pool->ask('msgs'), "0\n", 'no scan';
};

subtest 'what the controller answers itself' => sub {
	my $c = connect_map();
	answers($c, '8:echo a b;', '40:PERM Netstring missing terminating comma,', 'no comma');
	answers($c, '4:echo,', '27:PERM Invalid request format,', 'no space');
	answers($c, '6:echo k,', '1:k,', 'the connection stays');
	for my $bad ('7x:echo k,', '+6:echo k,', '006:echo k,', '-1:', '65537:', '99999999999999999999:', ':', 'x' x 100) {
		my $handle = connect_map();
		syswrite $handle, $bad;
		ok is_closed($handle), "'" . substr($bad, 0, 20) . "' is hung up on";
	}
	my $long = 'k' x (65536 - 5);
	answers($c, "65536:echo $long,", '65531:' . $long . ',', 'the longest request');
	my $half = connect_map();
	syswrite $half, '10:echo';
	shutdown $half, 1;
	ok is_closed($half), 'half a request gets no answer';
};

subtest 'many on one connection' => sub {
	my $c = connect_map();
	answers($c, join('', map { netstring("echo $_") } 1 .. 300), join('', map { netstring($_) } 1 .. 300), 'pipelined, in order');
	syswrite $c, $_ for '5:', 'ec', 'ho ';
	answers($c, ',', '0:,', 'in pieces');
	my $slow = connect_map();
	syswrite $slow, netstring("wait $dir/go") . netstring('echo after');
	ok wait_until(10, sub { $pool->states =~ /B/ }), 'a slow look-up';
	answers($c, netstring('echo k'), '1:k,', 'does not hold up another connection');
	like $pool->ask('busyworkers'), qr/\(map wait\)$/, 'status tag';
	spew("$dir/go", '');
	is take($slow, 11), '0:,5:after,', 'and the next on its own comes after it';
	my $many = connect_map();
	syswrite $many, netstring("wait $dir/go-many") . netstring('x' x 1000) x 180;
	shutdown $many, 1;
	ok wait_until(10, sub { $pool->states =~ /B/ }), 'a look-up, more than is read at once behind it, and the end';
	spew("$dir/go-many", '');
	my $all = '0:,' . '27:PERM Invalid request format,' x 180;
	is length(take($many, length $all)), length $all, 'all of it is answered';
	ok is_closed($many), 'then comes the end';
	my $once = connect_map();
	syswrite $once, netstring('slow 0.1') . netstring('echo last');
	shutdown $once, 1;
	is take($once, 10), '0:,4:last,', 'who has said all it has to say still gets its answers';
	ok is_closed($once), 'and is hung up on';
};

subtest 'when there is no worker' => sub {
	my $c = connect_map();
	my @busy = map { $pool->send_line("scan Q wait $dir/go2 ok") } 1 .. 2;
	is $pool->states_become('BB'), 'BB', 'all are busy';
	answers($c, netstring('echo k'), '20:TEMP No free workers,', 'never queued');
	spew("$dir/go2", '');
	is $pool->reply($_), "ok\n", 'the scans end' for @busy;
	answers($c, netstring('exit 1'), '27:TEMP Busy timeout on worker,', 'the worker died');
	answers($c, netstring('half x'), '27:TEMP Busy timeout on worker,', 'the worker takes too long');
	ok wait_until(15, sub { $pool->states !~ /K/ }), 'it is gone';
	answers($c, netstring('echo k'), '1:k,', 'another one is started');
	close $c;
};

subtest 'hostile' => sub {
	my @held = map { connect_map() } 1 .. 500;
	my $more = connect_map();
	ok is_closed($more), 'too many connections: one more is turned away';
	@held = ();
	ok wait_until(10, sub { my $c = connect_map(); syswrite $c, '6:echo k,'; take($c, 4) eq '1:k,' }), 'until they leave';
	my $leaves = connect_map();
	syswrite $leaves, netstring('slow 0.2') x 3;
	close $leaves;
	ok defined $pool->ask('version'), 'who leaves harms nobody';
};

subtest 'the socket' => sub {
	is sprintf('%o', (stat $map)[2] & 0777), '750', 'mode';
	ok $pool->stop < 9, 'ends with connections open';
	ok !-e $map, 'the socket is gone';
	my ($status, undef, $err) = $pool->run($pool->command('-D', '-N', 'inet:0'));
	is $status, 64, 'a bad address is refused';
	like $err, qr/Option -N: 'inet:0'/, 'by name';
	($status, undef, $err) = $pool->run($pool->command('-D', '-N', '/no/such/folder/map'));
	is $status, 73, 'and a socket that cannot be made';
	like $err, qr{map socket /no/such/folder/map: No such file}, 'by name';
};

subtest 'slow and odd' => sub {
	$pool->start('-x', 1, '-c', 1, '-N', $map, '-t', "$dir/stats", '-u');
	my $c = connect_map();
	answers($c, netstring('echo two words'), '9:two words,', 'the name ends at the first space');
	answers($c, netstring("echo a\0b \xff"), "5:a\0b \xff,", 'any byte may be in a key');
	answers($c, netstring('echo '), '0:,', 'and none');
	answers($c, netstring('deafen ok'), '2:ok,', 'a worker');
	my ($pid) = $pool->ask('workers') =~ /^0 I (\d+)/;
	ok wait_until(10, sub { !-e "/proc/$pid/fd/0" }), 'closes its standard input';
	answers($c, netstring('echo k'), '36:TEMP Error talking to worker process,', 'a look-up that cannot be handed over');
	my $deaf = connect_map();
	syswrite $deaf, netstring('long 60000') x 20;
	ok $pool->logged(qr/A map client did not read its answers: hanging up/, 20), 'who does not read its answers is hung up on';
	answers($c, netstring('echo k'), '1:k,', 'and nobody else');
	my $records = slurp("$dir/stats");
	like $records, qr/ StartWorker .*reason="About to handle map request"$/m, 'a worker is started for a look-up';
	unlike $records, qr/(?:Start|End)Filter/, 'which is no scan';
	$pool->stop;
	$pool->start('-x', 1, '-W', 100, '-N', $map);
	answers(connect_map(), netstring('exit 1'), '27:TEMP Busy timeout on worker,', 'the worker died');
	is $pool->states_become('S'), 'S', 'none is left';
	answers(connect_map(), netstring('echo k'), '30:TEMP Unable to activate worker,', 'too soon for another (-W)');
	ok $pool->logged(qr/map command failed: No free workers/), 'and a line in the log';
	$pool->stop;
};

subtest 'no worker can be started' => sub {
	spew($pool->{rules}, "die no\n");
	$pool->start('-N', $map);
	answers(connect_map(), netstring('echo k'), '30:TEMP Unable to activate worker,', 'a temporary failure');
	$pool->stop;
	spew($pool->{rules}, "good\n");
};

subtest 'Postfix' => sub {
	my ($postmap) = grep { -x } map { "$_/postmap" } split(/:/, $ENV{PATH}), qw(/usr/sbin /usr/local/sbin);
	plan skip_all => 'postmap is missing (Debian: postfix)' if !$postmap;
	mkdir "$dir/postfix";
	spew("$dir/postfix/main.cf", "compatibility_level = 3.6\n");
	$pool->start('-N', $map);
	my @ask = ($postmap, '-c', "$dir/postfix", '-q');
	my ($status, $out) = run_command(20, @ask, 'OK found it', "socketmap:unix:$map:echo");
	is $out, "found it\n", 'a value';
	is $status, 0, 'exit status';
	($status, $out) = run_command(20, @ask, 'NOTFOUND ', "socketmap:unix:$map:echo");
	is $out, '', 'no value';
	is $status >> 8, 1, 'exit status';
	($status, $out, my $err) = run_command(20, @ask, 'TEMP not now', "socketmap:unix:$map:echo");
	is $out, '', 'a temporary failure';
	is $status >> 8, 1, 'exit status';
	like $err, qr/temporary error: not now/, 'with its text';
	$pool->stop;
};

done_testing;
