# The load figures of the controller: load.., load1, hload.. and histo.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Defang::Pool;
use Defang::Test qw(wait_until spew);

my $pool = Defang::Pool->new;
my $open = "$pool->{dir}/open.sock";
$pool->start('-x', 3, '-q', 4, '-a', $open, '-b', 5);

sub numbers { my ($request, $socket) = @_; return split / /, $pool->ask($request, $socket) =~ s/\n\z//r }

subtest 'nothing yet' => sub {
	my @load = numbers('load');
	is "@load[0 .. 27]", join(' ', (0) x 4, ('1.000000') x 4, ('0.000000') x 4, (0) x 8, 0, 0, 3, 0, 0, 0, 4, 0), 'means of busy workers are 1';
	like $load[28], qr/^\d+\z/, '  and the time that goes by';
	is $pool->ask('hload'), join(' ', (0) x 4, ('0.000000') x 8, (0) x 4) . "\n", 'of hours 0';
	is $pool->ask('histo'), "   1 0\n   2 0\n   3 0\n", 'histo';
	is $pool->ask('load1 9'), "error: Invalid 'back' amount (must be 10-600)\n", 'too short';
};

subtest 'two scans at once and a relayok' => sub {
	my @scans = map { $pool->send_line("scan Q$_ wait $pool->{dir}/go ok") } 1, 2;
	is $pool->states_become('BBS'), 'BBS', 'both run';
	is join(' ', (numbers('load1 60'))[12 .. 17, 21 .. 25]), '2 0 1 0 0 2 60 2 0 0 0', 'busy with them';
	spew("$pool->{dir}/go", '');
	is $pool->reply($_), "ok\n", 'scan' for @scans;
	is $pool->ask('relayok 192.0.2.1 slow 0.2 ok'), "ok\n", 'relayok';

	my @load = numbers('load');
	is scalar(@load), 29, '29 numbers';
	is "@load[1 .. 3]", '2 2 2', 'two scans';
	is "@load[5 .. 7]", join(' ', ('1.500000') x 3), 'two were busy at the first end, one at the second';
	is "@load[13 .. 19]", '2 2 2 0 0 0 0', 'two workers started, none ended';
	my @relayok = numbers('load-relayok', $open);
	is "@relayok[0, 4, 12, 16]", '1 1.000000 0 0', 'relayok, on the open socket; starts are with the scans only';
	cmp_ok $relayok[8], '>=', 190, 'its duration in ms';
	is join(' ', (numbers('hload-relayok'))[0 .. 7, 12 .. 15]), '1 1 1 1 1.000000 1.000000 1.000000 1.000000 0 0 0 0', 'hours';
	is $pool->ask('histo'), "   1 2\n   2 1\n   3 0\n", 'histo counts what became busy';
};

subtest 'failures count as finished' => sub {
	like $pool->ask('senderok a b c mute'), qr/^ERR Filter timed out/, 'timed out';
	my @load = numbers('load-senderok');
	is $load[0], 1, 'finished';
	cmp_ok $load[8], '>=', 5000, 'after the busy timeout';
};

done_testing;
