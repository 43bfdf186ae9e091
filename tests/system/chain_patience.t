#!/usr/bin/perl
# How long a real Postfix waits: a scan that takes longer than it would, and a front end that has no room for it.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Test qw(wait_until);
use Defang::Postfix;

my $reason = Defang::Postfix::cannot();
plan skip_all => $reason if $reason;

my $filter = <<'PERL';
sub filter_begin { select undef, undef, undef, 6 if ($Subject // '') =~ /slow/; return }
sub filter { return action_accept() }
1;
PERL
my %chains = map { $_->[0] => Defang::Test->chain(filter => $filter, workers => 1, milter => $_->[1]) }
	([ told => [qw(--progress 1)] ], [ untold => [qw(--progress 0)] ], [ small => [qw(--max-sessions 1)] ]);
chmod 0777, $_->{listen} =~ s/^unix://r or die "chmod: $!" for values %chains;
my $postfix = Defang::Postfix->start(
	first => 'told',
	milters => { map { $_ => $chains{$_}{listen} } keys %chains },
	main => "milter_content_timeout = 3s\nmilter_command_timeout = 3s\n",
);

sub submit {
	my ($name, $token, $subject) = @_;
	return $postfix->submit($postfix->{smtp}{$name}, '<sender@example.org>', ['<rcpt@example.net>'],
		"From: sender\@example.org\nTo: rcpt\@example.net\nSubject: $subject\nX-Token: $token\n\nText.\n");
}

# Postfix waits for 3 s, the filter takes 6.
my $begun = time;
my ($code) = submit('told', "told-$$", 'slow');
is $code, 250, 'a scan of 6 s passes a Postfix that waits for 3';
cmp_ok time - $begun, '>', 5, '  after that time';
ok $postfix->delivered("told-$$"), '  and is delivered';
($code) = submit('untold', "untold-$$", 'slow');
is $code, 451, 'without PROGRESS packets Postfix gives up';
ok $chains{untold}->spool_is_clean, '  and the message is withdrawn';

# One session is all that there may be.
my $held = $chains{small}->connect or die "connect: $!";
ok wait_until(20, sub {
	my ($refused, $text) = submit('small', "refused-$$", 'quick');
	return $refused == 451 && $text =~ /try again later/i;
}), 'no room for a session: Postfix has the client try again later';
like $chains{small}->log_of('milter'), qr/connection refused for now/, '  logged';
unlike $postfix->maillog, qr/warning: milter \Q$chains{small}{listen}/, '  and understands why';
close $held;
ok wait_until(20, sub { (submit('small', "small-$$", 'quick'))[0] == 250 }), 'once there is room the message is taken';
ok $postfix->delivered("small-$$"), '  and delivered';
ok !$postfix->delivered("refused-$$"), '  those that were refused are not';
$postfix->stop;
ok $_->stop, 'a clean end' for values %chains;
done_testing;
