#!/usr/bin/perl
# Keys of pmx.conf whose effect is seen outside of a command line: log_to, log_utc, stdout, stderr, umask, preload_interpreters, checks, the
# other sockets, a filter program of one's own, spool folders, stop_timeout, stop_escalate.
use strict;
use warnings;
use Test::More;
use IO::Socket::UNIX;
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until top);

my $filter = "use Mail::MIMEDefang;\nsub filter_relay { return ('CONTINUE', 'ok') }\nsub filter_begin { return }\nsub filter { return action_accept() }\n1;\n";

sub well { my ($pmx, @words) = @_; my ($status, $out, $err) = $pmx->run(@words); is $status, 0, "@words" or diag "$out$err"; return }

subtest 'log_to, log_utc, stdout, stderr' => sub {
	my $pmx = Defang::Pmx->new(Policy => { more => "debug_level = 1\n" });
	$pmx->{global} = "log_to = milters.log\nlog_utc = yes\nstdout = out.log\n";
	$pmx->write;
	well($pmx, 'start');
	is $pmx->send('Policy')->{verdict}, 'accept', 'it takes mail';
	well($pmx, 'stop');
	my $log = slurp("$pmx->{dir}/log/milters.log") // '';
	like $log, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 pmx-milter\[\d+\]: milter Policy: started \(pid \d+\)$/m, 'our own lines, in UTC';
	like $log, qr/^\S+ pmx-milter\[\d+\]: milter Policy: stopped \(HUP\)$/m, '  of the stop, too';
	like $log, qr/^mimedefang\[\d+\]: .*MIMEDefang alive/m, 'those of the front end';
	like $log, qr/^mimedefang-multiplexor\[\d+\]: /m, 'those of the controller';
	ok -e "$pmx->{dir}/log/out.log", 'standard output has its file';
};

subtest 'umask, local port, preload_interpreters, checks, other sockets, spool folders' => sub {
	my $pmx = Defang::Pmx->new(Policy => { local => 1, filter => $filter }, Other => { local => 1 });
	my $sock = "$pmx->{dir}/sock";
	$pmx->{milters}{Policy}{more} = "preload_interpreters = yes\nmin_pooled_procs = 1\nchecks = relay\nstatus_port = $sock/status\n"
		. "notify_port = $sock/notify\nmap_port = $sock/map\n";
	$pmx->{global} = "umask = 027\n";
	$pmx->write;
	well($pmx, 'start');
	is $pmx->send($_)->{verdict}, 'accept', "$_ takes mail" for qw(Policy Other);
	is sprintf('%03o', (stat "$sock/Policy.sock")[2] & 0777), '770', 'the group may use the socket';
	ok(IO::Socket::UNIX->new(Peer => "$sock/$_"), "the $_ socket is there") for qw(status notify map);
	ok -d "$pmx->{dir}/spool/$_", "$_ has a spool folder of its own" for qw(Policy Other);
	is sprintf('%03o', (stat "$pmx->{dir}/spool/Policy")[2] & 07), '000', '  closed to others';
	well($pmx, 'restart');
	is $pmx->send($_)->{verdict}, 'accept', "$_ takes mail after a restart" for qw(Policy Other);
	well($pmx, 'stop');
	ok !-e "$sock/Policy.sock", 'the socket is gone';
};

subtest 'umask and the like by default' => sub {
	my $pmx = Defang::Pmx->new(Policy => { local => 1 });
	well($pmx, 'start');
	is sprintf('%03o', (stat "$pmx->{dir}/sock/Policy.sock")[2] & 0777), '750', 'the group may not write to the socket';
	ok !-e "$pmx->{dir}/log/milters.log", 'no log but syslog';
	ok -e "$pmx->{dir}/log/Policy.err", 'standard error has its file';
	well($pmx, 'stop');
};

