# A filter that misbehaves: it harms neither the protocol nor the next request.
use strict;
use warnings;
use Defang::Test qw(slurp spew);
use Defang::Worker;
use Test::More;

my $plain = "Subject: s\n\nbody\n";

{
	my $worker = Defang::Worker->start(<<'FILTER');
sub filter_begin
{
	die "first\nsecond\n" if $Subject eq 'die';
	die { code => 5 } if $Subject eq 'object';
	exit 3 if $Subject eq 'exit';
	no_such_function() if $Subject eq 'undefined';
	if ($Subject eq 'print') {
		print "to STDOUT\nok\n";
		system 'echo from a child';
	}
	my $line = <STDIN> if $Subject eq 'read';
	if ($Subject eq 'wander') {
		chdir '/';
		umask 0;
		$/ = undef;
		($\, $,) = ('x', 'y');
		select STDERR;
		alarm 1;
		action_add_header('X', 'from afar');
	}
	if ($Subject eq 'fork' && !fork) {
		die "in the child\n";
	}
	if ($Subject eq 'childexit') {
		my $pid = fork // die;
		exit 9 if !$pid;
		waitpid $pid, 0;
		action_add_header('X', $? >> 8);
	}
	my $bad = 'x' . undef if $Subject eq 'warn';
}
sub filter_relay { umask 0; return ('REJECT', sprintf '%s %o %s', Cwd::getcwd(), umask, defined $/ ? 'line' : 'all') }
sub filter_tick { die "tick\n" }
FILTER
	my $scan = sub {
		my ($subject) = @_;
		my $dir = $worker->message($plain, "U$subject");
		return $worker->scan($dir);
	};
	my @got = $scan->('die');
	is($got[0], 'error: first second', 'die: one line');
	@got = $scan->('undefined');
	like($got[0], qr/^error: Undefined subroutine &main::no_such_function called at .*filter line 6\.$/, 'with file and line');
	@got = $scan->('object');
	like($got[0], qr/^error: HASH\(/, 'die with an object');
	@got = $scan->('exit');
	is($got[0], 'error: filter called exit(3)', 'exit is an error');
	is($worker->ask('tick 1'), 'error: tick', 'die in another function');
	is_deeply([$scan->('fine')], ['ok', 'F'], 'the worker goes on');

	is_deeply([$scan->('print')], ['ok', 'F'], 'what a filter prints is no reply');
	like($worker->stderr, qr/^to STDOUT\nok\nfrom a child\n/m, 'it goes to standard error');
	is_deeply([$scan->('read')], ['ok', 'F'], 'standard input is empty');

	is_deeply([$scan->('wander')], ['ok', 'HX from%20afar', 'F'], 'results go where they belong');
	my $cwd = "$worker->{dir}/spool" =~ s{([^!-~]|[%\\'"])}{sprintf '%%%02X', ord $1}ger;
	is($worker->ask('relayok 192.0.2.1 h 1 2 3 Q'), "ok 0 $cwd%200%20line 554 5.7.1 0", 'folder and $/ are put back');
	my $dir = $worker->message($plain);
	$worker->scan($dir);
	is((stat "$dir/RESULTS")[2] & 07777, 0600, 'so is the umask');

	is_deeply([$scan->('fork')], ['ok', 'F'], 'a child that dies');
	is_deeply([$scan->('childexit')], ['ok', 'HX 9', 'F'], 'a child may exit');
	is_deeply([$scan->('warn')], ['ok', 'F'], 'a warning');
	is($worker->ask('ping'), 'PONG', 'still one answer a question');
	ok($worker->is_quiet, 'and nothing else');
	is($worker->stop, 0, 'ends well');
}

# A request that is cut short by the end of the file.
{
	my $worker = Defang::Worker->start('1;');
	print { $worker->{to} } 'ping';
	is($worker->stop, 0, 'half a line at the end');
	ok($worker->is_quiet || !defined $worker->line, 'is not answered');
}

done_testing;
