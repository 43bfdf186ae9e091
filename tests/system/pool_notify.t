# The notification socket: greeting, subscriptions, every message byte by byte and in its order, and listeners that do not read.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use IO::Socket::UNIX;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $socket = "$dir/notify.sock";

# What comes until so many bytes are there, or the end of file, or the deadline.
sub take
{
	my ($handle, $n, $seconds) = @_;
	my ($got, $end) = ('', time + ($seconds // 60));
	while (length $got < $n) {
		my $ready = '';
		vec($ready, fileno $handle, 1) = 1;
		my $left = $end - time;
		last if $left <= 0 || select($ready, undef, undef, $left) != 1;
		sysread $handle, $got, $n - length $got, length $got or last;
	}
	return $got;
}

sub hears { my ($handle, $want, $name) = @_; return is take($handle, length $want), $want, $name }

# A listener with a subscription that has been read: the controller serves what came first first.
sub listener
{
	my ($subscription) = @_;
	my $handle = IO::Socket::UNIX->new(Peer => $socket) or die "$socket: $!";
	take($handle, 4) eq "*OK\n" or die 'no greeting';
	subscribe($handle, $subscription) if defined $subscription;
	return $handle;
}

sub subscribe
{
	my ($handle, $bytes) = @_;
	syswrite $handle, $bytes;
	$pool->ask('version') for 1 .. 2;
	return;
}

sub is_closed { my $handle = shift; return take($handle, 1) eq '' }

sub begin { $pool->start('-O', $socket, @_); return listener("?*\n") }

# What comes until the second worker of the minimum runs; the first may have been there before the listener.
sub until_idle
{
	my ($handle) = @_;
	my $told = '';
	wait_until(20, sub { $told .= take($handle, 1, 0.1); $told =~ /S 1 StateChange Stopped -> Idle\n/ });
	return $told;
}

# What comes until it matches.
sub take_until
{
	my ($handle, $pattern) = @_;
	my $got = '';
	wait_until(20, sub { $got .= take($handle, 1, 0.1); $got =~ $pattern });
	return $got;
}

# Have a request on a worker, which ends when the file exists.
sub hold { my ($file) = @_; return $pool->send_line("scan Q wait $dir/$file ok") }

subtest 'requests' => sub {
	my $all = begin('-x', 2);
	is $pool->ask('relayok 192.0.2.1 echo 1'), "1\n", 'the first one starts a worker';
	hears $all, "S 0 StateChange Stopped -> Idle\nS 0 StateChange Idle -> Busy\nF 1\nS 0 relayok 192.0.2.1\n"
		. "S 0 StateChange Busy -> Idle\nF 2\n", 'start, request, end';
	is $pool->ask('ECHO 1 echo x'), "x\n", 'one on an idle worker';
	hears $all, "S 0 StateChange Idle -> Busy\nF 1\nS 0 ECHO 1\nS 0 StateChange Busy -> Idle\nF 2\n", 'request, end';
	my $first = hold('go1');
	hears $all, "S 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\n", 'a worker is busy';
	my $second = $pool->send_line("ECHO x wait $dir/go2 ok");
	hears $all, "S 1 StateChange Stopped -> Idle\nS 1 StateChange Idle -> Busy\nF 0\nZ\nS 1 ECHO x\n", 'the last one is started';
	spew("$dir/go2", '');
	is $pool->reply($second), "ok\n", 'its request ends';
	hears $all, "S 1 StateChange Busy -> Idle\nF 1\nY\n", 'one is free again';
	spew("$dir/go1", '');
	is $pool->reply($first), "ok\n", 'the other ends';
	hears $all, "S 0 StateChange Busy -> Idle\nF 2\n", 'all are free';
	unlink "$dir/go1", "$dir/go2";
	$pool->stop;
	like take($all, 1000), qr/StateChange .* -> Stopped\n\z/, 'the end is told too, then comes the end of file';
};

subtest 'Z is repeated at each change' => sub {
	my $z = begin('-x', 2, '-b', 5, '-m', 2, '-w', 1);
	is $pool->states_become('II'), 'II', 'two run';
	like until_idle($z), qr/\A(?:S \d StateChange Stopped -> Idle\n)+\z/, 'the minimum changes no count';
	my @held = map { hold('never') } 1, 2;
	hears $z, "S 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\nS 1 StateChange Idle -> Busy\nF 0\nZ\nS 1 scan Q\n", 'both are busy';
	my $told = take($z, length "B\nS 0 StateChange Busy -> Killed\nZ\nB\nS 1 StateChange Busy -> Killed\nZ\n");
	is join('', sort { $a cmp $b } $told =~ /.*\n/g),
		"B\nB\nS 0 StateChange Busy -> Killed\nS 1 StateChange Busy -> Killed\nZ\nZ\n", 'both time out';
	like $told, qr/\AB\nS \d StateChange Busy -> Killed\nZ\n/, 'in this order';
	like take($z, length "S 0 StateChange Killed -> Stopped\nF 1\nY\n"), qr/\AS \d StateChange Killed -> Stopped\nF 1\nY\n\z/,
		'a slot is free again';
	$pool->reply($_) for @held;
	$pool->stop;
};

subtest 'busy timeout' => sub {
	my $all = begin('-x', 2, '-b', 1);
	my $held = hold('never');
	hears $all, "S 0 StateChange Stopped -> Idle\nS 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\n"
		. "B\nS 0 StateChange Busy -> Killed\nS 0 StateChange Killed -> Stopped\nF 2\n", 'in this order';
	like $pool->reply($held), qr/^ERR Filter timed out/, 'and the client hears it';
	$pool->stop;
};

subtest 'a worker that goes by itself' => sub {
	my $all = begin('-x', 2);
	my $start = "S 0 StateChange Stopped -> Idle\nS 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\n";
	$pool->ask('scan Q exit 1');
	my $told = take($all, length($start) + length "S 0 StateChange Busy -> Idle\nF 2\nU\nS 0 StateChange Idle -> Stopped\n");
	is substr($told, 0, length $start), $start, 'a request';
	like substr($told, length $start), qr/\A(?:U\n)?S 0 StateChange Busy -> Idle\nF 2\n(?:U\n)?S 0 StateChange Idle -> Stopped\n\z/,
		'its end, that of the worker, and that it was not expected';
	is $told =~ tr/U//, 1, 'once';
	$pool->ask('scan Q echo ok');
	hears $all, "${start}S 0 StateChange Busy -> Idle\nF 2\n", 'another one';
	my ($pid) = $pool->ask('workers') =~ /^0 I (\d+)/;
	kill KILL => $pid;
	hears $all, "U\nS 0 StateChange Idle -> Stopped\n", 'killed from outside while idle';
	$pool->stop;
};

subtest 'reread' => sub {
	my $all = begin('-x', 2, '-m', 2, '-w', 1);
	until_idle($all);
	is $pool->states_become('II'), 'II', 'two run';
	is $pool->ask('reread'), "Forced reread of filter rules\n", 'reread';
	my $replaced = sub { map { "S $_[0] StateChange $_\n" } 'Idle -> Killed', 'Killed -> Stopped', 'Stopped -> Idle' };
	my $told = take($all, length join '', "R\n", $replaced->(0), $replaced->(1));
	like $told, qr/\AR\n/, 'R first: the new filter serves';
	is join('', sort $told =~ /^S.*\n/mg), join('', sort $replaced->(0), $replaced->(1)), 'then both are replaced';
	unlike $told, qr/^[FZY]/m, 'and at no time is one less free';
	spew($pool->{rules}, "die no\n");
	like $pool->ask('reread'), qr/^ERR Reread failed/, 'a reread that fails';
	hears $all, "E Reread failed: no at $pool->{rules} line 7.; Filter not loaded. (worker exited normally with status 2)\n", 'is told';
	is take($all, 1, 0.3), '', 'and changes nothing';
	like $pool->ask('reread -n'), qr/^ERR Reread failed/, 'a filter that is only tried';
	is take($all, 1, 0.3), '', 'is not told of';
	spew($pool->{rules}, "good\n");
	$pool->stop;
};

subtest 'ticks, maps and tags' => sub {
	my $all = begin('-x', 2, '-X', 1, '-Z');
	hears $all, "S 0 StateChange Stopped -> Idle\nS 0 StateChange Idle -> Busy\nF 1\nS 0 StateChange Busy -> Idle\nF 2\n",
		'a tick has no tag';
	$pool->stop;
	$all = begin('-x', 2, '-Z', '-b', 5, '-N', "$dir/map.sock");
	my $request = $pool->send_line("scan Q tag one%0Atwo%2500 $dir/go3");
	hears $all, "S 0 StateChange Stopped -> Idle\nS 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\n", 'a request';
	like take($all, 6), qr/\AS 0 [ -~]+/, 'what the worker says it does';
	spew("$dir/go3", '');
	$pool->reply($request);
	take_until($all, qr/F 2\n\z/);
	my $map = $pool->send_raw('8:exit 100,', "$dir/map.sock");
	like take_until($all, qr/-> Stopped\n/), qr/^S 0 map exit\n/m, 'a look-up has one';
	$map = $pool->send_raw('6:half x,', "$dir/map.sock");
	my $told = take_until($all, qr/-> Stopped\nF 2\n/);
	like $told, qr/^S 0 StateChange Busy -> Killed$/m, 'one that takes too long';
	unlike $told, qr/^B/m, '  has no B';
	$pool->stop;
};

subtest 'subscriptions' => sub {
	begin('-x', 2);
	$pool->ask('scan Q echo ok');
	for my $row (
		[ "?RF\n", "F 1\nF 2\n" ],
		[ "?*\n", "S 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\nS 0 StateChange Busy -> Idle\nF 2\n" ],
		[ "?\n", '' ],
		[ "?S?F\r\n", "S 0 StateChange Idle -> Busy\nF 1\nS 0 scan Q\nS 0 StateChange Busy -> Idle\nF 2\n" ],
		[ "?fr\n", '' ],
		[ "F\n", '' ],
		[ "?F\nhello\n", "F 1\nF 2\n" ],
		[ "?S\n?F\n", "F 1\nF 2\n" ],
		[ '?F' . 'x' x 300 . "S\n", "F 1\nF 2\n" ],
		[ undef, '' ],
		) {
		my ($line, $want) = @$row;
		my $handle = listener($line);
		$pool->ask('scan Q echo ok');
		subscribe($handle, "?U\n");
		(my $name = substr $line // 'none', 0, 20) =~ s/[\r\n]/./g;
		is take($handle, length($want) || 1, $want eq '' ? 0.2 : 10), $want, $name;
	}
	my $half = listener();
	syswrite $half, '?F';
	shutdown $half, 1;
	ok is_closed($half), 'half a line and the end of file: hung up on';
	$pool->stop;
};

subtest 'places' => sub {
	my @listeners = begin('-x', 2);
	push @listeners, map { listener() } 2 .. 5;
	my $sixth = IO::Socket::UNIX->new(Peer => $socket);
	is take($sixth, 100), "*ERR No free listening slots\n", 'five at a time';
	pop @listeners;
	ok wait_until(10, sub { take(IO::Socket::UNIX->new(Peer => $socket), 4) eq "*OK\n" }), 'a place is free again';
	is sprintf('%o', (stat $socket)[2] & 0777), '750', 'mode';
	$pool->stop;
	ok !-e $socket, 'the socket is gone';
};

subtest 'a listener that does not read' => sub {
	my $deaf = begin('-x', 2);
	my $hears = listener("?F\n");
	my $dropped = sub { $pool->log_text =~ /A listener does not read its notifications: hanging up/ };
	my $end = time + 60;
	until ($dropped->() || time > $end) {
		$pool->ask('x' . 'y' x 60 . ' echo x') for 1 .. 200;
		take($hears, 1600);
	}
	ok $dropped->(), 'is hung up on';
	is $pool->ask('relayok 192.0.2.1 echo on'), "on\n", 'nobody waits for it';
	$pool->stop;
};

done_testing;
