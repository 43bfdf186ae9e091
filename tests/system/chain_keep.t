# Front end and controller with kept connections between them: fewer of them than requests, and a controller that comes anew is found.
use strict;
use warnings;
use Test::More;
use Defang::Test qw(data lines wait_until);

my $chain = Defang::Test->chain(filter => "1;\n", workers => 2, pool => ['-q', 20], milter => [qw(-q -r -H -s -t --loops 1)]);
my $message = data('plain.eml');

# Sockets that a process has open.
sub sockets { return scalar grep { (readlink // '') =~ /^socket:/ } glob "/proc/$chain->{milter}{pid}/fd/*" }

sub verdicts
{
	my $got = $chain->send($message, @_);
	return join ' ', map { "$_=$got->{verdicts}{$_}" } grep { $got->{verdicts}{$_} } sort keys %{ $got->{verdicts} };
}

$chain->await_worker;
my $before = sockets();
is verdicts('--count', 10), 'accept=10', 'fifty requests, one after the other';
# The last session may still be on its way out; and one to the log may just have been closed.
ok wait_until(20, sub { sockets() <= $before }), '  need but the connection that the start has left';
is verdicts('--count', 100, '--concurrency', 20), 'accept=100', 'twenty at a time';
ok wait_until(20, sub { sockets() <= $before + 20 }), '  need no more than twenty';
for my $round (1 .. 3) {
	$chain->stop_pool;
	$chain->start_pool;
	$chain->await_worker;
	is verdicts('--count', 20, '--concurrency', 4), 'accept=20', "another controller: $round";
}
$chain->stop_pool;
is $chain->send($message)->{verdict}, 'tempfail', 'none';
$chain->start_pool;
$chain->await_worker;
is verdicts('--count', 20, '--concurrency', 4), 'accept=20', '  and one again';
ok $chain->stop, 'the end';
done_testing;
