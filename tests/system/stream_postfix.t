#!/usr/bin/perl
# One message for several recipients, resent in pieces by the filter through a real Postfix: its sendmail and postdrop take the pieces, its
# cleanup asks the milter about each of them.
use strict;
use warnings;
use Test::More;
use Defang::Test qw(spew temp_dir wait_until slurp);
use Defang::Postfix;

my $reason = Defang::Postfix::cannot();
plan skip_all => $reason if $reason;

my $bin = temp_dir();
my $chain = Defang::Test->chain(pool => [qw(-q 20)], milter => ['-q'], filter => <<"PERL"); # the pieces come while workers are busy with the whole
\$Features{'Path:SENDMAIL'} = '$bin/sendmail';
sub filter_begin {
	return if \$Subject =~ /domain/ ? stream_by_domain() : stream_by_recipient();
	action_add_header('X-Piece', join ' ', sort \@Recipients);
	action_add_header('X-Domain', \$Domain) if \$Domain ne '';
	return;
}
1;
PERL
chmod 0777, $chain->{listen} =~ s/^unix://r or die "chmod: $!";
my $postfix = Defang::Postfix->start(first => 'unix', milters => { unix => $chain->{listen} }, submission => $chain->{listen}, sendmail => "$bin/sendmail");

sub pieces
{
	my ($token, $n) = @_;
	my @found;
	wait_until(90, sub {
		@found = grep { index($_->{text}, $token) >= 0 } $postfix->all_delivered;
		return @found >= $n && !$postfix->queue_files;
	}) or diag $postfix->maillog, $chain->logs;
	return sort { "@{ $a->{rcpts} }" cmp "@{ $b->{rcpts} }" } @found;
}

my @rcpts = map { "<$_>" } qw(a@one.example b@two.example c@ONE.example);
for my $case (
	['domain', ['<a@one.example> <c@ONE.example>', '<b@two.example>'], ['one.example', 'two.example']],
	['recipient', ['<a@one.example>', '<b@two.example>', '<c@ONE.example>'], [undef, undef, undef]],
) {
	my ($by, $groups, $domains) = @$case;
	my ($code) = $postfix->submit($postfix->{smtp}{unix}, '<sender@example.org>', \@rcpts, "Subject: by $by\nX-Token: token-$by\n\nbody\n.dot\n");
	is($code, 250, "by $by: taken");
	my @pieces = pieces("token-$by", scalar @$groups);
	is_deeply([map { join ' ', @{ $_->{rcpts} } } @pieces], $groups, '  a piece for each group, no more');
	is_deeply([map { $_->{text} =~ /^X-Piece: (.*)$/m } @pieces], [map { tr/<>//dr } @$groups], '  which the filter saw alone');
	is_deeply([map { $_->{text} =~ /^X-Domain: (.*)$/m ? $1 : undef } @pieces], $domains, '  with $Domain');
	is_deeply([grep { $_->{from} ne '<sender@example.org>' } @pieces], [], '  from the sender');
	is_deeply([grep { $_->{text} !~ /\n\nbody\n\.dot\n/ } @pieces], [], '  with the body');
	is_deeply([grep { $_->{text} !~ /^Received: from client\.example\.org \(.*\[127\.0\.0\.1\]\)\n\tby /m } @pieces], [], '  and the trace of the client');
}
$postfix->stop;
ok($chain->stop, 'all end well');
done_testing;
