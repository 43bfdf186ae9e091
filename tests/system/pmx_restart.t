#!/usr/bin/perl
# Restart: R19 to R21, what is refused before anything is stopped, and configurations that changed or broke while a milter runs
# (races 14, 15, 16).
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until free_port);

my $pmx = Defang::Pmx->new(Policy => {}, Outbound => { disabled => 1, local => 1 }, Third => { local => 1 });
my $policy = $pmx->{milters}{Policy};

sub pid_of { my ($name) = @_; return $pmx->view($name)->{pid} }

is +($pmx->run('start', 'Policy', 'Outbound'))[0], 0, 'two of three are started' or BAIL_OUT('no start');

subtest 'R19, R21: those that run' => sub {
	my %before = map { $_ => pid_of($_) } qw(Policy Outbound);
	my ($status, $out, $err) = $pmx->run('restart');
	is $status, 0, 'exit status 0' or diag "$out$err";
	isnt pid_of($_), $before{$_}, "$_ is another process" for qw(Policy Outbound);
	is $pmx->view('Third')->{state}, 'stopped', 'an enabled one that is down stays down';
	is $pmx->send($_)->{verdict}, 'accept', "$_ takes mail" for qw(Policy Outbound);
	%before = map { $_ => pid_of($_) } qw(Policy Outbound);
	($status, $out, $err) = $pmx->run('restart', 'Outbound', 'Third');
	is $status, 0, 'by name' or diag "$out$err";
	is pid_of('Policy'), $before{Policy}, '  the others are left alone';
	isnt pid_of('Outbound'), $before{Outbound}, '  the named one is another process';
	is $pmx->view('Third')->{state}, 'running', '  and a named one that was down is started';
	$pmx->run('stop', 'Third');
};

subtest 'R20: changes take effect at a restart' => sub {
	is $pmx->view('Policy')->{pool}{active_max}, 2, 'two workers';
	$policy->{workers} = 3;
	$pmx->write;
	my $view = $pmx->view('Policy');
	is $view->{pool}{active_max}, 2, 'still two when the configuration says three';
	ok $view->{config_changed}, '  which the status tells';
	is $view->{flags}, 0, '  and which is no flag';
	my ($status, $out, $err) = $pmx->run('restart', 'Policy');
	is $status, 0, 'restart' or diag "$out$err";
	$view = $pmx->view('Policy');
	is $view->{pool}{active_max}, 3, 'three';
	ok !$view->{config_changed}, '  as configured';
};

subtest 'a new port' => sub {
	my $old = $policy->{port};
	$policy->{port} = 'inet:' . free_port() . '@127.0.0.1';
	$pmx->write;
	is $pmx->view('Policy')->{port}, $old, 'R25: the status tells the port that it was started with';
	is +($pmx->run('restart', 'Policy'))[0], 0, 'restart';
	is $pmx->view('Policy')->{port}, $policy->{port}, 'the new one';
	is $pmx->send('Policy')->{verdict}, 'accept', '  takes mail';
	my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => free_port(), Listen => 1) or die;
	my ($good, $pid) = ($policy->{port}, pid_of('Policy'));
	$policy->{port} = 'inet:' . $taken->sockport . '@127.0.0.1';
	$pmx->write;
	my ($status, $out, $err) = $pmx->run('restart', 'Policy');
	is $status, 1, 'race 12: a port that is taken: exit status 1';
	like $err, qr/^Policy: restart refused: cannot bind \S+: Address already in use$/m, '  said so';
	is pid_of('Policy'), $pid, '  and nothing was stopped';
	$pmx->run('stop', 'Policy');
	($status, $out, $err) = $pmx->run('restart', 'Policy');
	is $status, 1, '  of one that does not run: exit status 1';
	like $err, qr/^Policy: start failed: cannot bind \S+: address in use$/m, '  said so';
	unlike $err, qr/it was stopped/, '  no word of a stop';
	$policy->{port} = $good;
	$pmx->write;
	is +($pmx->run('start', 'Policy'))[0], 0, '  it starts again';
	$pmx->write;
};

subtest 'race 14: a broken filter' => sub {
	my $pid = pid_of('Policy');
	my $good = slurp($policy->{rules});
	spew($policy->{rules}, "sub filter {\n");
	my ($status, $out, $err) = $pmx->run('restart');
	is $status, 1, 'restart: exit status 1';
	like $err, qr/^Policy: restart refused: the filter does not load: .*Missing right curly/m, '  with its message';
	like $err, qr/^pmx-milter: nothing was stopped$/m, '  said so';
	is pid_of('Policy'), $pid, '  and nothing was';
	$pmx->run('stop', 'Policy');
	($status, $out, $err) = $pmx->run('start', 'Policy');
	is $status, 1, 'start: exit status 1';
	like $err, qr/^Policy: start failed: the filter does not load: .*Missing right curly/m, '  with its message';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	spew($policy->{rules}, $good);
	is +($pmx->run('start', 'Policy'))[0], 0, 'when it is mended it starts';
};

subtest 'race 15: a configuration that is broken while milters run' => sub {
	my $pid = pid_of('Policy');
	my $good = slurp($pmx->{conf});
	spew($pmx->{conf}, $good . "nonsense\n");
	my ($status, $out, $err) = $pmx->run('restart');
	is $status, 6, 'restart is refused: exit status 6';
	like $err, qr/^\Q$pmx->{conf}\E:\d+: neither/m, '  with the place';
	is +($pmx->run('start'))[0], 6, 'so is start';
	($status, $out) = $pmx->run('status');
	is $status, 150, 'status works';
	like $out, qr/^milter Policy: running\n    pid=$pid /m, '  and shows what runs';
	is +($pmx->run('stop', 'Policy'))[0], 0, 'stop works';
	is $pmx->view('Policy')->{state}, 'stopped', '  and has stopped it';
	spew($pmx->{conf}, $good);
	is +($pmx->run('start', 'Policy'))[0], 0, 'it starts again';
};

subtest 'race 16: a block that was renamed' => sub {
	my ($pid, $other) = (pid_of('Policy'), pid_of('Outbound'));
	my $good = slurp($pmx->{conf});
	spew($pmx->{conf}, $good =~ s/<milter Policy>/<milter Renamed>/r);
	my ($status, $out, $err) = $pmx->run('status');
	like $out, qr/^milter Policy: running\n    pid=$pid /m, 'status lists the old name';
	($status, $out, $err) = $pmx->run('restart');
	is $status, 6, 'restart: exit status 6';
	like $err, qr/^Policy: not in the configuration any more: it goes on as it is/m, '  said so';
	is pid_of('Policy'), $pid, '  it goes on';
	isnt pid_of('Outbound'), $other, '  others are restarted';
	is +($pmx->run('stop'))[0], 0, 'R11: stop without names';
	ok !Defang::Pmx::is_alive($pid), '  stops it';
	is $pmx->view('Outbound')->{state}, 'stopped', '  and the disabled one that runs';
	is_deeply [$pmx->left('Policy')], [], '  nothing is left';
	spew($pmx->{conf}, $good);
};
done_testing;
