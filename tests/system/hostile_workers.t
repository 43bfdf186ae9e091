# Workers that misbehave at every point of their life, while another client is served the whole time: each request gets its own answer or
# an error within its deadline. What a single misdeed in answer to a request leads to is in pool_hostile.t.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew sanitized);

my $busy_s = 4;
my $slack_s = sanitized() ? 24 : 8; # for what a deadline sets going
my $gentle_s = 9; # less than what a worker has that is ended without haste
my $workers = 4;

# Does as its rules say, which it reads at its start: `before-ping`, `after-ping` exit there; `good` knows the orders below. It reads
# its input without a buffer, so that the order `idle-exit` can watch for its end.
my $worker = <<'PERL';
#!/usr/bin/perl
use strict;
use warnings;
$| = 1;
open my $rules, '<', $ARGV[1] or die;
chomp(my $mode = readline $rules);
exit 3 if $mode eq 'before-ping';
sub wait_for { my $file = shift; select undef, undef, undef, 0.01 until -e $file }
# A child that holds all pipes of its parent, in a process group of its own if it is to escape.
sub child
{
	my ($file, $escapes) = @_;
	return if fork;
	setpgrp if $escapes;
	$SIG{$_} = 'IGNORE' for qw(TERM HUP PIPE);
	open my $list, '>>', $file or die;
	syswrite $list, "$$\n";
	select undef, undef, undef, 1000 while 1;
}
my %do = (
	echo => sub { print "@_\n" },
	late => sub { my $file = shift; $SIG{TERM} = 'IGNORE'; wait_for($file); print "too late\n"; wait_for("$file.never") },
	children => sub { my ($file, $n, $escapes) = @_; child($file, $escapes) for 1 .. $n; print "born\n" },
	desert => sub { my ($file, $n, $escapes) = @_; child($file, $escapes) for 1 .. $n; wait_for($file); exit 0 },
	leave => sub { print "bye\n"; exit 0 },
	stop => sub { print "stopping\n"; kill STOP => $$ },
	'close-after' => sub { print "closed\n"; close STDOUT; sleep 1000 },
	torn => sub { print "whole\nha"; sleep 1000 },
	flood => sub { my $n = shift; print 'y' x 1_000_000, "\n" for 1 .. $n },
	'flood-after' => sub {
		open my $file, '>', $_[0] or die;
		syswrite $file, "$$\n";
		print "flood\n";
		1 while print 'y' x 1_000_000, "\n";
		exit;
	},
	'kill' => sub { kill KILL => $$ },
);
while (defined(my $line = <STDIN>)) {
	my (undef, @words) = split ' ', $line;
	if ($line eq "ping\n") { print "PONG\n"; exit 4 if $mode eq 'after-ping'; next }
	shift @words while @words && !exists $do{ $words[0] };
	my $order = shift @words // 'echo';
	$do{$order}->(@words);
}
PERL

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
spew("$dir/bin/hostile", $worker);
chmod 0755, "$dir/bin/hostile";
sub start { return $pool->start('-f', "$dir/bin/hostile", '-x', $workers, '-b', $busy_s, '-c', 1, '--start-timeout', 30, '-q', 10, '-Q', 20, @_) }
start();

my $no_response = "ERR No response from worker\n";
my $timed_out = qr/^ERR Filter timed out - /;
my ($asked, $answered, $slowest) = (0, 0, 0);
my ($ill_timed, $errors) = (0, 0); # workers that went wrong with no request in work; errors that others got by that
my $other; # the request of the other client that waits for its answer

# The other client: one request after the other, each with an answer of its own.
sub other_asks
{
	$other = { handle => $pool->send_line('relayok 192.0.2.1 echo other-' . ++$asked), want => "other-$asked\n", begun => time };
	return;
}

# Whether it is the request's own answer, or an error.
sub is_due
{
	my ($reply, $want) = @_;
	return 1 if $reply eq $want;
	return 0 if $reply !~ /\A(?:error: |ERR )[^\n]+\n\z/;
	$errors++;
	return 1;
}

sub is_readable
{
	my ($handle) = @_;
	my $ready = '';
	vec($ready, fileno $handle, 1) = 1;
	return select($ready, undef, undef, 0) == 1;
}

