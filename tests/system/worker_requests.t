# Requests and replies of a filter worker, and the forms of its command line.
use strict;
use warnings;
use Defang::Test qw(temp_dir spew);
use Defang::Worker;
use Test::More;

# --- A filter that defines nothing ---------------------------------------------------------------------------------------------
{
	my $worker = Defang::Worker->start("1;\n");
	my $dir = $worker->message('plain.eml');
	my $none = 'ok 1 ok 250 2.1.0 0';
	for my $case (
		['ping', 'PONG'],
		['PING', 'error: Unknown command'],
		['', 'error: Unknown command'],
		['relayok 192.0.2.1 host 1 192.0.2.2 25 NOQUEUE', $none],
		['helook 192.0.2.1 host helo 1 192.0.2.2 25 NOQUEUE', $none],
		["senderok <a\@b> 192.0.2.1 host helo $dir Q1", $none],
		["recipok <c\@d> <a\@b> 192.0.2.1 host <c\@d> helo $dir Q1 local ? c", $none],
		['scan Q1', 'error: scan: too few words in request'],
		['map m k', 'PERM No%20filter_map%20function%20defined'],
		['tick 3', 'error: tick 3: filter_tick undefined'],
		['scan Q1 /no/such/dir', 'error: Cannot chdir(/no/such/dir): No such file or directory'],
		['x' x 70000, 'error: Request too long'],
		['x ' x 300, 'error: Too many words in request'],
		['ping', 'PONG'],
	) {
		my ($request, $reply) = @$case;
		is($worker->ask($request), $reply, 'reply to ' . substr $request, 0, 40);
	}
	print { $worker->{to} } "ping\nping\ntick 1\n";
	is_deeply([map { $worker->line } 1 .. 3], ['PONG', 'PONG', 'error: tick 1: filter_tick undefined'], 'three at once, in order');
	ok($worker->is_quiet, 'one line a request');
	is($worker->stop, 0, 'end of file ends it with 0');
}

# --- What the functions get, and what becomes of what they return --------------------------------------------------------------
{
	my $worker = Defang::Worker->start(<<'FILTER');
sub filter_relay { return ('CONTINUE', join '|', @_, $RelayAddr, $RelayHostname, $QueueID, $MsgID) }
sub filter_helo { return ('CONTINUE', join '|', @_, $Helo, $RelayAddr) }
sub filter_sender { return ('CONTINUE', join '|', @_, $Sender, "@ESMTPArgs", $MsgID, $CWD) }
sub filter_recipient
{
	read_commands_file() if $_[0] eq '<read>';
	return ('CONTINUE', join '|', @_, "@Recipients", "@{$RecipientMailers{$_[0]}}", "@ESMTPArgs");
}
sub filter_map { return $_[0] eq 'bad' ? ('MAYBE', 'x') : ('OK', "$_[0]:$_[1]") }
sub filter_tick { die "no tick\n" if $_[0] eq '7' }
sub filter_unknown_cmd { return $_[0] eq 'PING' ? ('ok', 'PO NG', $_[1]) : $_[0] eq 'err' ? ('error:', 'x') : ('what', 'x') }
FILTER
	my $dir = $worker->message('plain.eml', 'S<a@b>', 'R<first> local ? first');
	for my $case (
		['relayok 192.0.2.1 my%20host 5 192.0.2.2 25 Q9', '192.0.2.1|my%20host|5|192.0.2.2|25|Q9|192.0.2.1|my%20host|Q9|Q9'],
		['helook 192.0.2.1 h helo 5 192.0.2.2 25 Q9', '192.0.2.1|h|helo|5|192.0.2.2|25|Q9|helo|192.0.2.1'],
		["senderok <a> 192.0.2.1 h helo $dir Q9 SIZE=5 BODY=7BIT", "<a>|192.0.2.1|h|helo|<a>|SIZE=5%20BODY=7BIT|Q9|$dir"],
		["senderok <>  h helo $dir Q9", "<>||h|helo|<>||Q9|$dir"],
		["recipok <c> <a> 192.0.2.1 h <f> helo $dir Q9 m ho ad N=1",
			'<c>|<a>|192.0.2.1|h|<f>|helo|m|ho|ad|<c>|m%20ho%20ad|N=1'],
		["recipok <read> <a> 192.0.2.1 h <f> helo $dir Q9 m ho ad",
			'<read>|<a>|192.0.2.1|h|<f>|helo|m|ho|ad|<first>%20<read>|m%20ho%20ad|'],
	) {
		my ($request, $text) = @$case;
		is($worker->ask($request), "ok 1 $text 250 2.1.0 0", $request);
	}
	is($worker->ask('map m some%20key'), 'OK m:some%20key', 'map');
	is($worker->ask('map m '), 'OK m:', 'map with an empty key');
	is($worker->ask('map bad k'), 'PERM Invalid%20code%20from%20filter_map:%20MAYBE', 'map with an unknown code');
	is($worker->ask('tick 2'), 'tock 2', 'tick');
	is($worker->ask('tick 7'), 'error: no tick', 'tick that dies');
	is($worker->ask('PING a%20b'), 'ok PO%20NG a%20b', 'a command of the filter, in its own case');
	is($worker->ask('err'), 'error: x', 'its error');
	is($worker->ask('other'), 'error: x', 'a first word that is neither');
	is($worker->ask('senderok <a> 192.0.2.1 h helo /no/dir Q9'),
		'ok -1 could%20not%20chdir(/no/dir):%20No%20such%20file%20or%20directory 451 4.3.0 0', 'no such directory');
	ok($worker->is_quiet, 'one line a request');
	is($worker->stop, 0, 'ends');
}

