#!/usr/bin/perl
# pmx-milter reads its configuration: check, mta, help, the rights of files, exit statuses.
use strict;
use warnings;
use Test::More;
use Defang::Test qw(stage spew temp_dir top run_command);

my $dir = temp_dir('defang-pmx');
my $conf = "$dir/pmx.conf";

sub pmx
{
	my (@words) = @_;
	my ($status, $out, $err) = run_command(20, stage() . '/bin/pmx-milter', @words);
	return ($status >> 8, $out, $err);
}

sub check
{
	my ($text, $mode) = @_;
	spew($conf, $text);
	chmod $mode // 0644, $conf or die $!;
	return pmx('-c', $conf, 'check');
}

my $good = "<milter A>\nport = inet:13366\@127.0.0.1\n</milter>\n";

subtest 'check' => sub {
	is_deeply [check("user = nobody\n$good")], [0, "$conf: 1 milter, 0 of them disabled: no errors\n", ''], 'a good one';
	my ($status, $out, $err) = check("max_poled_procs = 3\n<milter A>\ntimeout = x\n</milter>\n");
	is $status, 6, 'a bad one: exit status 6';
	is $out, '', '  nothing on standard output';
	like $err, qr/^\Q$conf\E:1: unknown key `max_poled_procs': did you mean `max_pooled_procs'\?$/m, '  each error has its place';
	like $err, qr/^\Q$conf\E:3: timeout: `x' is not a time/m, '  all are told in one run';
	like $err, qr/^\Q$conf\E:2: milter `A' has no port$/m, '  so are those that follow from several lines';
	like $err, qr/^pmx-milter: 3 errors in the configuration: nothing was done$/m, '  and they are counted';
	($status, $out, $err) = check("time_message = 3\n$good");
	is $status, 0, 'a key of PureMessage is no error';
	like $err, qr/^\Q$conf\E:1: warning: `time_message'/, '  but a warning';
	is_deeply [check("user = root\n$good")], [6, '', "pmx-milter: user root is root: milters do not run as root\n"], 'root is an error';
	($status, $out, $err) = check("user = nobody:no-such-group\n$good");
	is $status, 0, 'a user that is not there is no error';
	is $err, "pmx-milter: warning: user nobody:no-such-group: no such user or group\n", '  but a warning';
	is +(check($good))[2], getpwnam('pmx6') ? '' : "pmx-milter: warning: user pmx6: no such user\n", '  nor is the one by default';
	($status, $out, $err) = pmx('-c', "$dir/none", 'check');
	is $status, 6, 'no configuration: exit status 6';
	like $err, qr/^\Q$dir\E\/none: No such file or directory$/m, '  said so';
	($status, $out, $err) = pmx('-c', $dir, 'check');
	like $err, qr/^\Q$dir\E: Is a directory$/m, 'a folder is none';
};

subtest 'who may write it' => sub {
	is((check($good, 0640))[0], 0, 'mode 0640');
	for my $mode (0664, 0646) {
		my ($status, undef, $err) = check($good, $mode);
		is $status, 6, sprintf 'mode %04o: exit status 6', $mode;
		like $err, qr/^\Q$conf\E: writable by group or others: refused$/m, '  and why';
	}
	mkdir "$dir/pmx.d";
	spew("$dir/pmx.d/b.conf", "timeout = 5m\n");
	chmod 0666, "$dir/pmx.d/b.conf";
	my ($status, undef, $err) = check("!include pmx.d/*.conf\n$good");
	is $status, 6, 'an included file';
	like $err, qr/^\Q$dir\E\/pmx\.d\/b\.conf: writable by group or others: refused$/m, '  is named';
	SKIP: {
		skip 'only root gives files away', 2 if $> != 0;
		chmod 0644, "$dir/pmx.d/b.conf";
		chown 12345, -1, "$dir/pmx.d/b.conf";
		($status, undef, $err) = check("!include pmx.d/*.conf\nuser = nobody\n$good");
		is $status, 6, 'the file of a stranger';
		like $err, qr/owned by neither root nor the user of the milters: refused$/m, '  is told';
	}
	unlink "$dir/pmx.d/b.conf";
};

subtest 'mta' => sub {
	spew($conf, $good);
	chmod 0644, $conf;
	my ($status, $out) = pmx('-c', $conf, 'mta', 'postfix');
	is $status, 0, 'for Postfix';
	like $out, qr/^smtpd_milters =\n    # A\n    inet:127\.0\.0\.1:13366$/m, '  the socket as it writes it';
	($status, $out) = pmx('-c', $conf, 'mta', 'sendmail');
	like $out, qr/^INPUT_MAIL_FILTER\(`A', `S=inet:13366\@127\.0\.0\.1, F=T, /m, 'for Sendmail';
};

subtest 'R47: help needs nothing' => sub {
	my ($status, $out) = pmx('help');
	is $status, 0, 'exit status 0';
	like $out, qr/pmx-milter/i, '  it tells something';
	SKIP: {
		skip 'only root can be another user', 1 if $> != 0 || !-x '/usr/bin/setpriv';
		($status, $out) = run_command(20, qw(setpriv --reuid=nobody --regid=nogroup --clear-groups), stage() . '/bin/pmx-milter', '-c', '/none', 'help');
		is $status, 0, 'nor rights, nor a configuration';
	}
	SKIP: {
		skip 'only root can put a viewer there, and take it away', 3 if $> != 0 || system(qw(unshare --mount true)) != 0;
		my $viewer = spew("$dir/viewer", "#!/bin/sh\necho \"shown: \$1\"\n");
		my $none = spew("$dir/no-viewer", '');
		chmod 0755, $viewer;
		# Where the viewer is looked for: a place that is there already, or else one in an empty folder.
		my $at = (grep { -x } qw(/usr/bin/man /bin/man))[0] // '/usr/local/bin/man';
		my $inside = '[ -e "$2" ] || mount -t tmpfs none "${2%/man}" && : >>"$2" && mount --bind "$1" "$2" && exec "$3" help';
		($status, $out) = run_command(20, qw(unshare --mount sh -c), $inside, 'sh', $viewer, $at, stage() . '/bin/pmx-milter');
		like $out, qr{^shown: /.*/man8/pmx-milter\.8$}, 'R47: it shows the manual page';
		($status, $out) = run_command(20, qw(unshare --mount sh -c), $inside, 'sh', $none, $at, stage() . '/bin/pmx-milter');
		is $status, 0, 'R47: without a viewer: exit status 0, too';
		like $out, qr/^usage: pmx-milter .*start\|restart/, '  and a text of its own';
	}
	($status, $out) = pmx('--version');
	like $out, qr/^pmx-milter version \S+$/, 'the version';
};

subtest 'R5: anything else is a usage error' => sub {
	for my $words ([], ['reload'], ['start', '--json'], ['stop', '-USR1'], ['check', 'A'], ['mta', 'exim']) {
		my ($status, $out, $err) = pmx('-c', $conf, @$words);
		is $status, 2, "'@$words': exit status 2";
		like $err, qr/^pmx-milter: .*\nTry 'pmx-milter help'\.$/, '  on standard error';
	}
};

subtest 'the example' => sub {
	my ($status, $out, $err) = pmx('-c', top() . '/etc/pmx.conf', 'check');
	is $status, 0, 'has no errors' or diag $err;
	like $out, qr/2 milters, 1 of them disabled/, '  and two milters';
};
done_testing;
