# -E: the filter is loaded once, in a template process that forks the workers. With fake workers, with mimedefang.pl, and with what goes wrong.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(stage wait_until slurp spew);

my $hang_s = 12; # what a filter has to load: more than it needs on a busy machine
my $host = stage() . '/lib/defang/mimedefang-worker';
my $pool = Defang::Pool->new;
my ($dir, $done) = ($pool->{dir}, "Forced reread of filter rules\n");

sub start { return $pool->start('-E', '--template', $host, @_) }
sub workers { return map { /^\d+ [IB] (\d+)/ ? $1 : () } split /\n/, $pool->ask('workers') }
sub parent { my ($pid) = @_; return (slurp("/proc/$pid/status") // '') =~ /^PPid:\s+(\d+)/m ? $1 : 0 }
sub templates { return grep { (slurp("/proc/$_/cmdline") // '') =~ /\0-template\0/ && parent($_) == $pool->{pid} } children() }
sub children { return map { m{/(\d+)/stat$} ? $1 : () } glob '/proc/[0-9]*/stat' }
sub only_templates { my %w = map { $_ => 1 } workers(); return grep { !$w{$_} } templates() }

subtest 'requests' => sub {
	start('-m', 2, '-x', 3, '-w', 1, '-Z');
	is $pool->states_become('IIS', 20), 'IIS', 'two workers';
	is $pool->ask('scan Q echo x'), "x\n", 'a request';
	is $pool->ask('scan Q argv'), "-f $pool->{rules} -embserveru\n", 'what the program sees';
	my ($pid) = $pool->ask('scan Q pid') =~ /(\d+)/;
	ok scalar(grep { $_ == $pid } workers()), 'the pid that it has is the one that the controller knows';
	is parent($_), $pool->{pid}, 'a worker is a child of the controller' for workers();
	is scalar(only_templates()), 1, 'one template';
	my $tag = $pool->send_line("scan Q tag busy%20bee $dir/go");
	ok wait_until(5, sub { $pool->ask('workers') =~ /\(busy bee\)/ }), 'the status pipe';
	spew("$dir/go", '');
	is $pool->reply($tag), "ok\n", 'and the answer';
	is $pool->ask('scan Q exit 3'), "ERR No response from worker\n", 'a worker that exits';
	ok $pool->logged(qr/exited normally with status 3/), 'its status is known';
	is $pool->states_become('IIS', 20), 'IIS', 'another takes its place';
	is $pool->ask('scan Q stop'), "ERR Filter timed out - check filter rules or system load\n", 'a stuck one is killed'
		if $pool->stop && start('-b', 1);
	cmp_ok $pool->stop, '<', 9, 'stop';
	is $pool->{status}, 0, 'exit status';
	is scalar(grep { (slurp("/proc/$_/cmdline") // '') =~ /\Q$dir\E/ } children()), 0, 'nobody is left';
};

subtest 'reread' => sub {
	spew($pool->{rules}, "good one\n");
	start('-m', 3, '-x', 3, '-w', 1, '--start-timeout', $hang_s);
	is $pool->states_become('III', 20), 'III', 'three workers';
	my %before = map { $_ => 1 } workers();
	my ($old) = only_templates();
	spew($pool->{rules}, "good two\n");
	is $pool->ask('scan Q rules'), "one\n", 'the filter was loaded before it changed';
	is $pool->ask('reread'), $done, 'reread';
	ok wait_until(20, sub { my @now = workers(); @now == 3 && !grep { $before{$_} } @now }), 'all are replaced';
	is $pool->ask('scan Q rules'), "two\n", 'by those of the new filter';
	ok wait_until(20, sub { my @t = only_templates(); @t == 1 && $t[0] != $old }), 'one template, a new one';
	%before = map { $_ => 1 } workers();
	($old) = only_templates();
	spew($pool->{rules}, "die no such module\n");
	my $reply = $pool->ask('reread');
	like $reply, qr/^ERR Reread failed: no such module at \Q$pool->{rules}\E line 7\.; Filter not loaded\.; mimedefang\.pl: .*\/fake does not start /,
		'a broken one: its own message';
	is_deeply [ sort(workers()) ], [ sort keys %before ], 'the same workers';
	is $pool->ask('health'), "ok\n", 'healthy';
	is $pool->ask('scan Q exit 0'), "ERR No response from worker\n", 'and when one of them is gone';
	is $pool->states_become('III', 20), 'III', 'another is forked';
	is $pool->ask('scan Q rules'), "two\n", 'of the old filter';
	spew($pool->{rules}, "sleep\n");
	is $pool->ask('reread'), "ERR Reread failed: worker did not answer within $hang_s seconds of its start\n", 'one that hangs while it is loaded';
	ok wait_until(20, sub { join(' ', only_templates()) eq $old }), 'its template is gone, the old one is still there';
	spew($pool->{rules}, "good three\n");
	is $pool->ask('reread -n'), "Filter loads\n", 'reread -n';
	ok wait_until(20, sub { join(' ', only_templates()) eq $old }), 'leaves no template behind';
	kill HUP => $pool->{pid};
	ok wait_until(20, sub { ($pool->ask('scan Q rules') // '') eq "three\n" }), 'SIGHUP rereads';
	$pool->stop;
};

subtest 'a template that is killed' => sub {
	start('-m', 1, '-x', 2, '-w', 1);
	is $pool->states_become('IS', 20), 'IS', 'a worker';
	my ($template) = only_templates();
	kill KILL => $template;
	my @held = map { $pool->send_line("scan Q wait $dir/held ok") } 1 .. 2;
	is $pool->states_become('BB', 20), 'BB', 'the next start brings a new one';
	spew("$dir/held", '');
	is $pool->reply($_), "ok\n", 'its answer' for @held;
	ok $pool->logged(qr/Template of generation \d+ \(pid $template\) exited due to signal 9/), 'is logged';
	$pool->stop;
};

subtest 'a template that is killed with an order in hand' => sub {
	start('-m', 1, '-x', 2, '-w', 1);
	is $pool->states_become('IS', 20), 'IS', 'a worker';
	my ($template) = only_templates();
	kill STOP => $template;
	my @held = map { $pool->send_line("scan Q wait $dir/held-2 ok") } 1 .. 2;
	ok wait_until(20, sub { $pool->ask('status') =~ /^B\w/ && $pool->log_text =~ /Starting worker 1 \(2 running\)/ }), 'it has an order';
	kill KILL => $template;
	is $pool->states_become('BB', 20), 'BB', 'another one gets it';
	spew("$dir/held-2", '');
	is $pool->reply($_), "ok\n", 'its answer' for @held;
	is $pool->ask('health'), "ok\n", 'healthy';
	$pool->stop;
};

subtest 'a filter that does not load at the start' => sub {
	spew($pool->{rules}, "die no such module\n");
	start('-x', 2);
	like $pool->ask('scan Q echo x'), qr/^error: Unable to activate worker/, 'a request is refused';
	spew($pool->{rules}, "good\n");
	ok wait_until(20, sub { $pool->ask('scan Q echo x') eq "x\n" }), 'and served once it does';
	$pool->stop;
	my @child = ($host, '-template', 'x', '-embserver');
	isnt system(qw(sh -c), '"$@" 3<&- 2>/dev/null', 'sh', @child), 0, 'the host by hand';
};

subtest 'mimedefang.pl' => sub {
	spew("$dir/filter", "our \$loaded = \$\$; my \$n = 0;\nsub filter_initialize { \$n++ }\n"
		. "sub filter_unknown_cmd { return ('ok', \$n, \$loaded == \$\$ ? 'alone' : 'forked', rand()) }\n1;\n");
	start('-m', 2, '-x', 2, '-w', 1, '-f', stage() . '/bin/mimedefang.pl', '-F', "$dir/filter");
	is $pool->states_become('II', 20), 'II', 'two workers';
	my @held = map { $pool->send_line("frobnicate $_") } 1 .. 2;
	my @answers = map { [ split ' ', $pool->reply($_) ] } @held;
	is "@{ $_ }[0 .. 2]", 'ok 1 forked', 'the filter was loaded elsewhere, and initialized here' for @answers;
	spew("$dir/filter", "sub filter_begin { this is no perl }\n1;\n");
	like $pool->ask('reread'), qr/^ERR Reread failed: .*\Q$dir\E\/filter.* line 1/, 'a broken filter';
	spew("$dir/filter", "sub filter_initialize { die 'no database' }\n1;\n");
	like $pool->ask('reread'), qr/^ERR Reread failed: .*no database at \Q$dir\E\/filter line 1/, 'one that cannot be initialized';
	is $pool->states, 'II', 'the old ones serve';
	$pool->stop;
};

done_testing;
