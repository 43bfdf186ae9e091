#!/usr/bin/perl
# The whole chain with miltertest as the MTA: a milter client that we have not written.
use strict;
use warnings;
use Test::More;
use Defang::Stories;
use Defang::Test qw(top run_command);

my ($miltertest) = grep { -x } map { "$_/miltertest" } split /:/, $ENV{PATH};
plan skip_all => 'needs miltertest' unless $miltertest;

my $chain = Defang::Test->chain(filter => Defang::Stories::filter(), milter => ['-s']);
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
