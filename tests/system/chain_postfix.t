#!/usr/bin/perl
# The whole chain behind a real Postfix: SMTP client, smtpd, front end, controller, Perl filter, and back to a sink. The stories are those of
# every mail server, tests/lib/Defang/Stories.pm, and some that only Postfix can tell.
use strict;
use warnings;
use Test::More;
use Defang::Postfix;
use Defang::Stories qw(message);
use Defang::Test qw(wait_until end_program);

# Mail that lies in a queue already: Postfix keeps it, tries again by itself, and it arrives.
sub test_queued
{
	my ($postfix, $chains) = @_;
	my $chain = $chains->{unix};
	my ($token, $text) = message('waits in the queue', "x\n");
	end_program(delete $chain->{pool}, 'KILL');
	my ($code) = $postfix->submit($postfix->{queued}, '<sender@example.org>', ['<rcpt@example.net>'], $text);
	is $code, 250, 'the first hop takes it';
	ok wait_until(60, sub { $postfix->maillog =~ /status=deferred .*451/ }), 'the second defers it';
	# While Postfix tries again, the file is on its way from one folder to another.
	ok wait_until(60, sub { my @files = $postfix->queue_files; @files == 1 }), 'it stays in the queue';
	$chain->start_pool;
	my $got = $postfix->delivered($token);
	like $got && $got->{text}, qr/^X-Filter-Saw:/m, 'it arrives, filtered, when the pool is back';
	ok $chain->spool_is_clean, 'no work directory is left';
	return;
}

# Postfix itself refuses a recipient: the filter hears of it all the same, unless -N says not to.
sub test_refused_by_server
{
	my ($postfix, $chains) = @_;
	for my $case ([unix => 2], [inet => 1]) {
		my ($name, $seen) = @$case;
		my ($token, $text) = message('a recipient that is none', "x\n");
		my $smtp = $postfix->client($postfix->{smtp}{$name});
		$smtp->mail('<sender@example.org>');
		ok !$smtp->to('<no-such-user@local.example>'), "$name: Postfix refuses a recipient";
		my $taken = $smtp->to('<rcpt@example.net>') && $smtp->data && $smtp->datasend($text) && $smtp->dataend;
		ok $taken, '  and takes the message for another';
		my $got = $postfix->delivered($token);
		is_deeply $got && $got->{rcpts}, ['<rcpt@example.net>'], '  where it arrives';
		like $got && $got->{text}, qr/^X-Filter-Saw: $seen recipients$/m, "  the filter has seen $seen";
		ok $chains->{$name}->spool_is_clean, 'no work directory is left';
	}
	return;
}

# The milter protocols of older Postfix.
sub test_old
{
	my ($postfix, $chains) = @_;
	for my $version (sort keys %{ $postfix->{old} }) {
		my @odd = ('X-None:none', 'X-Two:  two', 'X-Twice: 1', 'X-Twice: 2');
		my ($token, $text) = message('headers, envelope, raw', "x\n", @odd);
		my ($code) = $postfix->submit($postfix->{old}{$version}, '<sender@example.org>', ['<rcpt@example.net>', '<gone@example.net>'], $text);
		is $code, 250, "version $version: a message is taken";
		my $got = $postfix->delivered($token) or return fail 'it arrives';
		like $got->{text}, qr/\AX-Top: first\n(?:.*\n)*Subject: changed\n\ton two lines\n(?:.*\n)*X-None:none\nX-Two:  two\nX-Twice: 1\n(?!X-Twice)/,
			'  with its headers changed, and the others as they were';
		like $got->{text}, qr/^X-Raw: \[X-None: none\]$/m, '  all of which have one blank in INPUTMSG';
		is $got->{from}, '<new-sender@example.org>', '  with another sender';
		is_deeply $got->{rcpts}, ['<added@example.net>', '<rcpt@example.net>'], '  and other recipients';
	}
	ok $chains->{unix}->spool_is_clean, 'no work directory is left';
	return;
}

Defang::Stories::run('Defang::Postfix', ['queued while the pool is dead' => \&test_queued],
	['refused by Postfix' => \&test_refused_by_server], ['old milter protocols' => \&test_old]);
