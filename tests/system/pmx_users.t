#!/usr/bin/perl
# As whom it works: R3, R4, and what others may do.
use strict;
use warnings;
use JSON::PP;
use Test::More;
use Defang::Pmx;
use Defang::Test qw(stage run_command slurp);

plan skip_all => 'needs root to be several users' if $> != 0;
plan skip_all => 'needs setpriv' if !-x '/usr/bin/setpriv';

my $go = Defang::Test::temp_dir('defang-go');
chmod 0777, $go;
my $pmx = Defang::Pmx->new(Policy => { filter => "sub filter_begin { select undef, undef, undef, 0.02 while -e '$go/slow'; return }\nsub filter { return action_accept() }\n1;\n" });

sub become { my ($user) = @_; return ('setpriv', "--reuid=$user", '--regid=' . (getpwnam $user)[3], '--clear-groups') }

sub run_it
{
	my (@command) = @_;
	my ($s, $o, $e) = run_command(120, @command);
	return ($s >> 8, $o, $e);
}
sub as { my ($user, @words) = @_; return run_it(become($user), $pmx->command(@words)) }
sub init { my (@words) = @_; return run_it(stage() . '/bin/pmx-init', '-c', $pmx->{conf}, @words) }
sub uid_of { return (stat "/proc/$_[0]")[4] }
sub gid_of { return (stat "/proc/$_[0]")[5] }

my ($status, $out, $err) = as('nobody', 'start');
is $status, 0, 'R3: the user of the milters needs no root' or diag "$out$err";
is +(as('nobody', 'restart'))[0], 0, '  to restart';
is +(as('nobody', 'stop'))[0], 0, '  to stop';

($status, $out, $err) = init('start');
is $status, 0, 'R4: pmx-init, by root' or diag "$out$err";
my $view = $pmx->view('Policy');
is $pmx->send('Policy')->{verdict}, 'accept', '  it takes mail';
my @workers = grep { defined } map { $_->{pid} } @{ $pmx->view('Policy')->{slots} };
cmp_ok scalar @workers, '>', 0, '  with a worker';
is uid_of($_), (getpwnam 'nobody')[2], "  process $_ does not run as root" for $view->{pid}, $view->{master}{pid}, @workers;

for my $command ('start', 'stop', 'restart') {
	($status, $out, $err) = as('daemon', $command);
	is $status, 4, "$command by somebody else: exit status 4";
	like $err, qr/^pmx-milter: not permitted: run it as user nobody$/m, '  who may';
}
($status, $out, $err) = as('daemon', 'status');
is $status, 4, 'status by somebody else: it cannot tell, exit status 4';
is +(as('daemon', 'check'))[0], 0, 'check is for everybody';
is $pmx->view('Policy')->{pid}, $view->{pid}, 'nothing has happened to the milter';
($status, $out, $err) = run_it(become('nobody'), stage() . '/bin/pmx-init', '-c', $pmx->{conf}, 'stop');
is $status, 4, 'pmx-init is for root';
Defang::Test::spew("$go/slow", '');
my $held = Defang::Test::start_program("$pmx->{dir}/held", Defang::Test::program('milter-send'), '-m', $pmx->port('Policy'), Defang::Test::data('plain.eml'));
Defang::Test::wait_until(60, sub { $pmx->view('Policy')->{pool}{req} }, 'the filter at work');
($status, $out, $err) = init('stop', '--timeout', 1);
is $status, 0, 'R4: its stop does not wait for ever for what is in hand' or diag "$out$err";
is_deeply [$pmx->left('Policy')], [], '  nothing is left';

