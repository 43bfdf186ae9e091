#!/usr/bin/perl
# pmx-milter starts and stops milters by the names that pmx.conf gives them, and shows them.
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(spew slurp wait_until);

my $pmx = Defang::Pmx->new(Policy => { more => "min_pooled_procs = 1\n" }, Outbound => { disabled => 1, local => 1 });

# Whoever has sent mail has hung up, which the front end may hear of a moment later.
sub no_connections { wait_until(60, sub { !grep { $_->{frontend}{connections} } $pmx->views }, 'the end of all connections'); return }

subtest 'R22: nothing runs' => sub {
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

subtest 'R1: it starts and watches the programs that filter, and filters nothing' => sub {
	my %program = map { $_ => (split /\0/, slurp("/proc/$first->{$_}{pid}/cmdline"))[0] } qw(frontend master);
	is_deeply \%program, { frontend => 'mimedefang', master => 'mimedefang-multiplexor' }, 'a milter is these two';
	my @left = grep { (slurp("$_/cmdline") // '') =~ /pmx-milter.*\Q$pmx->{conf}\E/s } glob '/proc/[0-9]*';
	is_deeply \@left, [], 'nothing of pmx-milter itself is left';
	my $before = $pmx->view('Policy')->{pool}{msg};
	is $pmx->send('Policy')->{verdict}, 'accept', 'mail is filtered all the same';
	is $pmx->view('Policy')->{pool}{msg}, $before + 1, '  which it sees';
};

subtest 'R9, R10: start by name' => sub {
	my ($status, $out, $err) = $pmx->run('start', 'Outbound', 'Nobody');
	is $status, 2, 'R10: an unknown name is a usage error';
	like $err, qr/^pmx-milter: unknown milter 'Nobody'$/m, '  said so';
	is $pmx->view('Outbound')->{state}, 'stopped', '  and nothing was started';
	($status, $out, $err) = $pmx->run('start', 'Outbound', 'Outbound');
	is $status, 0, 'R9: a disabled one by name' or diag $err;
	is scalar(() = $out =~ /started/g), 1, '  once, though named twice';
	is $pmx->send('Outbound')->{verdict}, 'accept', '  takes mail on its local socket';
	my $pid = $pmx->view('Outbound')->{pid};
	($status, $out) = $pmx->run('start', 'Outbound');
	is_deeply [$status, $out], [0, "Outbound: already running (pid $pid)\n"], 'R10: one that runs is told, and is no error';
	is $pmx->view('Outbound')->{pid}, $pid, '  it has the same pid';
};

subtest 'R22, R24, R25, R34, R42: the status of a quiet pool' => sub {
	no_connections();
	my ($status, $out, $err) = $pmx->run('status');
	is $status, 0, 'exit status 0' or diag $err;
	note $out;
	my $port = $pmx->{milters}{Policy}{port};
	is_deeply [$out =~ /^milter (\w+): running$/mg], [qw(Outbound Policy)], 'R22: each that runs is listed, the disabled one, too';
	like $out, qr/^    pid=$first->{pid} mux=\d+ port=\Q$port\E vsz=\d+\.\d threads=\d+ procs=\d+$/m, 'R24 to R28: the processes';
	like $out, qr/^    interp=[01]\/1 seq=\d+ waiting=0 flags=0x0 conns=0 queue=0\/0$/m, 'R29 to R33: who answered';
	like $out, qr/^    slots=\d+\/4 \(0 retiring\) req=0 msg=2$/m, 'R34 to R41: the pool';
	like $out, qr/^    slot#0:   pid=\d+ +vsz=\d+\.\d +acc=\d+\/\d+\/\d+ req=0$/m, 'R42 to R46: a slot';
	my ($view) = grep { $_->{name} eq 'Policy' } $pmx->views;
	is $view->{pool}{max}, 4, 'R36: twice the workers';
	is $view->{pool}{active_max}, 2, '  of which half may work';
	is $view->{config_changed}, JSON::PP::false, 'the configuration is the one it was started with';
	($status, $out) = $pmx->run('status', 'Outbound');
	unlike $out, qr/Policy/, 'by name';
};

subtest 'R11, R12, R13, R15: stop' => sub {
	no_connections();
	my ($status, $out, $err) = $pmx->run('stop', '-HUP', 'Policy');
	is $status, 0, 'by name' or diag $err;
	like $out, qr/^Policy: stopping \(HUP\), 0 connections open\nPolicy: stopped$/m, '  told';
	ok !Defang::Pmx::is_alive($first->{pid}), '  its process is gone';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	is $pmx->view('Outbound')->{state}, 'running', 'R12: the other one runs on';
	($status, $out) = $pmx->run('status');
	unlike $out, qr/Policy/, 'R22: one that does not run is not listed';
	is $status, 150, 'status: some run, some do not: 150';
	($status, $out) = $pmx->run('stop');
	like $out, qr/^Outbound: stopped$/m, 'R11: without names the disabled one that runs, too';
	is_deeply [$pmx->left('Outbound')], [], '  nothing is left';
	ok !-e "$pmx->{dir}/sock/Outbound.sock", '  no socket either';
};

subtest 'R2, R8: what there is, and how it is called, says pmx.conf' => sub {
	my @names = ('Filter::Name', 'a.b-c_9');
	# The socket of the first, in run_dir, has its name; the folder with its run-time files has not.
	my $other = Defang::Pmx->new($names[0] => { port => "local:$names[0]" }, $names[1] => { local => 1 });
	my ($status, $out, $err) = $other->run('start', 'Policy');
	is $status, 2, 'a milter of another configuration is unknown';
	is +($other->run('start', 'filter::name'))[0], 2, 'so is one in other letters';
	is +($other->run('status'))[1], "no milters are running\n", 'nothing was started';
	($status, $out, $err) = $other->run('start', 'Filter::Name');
	is $status, 0, 'R8: by name' or diag "$out$err";
	is_deeply [map { $_->{state} } map { $other->view($_) } @names], [qw(running stopped)], '  only this one is started, though both are enabled';
	is +($other->run('start'))[0], 0, 'start without names';
	like +($other->run('status'))[1], qr/^milter Filter::Name: running\n.*^milter a\.b-c_9: running\n/ms, 'R2: both are known by these names';
	$other->add(New => { local => 1 });
	$other->write;
	is +($other->run('start', 'New'))[0], 0, 'R2: a block that is added is a milter';
	is $other->send('New')->{verdict}, 'accept', '  which takes mail';
	($status, $out) = $other->run('stop', 'Filter::Name');
	is_deeply [$status, $out =~ /^(.*): stopped$/mg], [0, 'Filter::Name'], 'R12: stop by name stops this one';
	is_deeply [sort(($other->run('stop'))[1] =~ /^(.*): stopped$/mg)], ['New', 'a.b-c_9'], 'R11: stop without names stops all others';
};
done_testing;
