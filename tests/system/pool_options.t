# Every option with a value: what it refuses, and that the message names it. Nothing is started then.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until slurp spew);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
my $program = "$dir/bin/mimedefang-multiplexor";

# Least and greatest value, as the manual page has them or as common sense sets them.
my %range = (
	-m => [ 0, 10_000 ], -x => [ 1, 10_000 ], -r => [ 1, 1_000_000_000 ], -V => [ 0, 31_536_000 ], -i => [ 1, 31_536_000 ],
	-b => [ 1, 86_400 ], -c => [ 1, 86_400 ], -w => [ 1, 86_400 ], -W => [ 0, 86_400 ], -q => [ 0, 1_000_000 ], -Q => [ 1, 86_400 ],
	-X => [ 0, 31_536_000 ], -y => [ 0, 10_000 ], -P => [ 1, 30 ], -I => [ 1, 65_535 ], -L => [ 0, 86_400 ], -M => [ 0, 1 << 40 ],
	-R => [ 0, 1 << 40 ], '--start-timeout' => [ 1, 86_400 ], '--autoscale-interval' => [ 1, 86_400 ], '--scale-out' => [ 1, 100 ],
	'--scale-in' => [ 0, 99 ], '--scale-out-cooldown' => [ 0, 86_400 ], '--scale-in-cooldown' => [ 0, 86_400 ], '--ema-alpha' => [ 1, 100 ],
);

sub refused
{
	my ($text, @options) = @_;
	my ($status, $out, $err) = $pool->run($program, @options);
	is $status, 64, "@options: exit status";
	like $err, $text, "@options: message";
	is $out, '', "@options: no output";
	return;
}

for my $option (sort keys %range) {
	subtest $option => sub {
		my ($least, $most) = @{ $range{$option} };
		refused(qr/Option $option: '\Q$_\E' is not a number/, $option, $_) for '', 'x', '2x', ' 2', '0x2', '2.5', '--2';
		refused(qr/Option $option: '$_' is out of range \($least to $most\)/, $option, $_) for $least - 1, $most + 1, '9' x 30;
		refused(qr/Option $option needs a value/, $option);
		# Both ends are taken: it is the next option that is refused.
		refused(qr/Unknown option -j/, $option, $_, '-j') for $least, $most;
	};
}

subtest 'options with a text' => sub {
	refused(qr/Option $_ needs a value/, $_, '') for qw(-U -z -p -o -F -Y -a -t -N -O -s -f -S);
	refused(qr/Option $_ needs a value/, $_) for qw(-U -z -p -o -F -Y -a -t -N -O -s -f -S);
	refused(qr/Unknown syslog facility /, '-S', $_) for 'post', 'LOG_', 'mail ';
	refused(qr/-f: You must supply an absolute path/, '-f', $_) for 'x', './x';
	refused(qr/Option -z: 'x' is not an absolute path/, '-z', 'x');
	for my $option (qw(-a -N -O)) {
		refused(qr/Option $option: '\Q$_\E': /, $option, $_)
			for 'inet:', 'inet:0', 'inet:65536', 'inet:x', 'inet:+1', 'inet:1@', 'inet:1@nowhere', 'inet_any:1@::1', 'inet6:1@127.0.0.1',
			'unix:', '/' . 'x' x 200;
	}
	refused(qr/Argument to -s option must be a UNIX-domain socket/, '-s', $_) for 'inet:99', 'inet6_any:99';
};

subtest 'contradictions' => sub {
	refused(qr/Option -m: 5 is more than the 4 workers of -x/, '-m', 5, '-x', 4);
	refused(qr/Option --scale-in: 50 is not less than the 50 of --scale-out/, '--scale-in', 50, '--scale-out', 50);
	refused(qr/Option --scale-in: 30 is not less than the 20 of --scale-out/, '--scale-out', 20);
};

ok !-e $pool->{socket}, 'nothing was started';
done_testing;