{
	my $worker = Defang::Worker->start('sub filter_relay { return eval $_[1] }');
	for my $case (
		["'ACCEPT_AND_NO_MORE_FILTERING', 'x'", '2 x 250 2.1.0 0'],
		["'DISCARD', 'x'", '3 x 250 2.1.0 0'],
		["'CONTINUE', 'x', '251', '2.9.9', 4", '1 x 251 2.9.9 4'],
		["'CONTINUE', 'x', '554', '5.7.1'", '1 x 250 2.1.0 0'],
		["5, 'x'", '1 x 250 2.1.0 0'],
		["-1, 'x', '450', '4.7.1'", '-1 x 450 4.7.1 0'],
		["'TEMPFAIL', '', '554', '5.7.1', '2s'", '-1 ? 451 4.3.0 0'],
		["'REJECT', 'a\"b', '550', '5.1.1'", '0 a%22b 550 5.1.1 0'],
		["'REJECT', undef, '5500', '5.1.1111'", '0 ? 554 5.7.1 0'],
		["0, 'x'", '0 x 554 5.7.1 0'],
		["'continue', 'x'", '0 x 554 5.7.1 0'],
		['()', '0 ? 554 5.7.1 0'],
	) {
		my ($returned, $reply) = @$case;
		(my $word = $returned) =~ s/([^A-Za-z0-9_])/sprintf '%%%02X', ord $1/ge;
		is($worker->ask("relayok 192.0.2.1 $word 1 2 3 Q"), "ok $reply", "return ($returned)");
	}
	$worker->stop;
}