# After a boot /run is empty.
SKIP: {
	skip 'needs unshare', 3 if !-x '/usr/bin/unshare' || system('unshare', '-m', 'true') != 0;
	my $text = slurp($pmx->{conf});
	Defang::Test::spew("$pmx->{dir}/boot.conf", $text =~ s{^run_dir = .*}{run_dir = /run/pmx}mr =~ s{^log_dir = .*\n}{}mr);
	chmod 0644, "$pmx->{dir}/boot.conf";
	my $script = 'mount -t tmpfs none /run && mount -t tmpfs none /var/log && "$0" -c "$1" start && stat -c "%U %a %n" /run/pmx /var/log/pmx && "$0" -c "$1" stop';
	($status, $out, $err) = run_it('unshare', '-m', 'sh', '-c', $script, stage() . '/bin/pmx-init', "$pmx->{dir}/boot.conf");
	is $status, 0, 'pmx-init makes the default folders when they are missing' or diag "$out$err";
	like $out, qr{^nobody 755 /run/pmx$}m, '  also when the configuration names them';
	like $out, qr{^nobody 750 /var/log/pmx$}m, '  each with its rights';
}
is +(run_it(become('daemon'), stage() . '/bin/pmx-init', $_))[0], 0, "pmx-init $_ is for everybody" for 'help', '--version';

$pmx->{global} = '';
my $text = slurp($pmx->{conf});

# When umask lets the group in, its members may ask.
Defang::Test::spew($pmx->{conf}, "umask = 027\n$text");
is +($pmx->run('start'))[0], 0, 'umask = 027: it starts';
for my $of ([ 'nogroup', 0, 'running' ], [ 'daemon', 4, 'unknown' ]) {
	my ($group, $want, $state) = @$of;
	($status, $out, $err) = run_it('setpriv', '--reuid=daemon', "--regid=$group", '--clear-groups', $pmx->command('status', '--json'));
	is $status, $want, "  status by somebody of group $group: exit status $want" or diag "$out$err";
	my ($found) = @{ JSON::PP->new->utf8->decode($out)->{milters} };
	is $found->{state}, $state, '  the state';
	is defined $found->{pool}{peak}, $want == 0, '  figures of the pool';
	is defined $found->{frontend}{connections}, $want == 0, '  and of the front end';
}
is +(run_it('setpriv', '--reuid=daemon', '--regid=nogroup', '--clear-groups', $pmx->command('stop')))[0], 4, '  but nothing else';
is +($pmx->run('stop'))[0], 0, '  it stops';
Defang::Test::spew($pmx->{conf}, $text =~ s/^user = .*/user = root/mr);
($status, $out, $err) = $pmx->run('start');
is $status, 6, 'root as the user of the milters: exit status 6';
like $err, qr/user root is root: milters do not run as root/, '  said so';
Defang::Test::spew($pmx->{conf}, $text =~ s/^user = .*/user = no_such_user/mr);
($status, $out, $err) = $pmx->run('start');
is $status, 6, 'an unknown user: exit status 6';
like $err, qr/^pmx-milter: user no_such_user: no such user$/m, '  said so';
Defang::Test::spew($pmx->{conf}, $text =~ s/^user = .*/user = nobody:no_such_group/mr);
($status, $out, $err) = $pmx->run('start');
is $status, 6, 'an unknown group: exit status 6';
like $err, qr/^pmx-milter: user nobody:no_such_group: no such user or group$/m, '  said so';
Defang::Test::spew($pmx->{conf}, $text =~ s/^user = .*/user = nobody:daemon/mr);
($status, $out, $err) = as('nobody', 'start');
is $status, 4, 'a user who has another group: exit status 4';
like $err, qr/^pmx-milter: not permitted: run it with group daemon$/m, '  said so';
($status, $out, $err) = $pmx->run('start');
is $status, 0, 'a user with a group' or diag "$out$err";
$view = $pmx->view('Policy');
is gid_of($_), (getgrnam 'daemon')[2], "  process $_ has the group" for $view->{pid}, $view->{master}{pid};
is +($pmx->run('stop'))[0], 0, '  it stops';
Defang::Test::spew($pmx->{conf}, $text =~ s/^user = .*\n//mr);
($status, $out, $err) = as('daemon', 'start');
like $err, qr/^pmx-milter: (?:not permitted: run it as user pmx6|user pmx6: no such user)$/m, 'R3: when none is named it is user pmx6';
done_testing;
