#!/usr/bin/perl
# How long real mail servers wait: a scan that takes longer than they would, and a front end that has no room for them.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Defang::Rig ();
use Defang::Test qw(wait_until);
use Defang::Postfix;
use Defang::Sendmail;

my $filter = <<'PERL';
sub filter_begin { select undef, undef, undef, 10 if ($Subject // '') =~ /slow/; return }
sub filter { return action_accept() }
1;
PERL

sub submit {
	my ($mta, $name, $token, $subject) = @_;
	return $mta->submit($mta->{smtp}{$name}, '<sender@example.org>', ['<rcpt@example.net>'],
		"From: sender\@example.org\nTo: rcpt\@example.net\nSubject: $subject\nX-Token: $token\n\nText.\n");
}

# The server waits for 5 s, the filter takes 10.
sub test_long_scan {
	my ($mta, $chains) = @_;
	my $begun = time;
	my ($code) = submit($mta, 'told', "told-$$", 'slow');
	is $code, 250, 'a scan of 10 s passes a server that waits for 5';
	cmp_ok time - $begun, '>=', 10, '  after that time';
	ok $mta->delivered("told-$$"), '  and is delivered';
	($code) = submit($mta, 'untold', "untold-$$", 'slow');
	is $code, 451, 'without PROGRESS packets the server gives up';
	ok $chains->{untold}->spool_is_clean, '  and the message is withdrawn';
	return;
}

# The session that is all that there may be: those that looked whether the server is up may be on their way out, and are in its place till then.
sub only_session {
	my ($chain) = @_;
	return wait_until(60, sub {
		my $mta = bless { socket => $chain->connect, input => '' }, 'Defang::Rig::Mta';
		$mta->negotiate;
		return $mta->{protocol} && $mta; # one that is refused is agreed on nothing
	}, 'a session');
}

sub test_no_room {
	my ($mta, $chain) = @_;
	my $held = only_session($chain);
	my $text;
	ok wait_until(20, sub { (my $code, $text) = submit($mta, 'small', "refused-$$", 'quick'); $code == 451 }),
		'no room for a session: the server has the client try again later';
	like $text, qr/try again later/i, '  in words that say so';
	like $chain->log_of('milter'), qr/connection refused for now/, '  logged';
	unlike $mta->maillog, qr/warning: milter \Q$chain->{listen}/, '  and understands why';
	close $held->{socket};
	ok wait_until(20, sub { (submit($mta, 'small', "small-$$", 'quick'))[0] == 250 }), 'once there is room the message is taken';
	ok $mta->delivered("small-$$"), '  and delivered';
	ok !$mta->delivered("refused-$$"), '  those that were refused are not';
	return;
}

sub stories {
	my ($driver) = @_;
	my %chains = map { $_->[0] => Defang::Test->chain(filter => $filter, workers => 1, milter => $_->[1]) }
		([ told => [qw(--progress 1)] ], [ untold => [qw(--progress 0)] ], [ small => [qw(--max-sessions 1)] ]);
	chmod 0777, $_->{listen} =~ s/^unix://r or die "chmod: $!" for values %chains;
	my $mta = $driver->start(first => 'told', patience => 5, milters => { map { $_ => $chains{$_}{listen} } keys %chains });
	$_->await_worker for values %chains;
	test_long_scan($mta, \%chains);
	test_no_room($mta, $chains{small});
	$mta->stop;
	ok $_->stop, 'a clean end' for values %chains;
	return;
}

for my $driver (qw(Defang::Postfix Defang::Sendmail)) {
	my $reason = $driver->cannot;
	subtest $driver => sub {
		plan skip_all => $reason if $reason;
		stories($driver);
	};
}
done_testing;
