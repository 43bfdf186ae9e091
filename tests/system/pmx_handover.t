#!/usr/bin/perl
# A system that forbids to take a socket out of a process (YAMA, containers), or knows no handles of processes: a restart then closes the
# port for a time, and says so; signals still reach whom they are for, and nobody else.
use strict;
use warnings;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(slurp spew wait_until run_command helper);

my ($go, $filter) = Defang::Pmx::held_filter();
my $pmx = Defang::Pmx->new(
	Policy => { filter => $filter, more => "kill_timeout = 20\nabort_timeout = 20\n" },
	Outbound => { filter => $filter, local => 1 },
);
my $refuse = helper('refuse');
my ($status) = run_command(20, $refuse, 'EPERM', 'pidfd_open', '/bin/true');
plan skip_all => 'may not filter system calls' if $status != 0;

sub refused { my ($error, $calls, @words) = @_; return ($refuse, $error, $calls, $pmx->command(@words)) }

sub run_refused
{
	my ($s, $out, $err) = run_command(180, refused(@_));
	return ($s >> 8, $out, $err);
}

sub well { my ($s, $out, $err) = @_; is $s, 0, 'exit status 0' or diag "$out$err"; return $out }
sub reset_go { unlink "$go/$_" for qw(go slow busy deaf); return }

sub message_begin
{
	my ($name, @files) = @_;
	spew("$go/$_", '') for 'slow', @files;
	my $program = Defang::Test::start_program("$pmx->{dir}/message", Defang::Test::program('milter-send'), '-m', $pmx->port($name),
		'--json', Defang::Test::data('plain.eml'));
	wait_until(60, sub { -e "$go/busy" }, 'the filter at work');
	return $program;
}

my %text = (EPERM => 'Operation not permitted', ENOSYS => 'Function not implemented');

for my $case ([qw(EPERM pidfd_getfd Policy)], [qw(ENOSYS pidfd_open Policy)], [qw(EPERM pidfd_getfd Outbound)]) {
	my ($error, $calls, $name) = @$case;
	subtest "restart of $name, $calls gives $error: the gap is announced" => sub {
		well($pmx->run('start', $name));
		my $pid = $pmx->view($name)->{pid};
		my $message = message_begin($name);
		my $restart = Defang::Test::start_program("$pmx->{dir}/restart-$error-$name", refused($error, $calls, 'restart', $name));
		wait_until(60, sub { !$pmx->connect($name) }, 'the port to be closed');
		ok !Defang::Test::has_ended($restart), 'the port is closed while the message in hand is finished';
		spew("$go/go", '');
		wait_until(120, sub { Defang::Test::has_ended($restart) && Defang::Test::has_ended($message) }, 'the end of both');
		is $restart->{status}, 0, 'the restart works' or diag slurp($restart->{log});
		like slurp($restart->{log}), qr/^$name: the port is closed while it restarts: its socket cannot be taken over: $text{$error}$/m,
			'  and has said what the manual promises';
		is $message->{status}, 0, '  the message was accepted';
		isnt $pmx->view($name)->{pid}, $pid, '  it is another process';
		reset_go();
		is $pmx->send($name)->{verdict}, 'accept', '  which takes mail';
		unlike well($pmx->run('restart', $name)), qr/port is closed/, 'where it is allowed there is no gap, and no word of it';
		well($pmx->run('stop'));
		is_deeply [$pmx->left($name)], [], 'nothing is left';
	};
}

for my $case ([qw(EPERM pidfd_open)], ['ENOSYS', 'pidfd_open,pidfd_getfd,pidfd_send_signal']) {
	my ($error, $calls) = @$case;
	subtest "$calls gives $error: stops still stop" => sub {
		for my $signal (qw(HUP INT KILL)) {
			well(run_refused($error, $calls, 'start', 'Policy'));
			my $message = message_begin('Policy', $signal eq 'HUP' ? () : 'deaf');
			my $view = $pmx->view('Policy');
			my $stop = Defang::Test::start_program("$pmx->{dir}/stop-$error-$signal", refused($error, $calls, 'stop', "-$signal"));
			if ($signal eq 'HUP') {
				wait_until(60, sub { $pmx->view('Policy')->{state} eq 'stopping' }, 'the stop');
				spew("$go/go", '');
			}
			wait_until(120, sub { Defang::Test::has_ended($stop) && Defang::Test::has_ended($message) }, 'the end of both');
			is $stop->{status}, 0, "$signal: it ends" or diag slurp($stop->{log});
			is !!$message->{status}, $signal ne 'HUP', '  the message ' . ($signal eq 'HUP' ? 'was accepted' : 'got no verdict');
			my @workers = grep { defined } map { $_->{pid} } @{ $view->{slots} };
			cmp_ok scalar @workers, '>', 0, '  there was a worker';
			ok !Defang::Pmx::is_alive($_), "  process $_ is gone" for $view->{pid}, $view->{master}{pid}, @workers;
			reset_go();
		}
	};
}
done_testing;
