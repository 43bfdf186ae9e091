#!/usr/bin/perl
# A controller that is there, but does nothing any more: the MTA hears of it in time, whichever question it was, and service is back as soon
# as the controller is.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Test;

my $filter = "sub filter_sender { return ('CONTINUE', 'ok') }\nsub filter { return action_accept() }\n1;\n";
my @limits = qw(--command-timeout 3 --scan-timeout 4 --progress 1);

# Question, options of the front end that make it the first one
for my $case ([ 'free', [] ], [ 'senderok', [qw(-q -s)] ], [ 'scan', [qw(-q)] ]) {
	my ($name, $options) = @$case;
	my $chain = Defang::Test->chain(filter => $filter, milter => [ @$options, @limits ]);
	my $message = Defang::Test::data('exe.eml');
	$chain->await_worker;
	is $chain->send($message)->{verdict}, 'accept', "$name: a message passes";
	kill STOP => $chain->{pool}{pid};
	my $begun = time;
	is $chain->send($message)->{verdict}, 'tempfail', '  the controller is stopped: TEMPFAIL';
	cmp_ok time - $begun, '<', 20, '  in time';
	like $chain->log_of('milter'), qr/MXCommand: no answer from the multiplexor in time/, '  logged';
	ok $chain->spool_is_clean, '  no directory is left';
	kill CONT => $chain->{pool}{pid};
	is $chain->send($message)->{verdict}, 'accept', '  it goes on: a message passes';
	ok $chain->stop, '  a clean end';
}
done_testing;
