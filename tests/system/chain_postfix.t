#!/usr/bin/perl
# The whole chain behind a real Postfix: SMTP client, smtpd, front end, controller, Perl filter, and back to a sink. The stories are those of
# every mail server, tests/lib/Defang/Stories.pm, and one that only Postfix can tell.
use strict;
use warnings;
use Test::More;
use Defang::Postfix;
use Defang::Stories qw(message);
use Defang::Test qw(wait_until end_program);

# Mail that lies in a queue already: Postfix keeps it, tries again by itself, and it arrives.
sub test_queued
{
	my ($postfix, $chain) = @_;
	my ($token, $text) = message('waits in the queue', "x\n");
	end_program(delete $chain->{pool}, 'KILL');
	my ($code) = $postfix->submit($postfix->{queued}, '<sender@example.org>', ['<rcpt@example.net>'], $text);
	is $code, 250, 'the first hop takes it';
	ok wait_until(60, sub { $postfix->maillog =~ /status=deferred .*451/ }), 'the second defers it';
	is scalar(my @files = $postfix->queue_files), 1, 'it stays in the queue';
	$chain->start_pool;
	my $got = $postfix->delivered($token);
	like $got && $got->{text}, qr/^X-Filter-Saw:/m, 'it arrives, filtered, when the pool is back';
	ok $chain->spool_is_clean, 'no work directory is left';
	return;
}

Defang::Stories::run('Defang::Postfix', ['queued while the pool is dead' => \&test_queued]);