sub other_goes_on
{
	other_asks() if !$other;
	return if !is_readable($other->{handle});
	my $reply = $pool->reply($other->{handle});
	my $took = time - $other->{begun};
	$slowest = $took if $took > $slowest;
	if (is_due($reply // '', $other->{want})) { $answered++ }
	else { diag "the other client: $other->{want} " . ($reply // 'nothing') }
	other_asks();
	return;
}

# Wait while the other client is at work.
sub meanwhile
{
	my ($name, $event) = @_;
	return wait_until(15, sub { other_goes_on(); return $event->() }, $name);
}

# One request to a hostile worker: its reply, in time.
sub hostile
{
	my ($name, $order, $want) = @_;
	my $begun = time;
	my $handle = $pool->send_line("scan Q $order");
	meanwhile($name, sub { is_readable($handle) });
	my $reply = $pool->reply($handle);
	ref $want ? like $reply, $want, $name : is $reply, $want, $name;
	cmp_ok time - $begun, '<', $busy_s + $slack_s, "$name: in time";
	ok is_due($pool->ask("scan Q echo $_") // '', "$_\n"), "$name: request $_ after it" for 1 .. $workers;
	return;
}

# The same for one that goes wrong only behind its answer: that may cost the next request, and no more.
sub ill_timed
{
	$ill_timed++;
	return hostile(@_);
}

sub pids_in { return split /\n/, slurp($_[0]) // '' }
my $main = $$;
END { kill KILL => pids_in("$dir/escaped") if $$ == $main }

subtest 'in a request' => sub {
	hostile('killed', 'kill', $no_response);
	hostile('ten lines of 1 MB', 'flood 10', "ERR Answer of worker is too long\n");
};

subtest 'between requests' => sub {
	ill_timed('exit after the answer', 'leave', "bye\n");
	ill_timed('SIGSTOP after the answer', 'stop', "stopping\n");
	ill_timed('stdout closed after the answer', 'close-after', "closed\n");
	ill_timed('half a line behind the answer', 'torn', "whole\n");
	ill_timed('an endless flood behind the answer', "flood-after $dir/flooding", "flood\n");
	my ($pid) = pids_in("$dir/flooding");
	my $begun = time;
	meanwhile('the end of the flood', sub { !kill 0, $pid });
	cmp_ok time - $begun, '<', $gentle_s, 'nobody reads it: its next write fails, and it needs no signal';
};

subtest 'an answer after the busy timeout' => sub {
	hostile('the request', "late $dir/late", $timed_out);
	spew("$dir/late", '');
	is $pool->ask("scan Q echo $_"), "$_\n", "the late answer is not that of request $_" for 1 .. 2 * $workers;
};

subtest 'children that keep the pipes open' => sub {
	hostile('of a worker that lives', "children $dir/born 10", "born\n");
	hostile('of one that died', "desert $dir/deserted 10", $no_response);
	meanwhile('their end', sub { !grep { kill 0, $_ } pids_in("$dir/deserted") });
	pass 'those of the dead one are killed';
	hostile('that have left its process group', "desert $dir/escaped 10 1", $no_response);
	is $pool->ask("scan Q echo $_"), "$_\n", "request $_ with them about" for 1 .. 2 * $workers;
	meanwhile('free slots', sub { $pool->ask('free') >= $workers - 1 }); # one is the other client's
	pass 'they hold no slot';
};

cmp_ok $answered, '>', 20, 'the other client was served the whole time';
is $answered, $asked - 1, 'with its own answer to every request, or an error';
cmp_ok $errors, '<=', $ill_timed, 'an error at most for each worker that went wrong between requests';
cmp_ok $slowest, '<', $busy_s + $slack_s, 'in time';
note sprintf '%d requests of the other client, the slowest took %.2f s', $asked, $slowest;
cmp_ok $pool->stop, '<', 9, 'ends';

# From here on no worker serves; the clients are told so at once.
for my $point (qw(before-ping after-ping)) {
	subtest "exit $point" => sub {
		spew($pool->{rules}, "$point\n");
		start();
		for my $n (1 .. 3) {
			my $begun = time;
			like $pool->ask('scan Q echo x'), qr/^(?:error: |ERR )[^\n]+\n\z/, "request $n is refused";
			cmp_ok time - $begun, '<', 25, '  in time';
		}
		like $pool->ask('free'), qr/^\d+$/, 'the controller answers';
		cmp_ok $pool->stop, '<', 9, 'and ends';
		is $pool->{status}, 0, 'exit status';
	};
}
done_testing;