# --- Status lines --------------------------------------------------------------------------------------------------------------
{
	my $dir = temp_dir();
	spew("$dir/filter", "sub filter_begin {}\nsub filter { action_accept() }\n");
	mkdir "$dir/m";
	spew("$dir/m/INPUTMSG", "Subject: x\n\nbody\n");
	spew("$dir/m/COMMANDS", "QQ1\nF\n");
	my $program = Defang::Test::stage() . '/bin/mimedefang.pl';
	my (undef, undef, $status) = Defang::Test::run_command(20, 'sh', '-c',
		"echo scan Q1 $dir/m | $program -f $dir/filter -serveru 3>&2 2>/dev/null");
	is($status, join('', map { "$_\n" } '1:%20>%20Reading%20COMMANDS%20Q1', '0:%20<%20no_tag%20Q1', '1:%20>%20Parsing%20Message%20Q1',
		'0:%20<%20no_tag%20Q1', '1:%20>%20In%20filter_begin%20Q1', '0:%20<%20no_tag%20Q1', '1:%20>%20In%20rebuild%20loop%20Q1',
		'2:%20>%20In%20filter%20routine%20Q1', '1:%20<%20In%20rebuild%20loop%20Q1', '0:%20<%20no_tag%20Q1'), '-serveru');
}

# --- The command line ----------------------------------------------------------------------------------------------------------
{
	my $dir = temp_dir();
	spew("$dir/good", "sub filter_validate { return 5 }\n");
	spew("$dir/bad", "sub filter {\n\tmy \$x = ;\n}\n");
	spew("$dir/dies", "die 'not today';\n");
	my @run = Defang::Worker->run('-f', "$dir/good", '-test');
	is_deeply(\@run, [0, "Filter $dir/good seems syntactically correct.\n", ''], '-test');
	@run = Defang::Worker->run('-f', "$dir/good", '-validate');
	is($run[0] >> 8, 5, '-validate exits with what filter_validate returned');
	@run = Defang::Worker->run('-f', '/dev/null', '-validate');
	is($run[0] >> 8, 1, '-validate without the function');
	@run = Defang::Worker->run('-f', '/dev/null', '-features');
	like($run[1], qr/\Amimedefang\.pl version \S+\n\n.*^Path:SPOOLDIR .*\n\n.*^MIME::Entity +: Version/ms, '-features');
	for my $args (['-x'], [], ['-server', 'x'], ['-test', '-f', "$dir/good"]) {
		@run = Defang::Worker->run(@$args);
		is($run[0] >> 8, 64, "usage: @$args");
		like($run[2], qr/^usage: mimedefang\.pl /, 'and says so');
	}
	for my $form ('-test', '-server', "$dir") {
		@run = Defang::Worker->run('-f', "$dir/bad", $form);
		isnt($run[0], 0, "$form: a filter with a syntax error");
		is($run[1], '', 'nothing is answered');
		like($run[2], qr{^mimedefang\.pl: filter \Q$dir\E/bad does not load: syntax error at \Q$dir\E/bad line 2}, "Perl's message");
	}
	@run = Defang::Worker->run('-f', "$dir/dies", '-server');
	like($run[2], qr/not today at \Q$dir\E\/dies line 1/, 'a filter that dies while it loads');
	spew("$dir/log", "\$SyslogFacility = 'nowhere';\n");
	@run = Defang::Worker->run('-f', "$dir/log", '-server');
	like($run[2], qr/unknown syslog facility in \$SyslogFacility: nowhere/, 'a setting that is wrong');
	spew("$dir/log", "\$SyslogFacility = 'local3';\n");
	@run = Defang::Worker->run('-f', "$dir/log", '-test');
	is($run[0], 0, 'a setting that is right');
	@run = Defang::Worker->run('-f', "$dir/none", '-server');
	isnt($run[0], 0, 'no such filter');
	like($run[2], qr{cannot read filter \Q$dir\E/none: No such file}, 'and says so');
}

{
	my $worker = Defang::Worker->start("sub filter_initialize { die 'no database' }\n");
	is($worker->line, undef, 'filter_initialize dies: nothing is answered');
	isnt($worker->stop, 0, 'and the worker ends');
	like($worker->stderr, qr/no database at .*filter line 1/, 'with the message');
	$worker = Defang::Worker->start("sub filter_cleanup { return 7 }\n");
	is($worker->ask('ping'), 'PONG', 'alive');
	is($worker->stop >> 8, 7, 'filter_cleanup gives the exit status');
}

done_testing;
