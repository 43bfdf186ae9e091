#!/usr/bin/perl
# --no-wait of start and restart: what can be found out at once is, the rest is done in the background.
use strict;
use warnings;
use IO::Socket::INET;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(spew slurp wait_until free_port temp_dir);

my $go = temp_dir('defang-go');
chmod 0777, $go;
my $port = free_port();
my $pmx = Defang::Pmx->new(Policy => { more => "min_pooled_procs = 1\n" }, Outbound => { port => "inet:$port\@127.0.0.1" });
$pmx->{global} = "log_to = pmx.log\n";
$pmx->write;

sub state_of { my ($name) = @_; return $pmx->view($name)->{state} }
sub becomes { my ($name, $state) = @_; return ok wait_until(120, sub { state_of($name) eq $state }), "$name becomes $state" }
sub logged { my ($re) = @_; return wait_until(60, sub { (slurp("$pmx->{dir}/log/pmx.log") // '') =~ $re }) }

subtest 'start' => sub {
	my ($status, $out, $err) = $pmx->run('start', '--no-wait');
	is_deeply [$status, $out, $err], [0, "Policy: starting, not waited for\nOutbound: starting, not waited for\n", ''], 'it says that it begins';
	becomes($_, 'running') for qw(Policy Outbound);
	is $pmx->send($_)->{verdict}, 'accept', "$_ takes mail" for qw(Policy Outbound);
	ok logged(qr/milter Policy: started \(pid \d+\)/), 'the log tells';
	like +($pmx->run('start', '--no-wait', 'Policy'))[1], qr/^Policy: already running \(pid \d+\)$/m, 'one that runs is left alone';
};

subtest 'restart' => sub {
	my $before = $pmx->view('Policy')->{pid};
	my ($status, $out, $err) = $pmx->run('restart', '--no-wait', 'Policy');
	is_deeply [$status, $out, $err], [0, "Policy: restarting, not waited for\n", ''], 'it says that it begins';
	ok wait_until(120, sub { my $v = $pmx->view('Policy'); $v->{state} eq 'running' && $v->{pid} != $before }), 'another one runs';
	is $pmx->send('Policy')->{verdict}, 'accept', 'which takes mail';
	spew($pmx->{milters}{Policy}{rules}, "this is no perl\n");
	($status, $out, $err) = $pmx->run('restart', '--no-wait', 'Policy');
	is $status, 1, 'a broken filter: exit status 1, at once';
	like $err, qr/^Policy: restart refused: .*^pmx-milter: nothing was stopped$/ms, '  said so';
	is $pmx->view('Policy')->{state}, 'running', '  the one that runs goes on';
	spew($pmx->{milters}{Policy}{rules}, "sub filter { return action_accept() }\n1;\n");
};

subtest 'a start while the former one stops' => sub {
	my $say = $pmx->session('Policy');
	$say->('M', "<sender\@example.org>\0"); # a message in hand keeps it stopping
	is +($pmx->run('stop', '--no-wait', 'Policy'))[0], 0, 'stop --no-wait';
	my ($status, $out, $err) = $pmx->run('start', '--no-wait', 'Policy');
	is_deeply [$status, $out, $err], [0, "Policy: starting, not waited for\n", ''], 'start --no-wait does not wait for it';
	is state_of('Policy'), 'stopping', '  which goes on';
	Defang::Pmx::finish_message($say);
	becomes('Policy', 'running');
};

subtest 'what fails in the background' => sub {
	is +($pmx->run('stop'))[0], 0, 'stop';
	my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1) or die "port $port: $!\n";
	is +($pmx->run('start', '--no-wait', 'Outbound'))[0], 0, 'a start, with its port taken';
	ok logged(qr/milter Outbound: start failed: cannot bind inet:$port\@127\.0\.0\.1: address in use/), 'the log tells why';
	becomes('Outbound', 'stopped'); # nothing is left running
	close $taken;
};

subtest 'a stop while a restart is at work' => sub {
	is +($pmx->run('start', 'Policy'))[0], 0, 'start';
	my $say = $pmx->session('Policy');
	$say->('M', "<sender\@example.org>\0"); # a message in hand keeps it stopping
	is +($pmx->run('restart', '--no-wait', 'Policy'))[0], 0, 'restart';
	becomes('Policy', 'stopping');
	is +($pmx->run('stop', '-INT', 'Policy'))[0], 0, 'stop -INT';
	becomes('Policy', 'stopped'); # once the restart has cleaned up
	ok logged(qr/milter Policy: NOT restarted|somebody has stopped it|milter Policy: stopped \(INT\)/), 'the log tells';
};

is +($pmx->run('stop'))[0], 0, 'it stops';
done_testing;
