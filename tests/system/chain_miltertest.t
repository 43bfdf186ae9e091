#!/usr/bin/perl
# The whole chain with miltertest as the MTA: a milter client that we have not written.
use strict;
use warnings;
use Test::More;
use Defang::Test qw(top run_command);

my ($miltertest) = grep { -x } map { "$_/miltertest" } split /:/, $ENV{PATH};
plan skip_all => 'needs miltertest' unless $miltertest;

my $filter = <<'PERL';
sub filter_sender { return $_[0] =~ /refused/ ? ('REJECT', 'We know you', '553', '5.1.8') : ('CONTINUE', 'ok') }
sub filter_begin {
	return action_bounce('Not wanted', '552', '5.3.4') if $Subject eq 'bounce';
	return action_discard() if $Subject eq 'discard';
	return;
}
sub filter {
	my ($entity, $name) = @_;
	return $name =~ /\.exe$/ ? action_replace_with_warning("$name is not here any more.\n") : action_accept();
}
sub filter_end { action_add_header('X-Filter-Saw', $RelayAddr); return }
1;
PERL

my $chain = Defang::Test->chain(filter => $filter, milter => ['-s']);
my ($status, $out, $err) = run_command(120, $miltertest, '-D', "socket=$chain->{listen}", '-s',
	top() . '/tests/system/miltertest/stories.lua');
is $status, 0, 'the script runs to its end' or diag $err;
my @checks = $out =~ /^(?:not )?ok - .*$/mg;
is scalar @checks, 10, 'all is checked' or diag $out;
like $_, qr/^ok - /, s/^(not )?ok - //r for @checks;
ok $chain->spool_is_clean, 'no work directory is left';
ok $chain->stop, 'all ends well';
diag $out, $err, $chain->logs if !Test::More->builder->is_passing;
done_testing;
