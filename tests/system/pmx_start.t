#!/usr/bin/perl
# pmx-milter starts and stops milters, and shows them: R6 to R18, R22 to R46 of a quiet pool.
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(spew slurp wait_until);

my $pmx = Defang::Pmx->new(Policy => { more => "min_pooled_procs = 1\n" }, Outbound => { disabled => 1, local => 1 });

subtest 'nothing runs' => sub {
	my ($status, $out) = $pmx->run('status');
	is $status, 3, 'status: exit status 3';
	is $out, "no milters are running\n", '  said so';
	($status, $out) = $pmx->run('status', '--all');
	like $out, qr/^milter Policy: not running\nmilter Outbound: not running \(disabled\)$/m, '--all lists what is configured';
	($status, $out) = $pmx->run('stop');
	is $status, 0, 'stop is a success';
	($status, $out) = $pmx->run('stop', 'Policy');
	is_deeply [$status, $out], [0, "Policy: not running\n"], 'so it is by name';
};

my $first;
subtest 'R6, R7: start without names' => sub {
	my ($status, $out, $err) = $pmx->run('start', '--verbose');
	is $status, 0, 'exit status 0' or diag $err;
	like $out, qr/^Policy: starting \.\.\. started \(pid \d+\)$/m, 'the enabled one is started';
	like $out, qr/^Outbound: disabled, not started$/m, 'the disabled one is not';
	$first = $pmx->view('Policy');
	is $first->{state}, 'running', 'it runs' or diag explain $first;
	ok Defang::Pmx::is_alive($first->{pid}), '  in the process that the status tells';
	is $pmx->send('Policy')->{verdict}, 'accept', '  and takes mail';
	($status, $out) = $pmx->run('start');
	is_deeply [$status, $out], [0, "Policy: already running (pid $first->{pid})\n"], 'R6: one that runs is left alone';
	is $pmx->view('Policy')->{pid}, $first->{pid}, '  and has the same pid';
};

subtest 'R8, R9, R10: start by name' => sub {
	my ($status, $out, $err) = $pmx->run('start', 'Outbound', 'Nobody');
	is $status, 2, 'R10: an unknown name is a usage error';
	like $err, qr/^pmx-milter: unknown milter 'Nobody'$/m, '  said so';
	is $pmx->view('Outbound')->{state}, 'stopped', '  and nothing was started';
	($status, $out, $err) = $pmx->run('start', 'Outbound', 'Outbound');
	is $status, 0, 'R9: a disabled one by name' or diag $err;
	is scalar(() = $out =~ /started/g), 1, '  once, though named twice';
	is $pmx->send('Outbound')->{verdict}, 'accept', '  takes mail on its local socket';
};

subtest 'R22 to R46: the status of a quiet pool' => sub {
	my ($status, $out, $err) = $pmx->run('status');
	is $status, 0, 'exit status 0' or diag $err;
	note $out;
	my $port = $pmx->{milters}{Policy}{port};
	like $out, qr/^milter Policy: running$/m, 'R22: it is listed';
	like $out, qr/^    pid=$first->{pid} mux=\d+ port=\Q$port\E vsz=\d+\.\d threads=\d+ procs=\d+$/m, 'R24 to R28: the processes';
	like $out, qr/^    interp=[01]\/1 seq=\d+ waiting=0 flags=0x0 conns=0 queue=0\/0$/m, 'R29 to R33: who answered';
	like $out, qr/^    slots=\d+\/4 \(0 retiring\) req=0 msg=1$/m, 'R34 to R41: the pool';
	like $out, qr/^    slot#0:   pid=\d+ +vsz=\d+\.\d +acc=\d+\/\d+\/\d+ req=0$/m, 'R42 to R46: a slot';
	my ($view) = grep { $_->{name} eq 'Policy' } $pmx->views;
	is $view->{pool}{max}, 4, 'R37: twice the workers';
	is $view->{pool}{active_max}, 2, '  of which half may work';
	is $view->{config_changed}, JSON::PP::false, 'the configuration is the one it was started with';
	($status, $out) = $pmx->run('status', 'Outbound');
	unlike $out, qr/Policy/, 'by name';
};

subtest 'R11, R12, R13, R15: stop' => sub {
	my ($status, $out, $err) = $pmx->run('stop', '-HUP', 'Policy');
	is $status, 0, 'by name' or diag $err;
	like $out, qr/^Policy: stopping \(HUP\), 0 connections open\nPolicy: stopped$/m, '  told';
	ok !Defang::Pmx::is_alive($first->{pid}), '  its process is gone';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	is $pmx->view('Outbound')->{state}, 'running', '  the other one runs on';
	($status, $out) = $pmx->run('status');
	is $status, 150, 'status: some run, some do not: 150';
	($status, $out) = $pmx->run('stop');
	like $out, qr/^Outbound: stopped$/m, 'R11: without names the disabled one that runs, too';
	is_deeply [$pmx->left('Outbound')], [], '  nothing is left';
	ok !-e "$pmx->{dir}/sock/Outbound.sock", '  no socket either';
};
done_testing;
