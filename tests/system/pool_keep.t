# A line `keep` behind a request: the connection serves another one.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use IO::Select;
use Time::HiRes qw(time);
use Defang::Pool;
use Defang::Test qw(wait_until);

$SIG{PIPE} = 'IGNORE';
my $pool = Defang::Pool->new;
my $dir = $pool->{dir};
$pool->start('-x', 1, '-q', 5, '-a', "$dir/open.sock");

# What comes on a connection up to the line `kept` or the end of file, which adds EOF to it.
sub answer
{
	my ($handle, $lines) = @_;
	$handle->syswrite($lines);
	my $got = '';
	my $end = time + 20;
	until ($got =~ /\nkept\n\z/) {
		return "$got (timeout)" unless IO::Select->new($handle)->can_read($end - time);
		return "${got}EOF" unless sysread $handle, $got, 65536, length $got;
	}
	return $got;
}

my $handle = $pool->send_raw('');
is answer($handle, "scan Q1 echo one\nkeep\n"), "one\nkept\n", 'a request that is to be followed by another';
is answer($handle, "free\nkeep\n"), "1\nkept\n", '  by one that needs no worker';
is answer($handle, "help\nkeep\n") =~ s/.*(?=\nkept)//sr, "\nkept\n", '  by one with an answer of many lines';
like answer($handle, "scan Q1 echo ok\nfacts\nkeep\n"), qr/\Aok\nfacts worker=0 \S+ \S+\nkept\n\z/, '  with the facts';
like answer($handle, "scan Q1 echo ok\nkeep\nfacts\n"), qr/\Aok\nfacts worker=0 \S+ \S+\nkept\n\z/, '  in any order';
is answer($handle, "scan Q1 exit 1\nkeep\n"), "ERR No response from worker\nkept\n", '  when the worker dies';
is answer($handle, "scan Q1 echo ok\nkeep\nscan Q2 echo no\n"), "ok\nkept\n", 'what is sent too early is ignored';
is answer($handle, "scan Q1 echo ok\n"), "ok\nEOF", 'the last one';
is answer($pool->send_raw(''), "version\nkeep\n") =~ s/^\d\S*?(?=EOF)//r, 'EOF', 'a reply without a line end ends the connection';
is answer($pool->send_raw(''), "scan Q1 cut\nkeep\n"), 'halfEOF', '  that of a worker, too';
is answer($pool->send_raw(''), 'x' x 70000 . "\nkeep\n"), "error: Command too long\nEOF", 'a line that is too long';
is answer($pool->send_raw('', "$dir/open.sock"), "free\nkeep\n"), "1\nEOF", 'not on the socket of everybody';

$handle = $pool->send_raw('');
$handle->syswrite("scan Q1 wait $dir/go ok\nkeep\n");
$handle->shutdown(1);
is $pool->states_become('B'), 'B', 'a request at work';
open my $go, '>', "$dir/go" or die $!;
is answer($handle, ''), "ok\nEOF", 'one who has no more to say is hung up on';

$handle = $pool->send_raw('');
my $busy = $pool->send_raw('');
is answer($handle, "free\nkeep\n"), "1\nkept\n", 'an idle connection';
is answer($busy, "free\nkeep\n"), "1\nkept\n", '  and another one';
$busy->syswrite("scan Q1 wait $dir/end ok\nkeep\n");
is $pool->states_become('B'), 'B', '  with a request at work';
kill TERM => $pool->{pid};
is answer($handle, ''), 'EOF', 'the controller ends: it is closed at once';
open my $end, '>', "$dir/end" or die $!;
is answer($busy, ''), "ok\nEOF", '  the other one gets its reply first';
wait_until(20, sub { $pool->gone });
is $pool->{status}, 0, 'exit status';
done_testing;
