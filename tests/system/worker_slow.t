# The time that a request may take: what a filter can know of it, and the slow log. Short times; what is waited for are events.
use strict;
use warnings;
use Defang::Pool;
use Defang::Test qw(stage slurp spew wait_until);
use Defang::Worker;
use Test::More;

my $plain = "Subject: s\n\nbody\n";

# Each wait ends when the slow log has told of it, which is half of the time before the controller would end it.
my $filter = <<'FILTER';
our ($Slow, $Seen) = (0, 0); # the signal may come before the wait begins
{
	no warnings 'redefine';
	*Mail::MIMEDefang::log_line = sub { print STDERR "LOG $_[0] $_[1]\n"; $Slow++ if $_[1] =~ /slow:/ };
}
sub busy { 1 until $Slow > $Seen; $Seen = $Slow; return }
sub waiting { select undef, undef, undef, 0.01 until $Slow > $Seen; $Seen = $Slow; return }
sub filter_begin { $Subject eq 'busy' ? busy('secret') : $Subject eq 'waiting' ? eval { waiting(); 1 } : 0 }
sub filter_end { busy() if $Subject eq 'late' }
sub handle_left { return ('ok', md_time_left()) }
sub handle_slow { busy(); return ('ok', md_time_left()) }
sub handle_child { my $pid = fork // die; exit 3 if !$pid; waitpid $pid, 0; busy(); return ('ok', $? >> 8) }
FILTER

sub slow { return $_[0] =~ /^LOG warning (.*slow: .*)$/mg }

{
	delete local $ENV{DEFANG_BUSY_MS};
	my $worker = Defang::Worker->start($filter);
	is($worker->ask('left'), 'ok 1000000', 'nothing is known of the end');
	$worker->stop;
	local $ENV{DEFANG_BUSY_MS} = 'soon';
	$worker = Defang::Worker->start($filter);
	is($worker->ask('left'), 'ok 1000000', 'something that is no time');
	is($worker->stop, 0, 'ends well');
}

{
	local $ENV{DEFANG_BUSY_MS} = 3_600_000;
	my $worker = Defang::Worker->start($filter);
	my ($left) = $worker->ask('left') =~ /^ok (.*)/;
	ok($left > 3000 && $left <= 3600, "an hour: $left");
	$worker->scan($worker->message($plain));
	is_deeply([slow($worker->stderr)], [], 'nothing is slow');
	$worker->stop;
}

{
	local $ENV{DEFANG_BUSY_MS} = 4000; # half of it is more than a busy machine needs to come to where it waits
	my $worker = Defang::Worker->start($filter);
	is(($worker->scan($worker->message($plain, 'Ubusy')))[0], 'ok', 'a slow message');
	my @slow = slow($worker->stderr);
	is(@slow, 1, 'is told once');
	like($slow[0], qr{^Q1: slow: \d\.\d of 4\.0 seconds are over: main::busy at \S+/filter line 6, called by main::filter_begin at \S+/filter line 8$},
		'with queue id and where it stands');
	unlike($slow[0], qr/secret|Mail::/, 'without arguments, and without what is ours');
	is(($worker->scan($worker->message($plain, 'Uwaiting')))[0], 'ok', 'one that waits');
	@slow = slow($worker->stderr);
	like($slow[1], qr{: main::waiting at \S+/filter line 7, called by \(eval\) at \S+/filter line 8, called by main::filter_begin }, 'is told');
	is(($worker->scan($worker->message($plain, 'Ulate')))[0], 'ok', 'one that is slow in the end');
	like($worker->ask('slow'), qr/^ok [\d.]+$/, 'another request');
	@slow = slow($worker->stderr);
	is(@slow, 4, 'each is told once');
	like($slow[3], qr/^slow: .*main::handle_slow/, 'without a queue id when it has none');
	is($worker->ask('child'), 'ok 3', 'one with a child');
	is($worker->stop, 0, 'ends well');
}

# As the controller runs them: executed, and forked from a template.
for my $how ([], ['-E', '--template', stage() . '/lib/defang/mimedefang-worker']) {
	my $pool = Defang::Pool->new;
	spew("$pool->{dir}/filter", $filter);
	$pool->start('-b', 20, '-m', 1, '-x', 1, '-f', stage() . '/bin/mimedefang.pl', '-F', "$pool->{dir}/filter", @$how);
	is($pool->states_become('I', 30), 'I', "a worker @$how");
	my ($left) = $pool->ask('left') =~ /^ok (.*)/;
	ok($left > 10 && $left <= 20, "it knows of -b: $left");
	$pool->stop;
	$pool->start('-b', 6, '-m', 1, '-x', 1, '-f', stage() . '/bin/mimedefang.pl', '-F', "$pool->{dir}/filter", @$how);
	is($pool->states_become('I', 30), 'I', 'a worker with little time');
	like($pool->ask('slow'), qr/^ok [\d.]+$/, 'it is slow, and answers');
	ok($pool->logged(qr/slow: \d\.\d of 6\.0 seconds are over: main::busy at /, 20), 'its slow log');
	$pool->stop;
}

done_testing;
