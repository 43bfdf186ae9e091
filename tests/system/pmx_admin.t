#!/usr/bin/perl
# What somebody who sets up milters for the first time does: sockets in run_dir, a configuration named by a relative path, names that are
# not quite right.
use strict;
use warnings;
use Test::More;
use Cwd qw(getcwd);
use File::Basename qw(basename);
use Defang::Pmx;
use Defang::Test qw(slurp spew run_command stage);

my $pmx = Defang::Pmx->new(Policy => {}, 'Filter::Two' => {});

sub in_folder
{
	my ($folder, @words) = @_;
	my $here = getcwd;
	chdir $folder or die "$folder: $!\n";
	my ($status, $out, $err) = run_command(180, stage() . '/bin/pmx-milter', @words);
	chdir $here or die $!;
	return ($status >> 8, $out, $err);
}

subtest 'the socket of a milter in run_dir' => sub {
	my $policy = $pmx->{milters}{Policy};
	my $port = $policy->{port};
	$policy->{port} = 'local:policy.sock';
	$pmx->write;
	spew("$pmx->{run}/notes", "a file of the administrator\n");
	my ($status, $out, $err) = $pmx->run('start');
	is $status, 0, 'it is started' or diag "$out$err";
	ok -S "$pmx->{run}/policy.sock", '  the socket is there';
	($status, $out) = $pmx->run('status');
	is $status, 0, 'status: exit status 0';
	unlike $out, qr/policy\.sock: |notes/, '  neither the socket nor a file is taken for a milter';
	is_deeply [sort map { $_->{name} } $pmx->views], ['Filter::Two', 'Policy'], '  in JSON, too';
	is +($pmx->run('restart'))[0], 0, 'restart';
	is +($pmx->run('stop'))[0], 0, 'stop';
	is $pmx->view('Policy')->{state}, 'stopped', '  it is stopped';
	$policy->{port} = $port;
	$pmx->write;
};

subtest 'a configuration with a relative path' => sub {
	spew($pmx->{conf}, slurp($pmx->{conf}) =~ s{^rules = \Q$pmx->{dir}\E/}{rules = }gmr);
	chmod 0644, $pmx->{conf};
	for my $how ([$pmx->{dir}, 'pmx.conf'], ["$pmx->{dir}/log", '../pmx.conf']) {
		my ($folder, $name) = @$how;
		my ($status, $out, $err) = in_folder($folder, '-c', $name, 'start', 'Policy');
		is $status, 0, "-c $name" or diag "$out$err";
		is +(in_folder($folder, '-c', $name, 'stop'))[0], 0, '  and stop';
	}
};

subtest 'names' => sub {
	my ($status, $out, $err) = $pmx->run('start', 'policy', 'Filter:Two');
	is $status, 2, 'one that is nearly right: exit status 2';
	like $err, qr/^pmx-milter: unknown milter 'policy': did you mean 'Policy'\?$/m, '  which one was meant';
	like $err, qr/^pmx-milter: unknown milter 'Filter:Two': did you mean 'Filter::Two'\?$/m, '  here, too';
	spew("$pmx->{dir}/state", "format=1\nphase=running\n");
	spew("$pmx->{dir}/front.pid", "1\n");
	for my $name ('..', '../' . basename($pmx->{run}), 'a' x 65, 'a' x 300, '') {
		for my $command (qw(stop status start)) {
			($status, $out, $err) = $pmx->run($command, $name);
			is $status, 2, "$command '$name': exit status 2" or diag "$out$err";
			like $err, qr/^pmx-milter: unknown milter '\Q$name\E'$/m, '  said so';
		}
	}
	ok -e "$pmx->{dir}/state" && -e "$pmx->{dir}/front.pid", 'nothing outside of run_dir was touched';
};
subtest 'a configuration that is not there' => sub {
	is +($pmx->run('start', 'Policy'))[0], 0, 'it starts';
	for my $case (['stop', 6], ['restart', 6], ['start', 6], ['status', 4], ['check', 6]) {
		my ($command, $expected) = @$case;
		my ($status, $out, $err) = run_command(60, stage() . '/bin/pmx-milter', '-c', "$pmx->{dir}/typo.conf", $command);
		is $status >> 8, $expected, "$command: exit status $expected";
		like $err, qr{^\Q$pmx->{dir}\E/typo\.conf: No such file or directory$}m, '  said so';
		is $out, '', '  and nothing else';
	}
	is $pmx->view('Policy')->{state}, 'running', 'the milter runs on';
	is +($pmx->run('stop'))[0], 0, 'it stops';
};

subtest 'a run_dir that cannot be read' => sub {
	spew("$pmx->{dir}/bad.conf", slurp($pmx->{conf}) =~ s{^run_dir = .*}{run_dir = $pmx->{dir}/pmx.conf}mr);
	chmod 0644, "$pmx->{dir}/bad.conf";
	my ($status, $out, $err) = run_command(60, stage() . '/bin/pmx-milter', '-c', "$pmx->{dir}/bad.conf", 'status', '--json');
	is $status >> 8, 4, 'exit status 4';
	like $err, qr{^pmx-milter: \Q$pmx->{dir}\E/pmx\.conf: Not a directory$}m, '  said so';
	my $view = eval { JSON::PP->new->decode($out) } // {};
	is_deeply [$view->{milters}, $view->{error}], [[], 'Not a directory'], '  it is JSON all the same';
};
done_testing;
