#!/usr/bin/perl
# The front end is restarted beneath a real Postfix with SMTP conversations at every point: a message in hand is finished, a conversation
# that the end has cut off gets a temporary failure, and what was taken is delivered once.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Manager;
use Defang::Postfix;
use Defang::Test qw(wait_until free_port temp_dir);

my $reason = Defang::Postfix::cannot();
plan skip_all => $reason if $reason;

my $filter = "sub filter_begin { return }\nsub filter { return action_add_header('X-Seen', 'yes') }\n1;\n";
# With -s: else Postfix keeps MAIL to itself until it wants an answer, and no message is in hand.
my %chains = (
	passed => Defang::Test->chain(filter => $filter, milter => ['-s', '--grace', 60], listen => 'inet:' . free_port() . '@127.0.0.1',
		manager => Defang::Manager->new(temp_dir('defang-manager'))),
	own => Defang::Test->chain(filter => $filter, milter => ['-s', '--grace', 60], listen => 'inet:' . free_port() . '@127.0.0.1'),
);
my $postfix = Defang::Postfix->start(
	first => 'own',
	milters => { map { $_ => $chains{$_}{listen} =~ s/^inet:(\d+)@(.*)/inet:$2:$1/r } keys %chains },
);
my ($serial, %taken) = (0); # tokens of messages that got a 250

sub text_of
{
	my ($token) = @_;
	return "From: a\@example.org\nTo: b\@example.net\nSubject: restart\n\n$token\n";
}

# A message in a conversation: the code of its last reply.
sub message
{
	my ($smtp) = @_;
	my $token = sprintf 'token-%d-%04d', $$, ++$serial;
	my ($code) = $postfix->say_message($smtp, '<a@example.org>', ['<b@example.net>'], text_of($token));
	$taken{$token} = 1 if $code == 250;
	return $code;
}

for my $name (sort keys %chains) {
	subtest "with a socket that is $name" => sub {
		my $chain = $chains{$name};
		my $port = $postfix->{smtp}{$name};
		my ($idle, $greeted, $in_hand, $recent) = map { $postfix->client($port) } 1 .. 4;
		is message($idle), 250, 'a first message in a conversation';
		my $since = time;
		wait_until(10, sub { time - $since > 1.5 });

		my $heard = time; # before the server hears of it
		is message($recent), 250, 'a message just before the end';
		ok $in_hand->mail('<a@example.org>') && $in_hand->to('<b@example.net>'), 'a message in hand';
		wait_until(10, sub { $chain->work_dirs }, 'its work directory');
		kill 'TERM', $chain->{milter}{pid};
		wait_until(10, sub { $chain->log_of('milter') =~ /finishing the messages in hand/ }, 'the begin of the end');
		my $more = message($recent);
		if (time - $heard < 1) { is $more, 250, 'who sends more at once is served' }
		else { like $more, qr/^(?:4..|250)$/, 'a connection that was quiet for a second may be closed: this machine is too busy for the other case' }
		ok !Defang::Test::has_ended($chain->{milter}), 'the end waits for the message in hand';
		ok $in_hand->data && $in_hand->datasend(text_of('in-hand')) && $in_hand->dataend, '  which is taken' or diag $in_hand->message;
		$taken{'in-hand'}++;
		ok wait_until(20, sub { Defang::Test::has_ended($chain->{milter}) }), 'then it ends';
		is $chain->stop_milter, 0, '  with exit status 0';

		my %others = ('between two messages' => $idle, 'before the first' => $greeted, 'after the last' => $recent);
		$others{'after that in hand'} = $in_hand;
		if ($name eq 'own') {
			like message($greeted), qr/^4/, 'a conversation meets nobody: refused for now';
			like eval { message($postfix->client($port)) } // $@, qr/^4/, 'so is a new one';
			delete $others{'before the first'};
		}
		$chain->start_milter;
		like message($others{$_}), qr/^(?:4..|250)$/, "a conversation that was $_ goes on: refused for now, or taken" for sort keys %others;
		is message($postfix->client($port)), 250, 'a new conversation is served';
		ok $chain->spool_is_clean, 'no work directory is left';
	};
}
ok wait_until(90, sub { !$postfix->queue_files }), 'all is delivered';
my %delivered;
my $unseen = 0;
for my $found ($postfix->all_delivered) {
	my ($token) = $found->{text} =~ /^(token-\S+|in-hand)$/m;
	$delivered{$token // 'unknown'}++;
	$unseen++ if $found->{text} !~ /^X-Seen: yes$/m;
}
is_deeply \%delivered, \%taken, 'what was taken, once, and nothing else';
is $unseen, 0, '  all of it as the filter made it';
ok $_->stop, 'the chain ends well' for values %chains;
$postfix->stop;
diag map { $_->logs } values %chains if !Test::More->builder->is_passing;
done_testing;