subtest 'stop_timeout, stop_escalate, abort_timeout' => sub {
	my $go = Defang::Test::temp_dir('defang-go');
	chmod 0777, $go;
	my $pmx = Defang::Pmx->new(Policy => {
		filter => "sub filter_begin { open my \$at, '>', '$go/busy'; select undef, undef, undef, 0.02 until -e '$go/go'; return }\n"
			. "sub filter { return action_accept() }\n1;\n" });
	my $message = sub {
		unlink "$go/$_" for qw(go busy);
		my $program = Defang::Test::start_program("$pmx->{dir}/message", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'),
			'--json', Defang::Test::data('plain.eml'));
		wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
		return $program;
	};
	my $start = sub { my ($more) = @_; $pmx->{milters}{Policy}{more} = $more; $pmx->write; well($pmx, 'start'); return };
	my $ended = sub { my ($program) = @_; return wait_until(120, sub { Defang::Test::has_ended($program) }) };

	$start->("stop_timeout = 1\n");
	my $held = $message->();
	my ($status, undef, $err) = $pmx->run('stop');
	is $status, 1, 'stop_timeout = 1: it takes too long';
	like $err, qr/^Policy: still draining after \d+s \(1 connection\)/m, '  said so';
	spew("$go/go", '');
	ok $ended->($held) && $held->{status} == 0, '  and the message is accepted';
	wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopped' }, 'the end');

	$start->("stop_timeout = 0\n");
	$held = $message->();
	my $restart = $pmx->begin('restart');
	wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the restart at its stop');
	spew("$go/go", '');
	ok $ended->($restart) && $restart->{status} == 0, 'stop_timeout = 0: a restart waits all the same' or diag slurp($restart->{log});
	ok $ended->($held) && $held->{status} == 0, '  and the message is accepted';
	$held = $message->();
	($status, my $out, $err) = $pmx->run('stop');
	is $status, 0, '  a stop does not' or diag $err;
	like $out, qr/^Policy: not waited for; it is still stopping$/m, '  said so';
	ok !Defang::Test::has_ended($held), '  the message is in hand';
	spew("$go/go", '');
	ok $ended->($held) && $held->{status} == 0, '  and is accepted';
	wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopped' }, 'the end');

	$start->("stop_timeout = 1\nstop_escalate = yes\nabort_timeout = 30\n");
	$held = $message->();
	($status, undef, $err) = $pmx->run('stop');
	is $status, 0, 'stop_escalate: it ends' or diag $err;
	ok $ended->($held) && $held->{status} != 0, '  the message got no verdict';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
};

subtest 'filter: a program of its own' => sub {
	my $pmx = Defang::Pmx->new(Policy => {});
	my $fake = spew("$pmx->{dir}/fake", slurp(top() . '/tests/system/workers/fake'));
	chmod 0755, $fake;
	spew($pmx->{milters}{Policy}{rules}, "good\n");
	$pmx->{milters}{Policy}{more} = "filter = $fake\nmin_pooled_procs = 1\n";
	$pmx->write;
	well($pmx, 'start');
	well($pmx, 'stop');
	chmod 0777, $fake;
	my ($status, undef, $err) = $pmx->run('start');
	is $status, 1, 'one that everybody may write is refused';
	like $err, qr/^Policy: start failed: filter \S+: everybody may write it$/m, '  said so';
	chmod 0644, $fake;
	($status, undef, $err) = $pmx->run('start');
	is $status, 5, 'one that cannot be run: exit status 5';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
};

subtest 'rules, and folders of others' => sub {
	my $pmx = Defang::Pmx->new(Policy => {});
	my $rules = $pmx->{milters}{Policy}{rules};
	chmod 0666, $rules;
	my ($status, undef, $err) = $pmx->run('start');
	is $status, 1, 'rules that everybody may write are refused';
	like $err, qr/^Policy: start failed: rules \Q$rules\E: everybody may write it$/m, '  said so';
	unlink $rules;
	($status, undef, $err) = $pmx->run('start');
	like $err, qr/^Policy: start failed: rules \Q$rules\E: No such file or directory$/m, 'rules that are not there';
	spew($rules, "1;\n");
	chmod 0777, $pmx->{run};
	($status, undef, $err) = $pmx->run('start');
	like $err, qr/^Policy: start failed: run_dir \S+: others may write it$/m, 'a run_dir that everybody may write';
	chmod 0775, $pmx->{run};
	($status, undef, $err) = $pmx->run('start');
	like $err, qr/^Policy: start failed: run_dir \S+: others may write it$/m, 'one that a group may write';
	chmod 0755, $pmx->{run};
	rmdir "$pmx->{dir}/log" or die $!;
	($status, undef, $err) = $pmx->run('start');
	is $status, 1, 'a log_dir that is not there';
	like $err, qr/^Policy: start failed: .*No such file or directory$/m, '  said so';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
};
done_testing;
