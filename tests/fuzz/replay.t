#!/usr/bin/perl
# Run each fuzz target once over its corpus: what a fuzzer has found once is not to come back.
use strict;
use warnings;
use File::Basename qw(dirname);
use Test::More;

my $here = dirname(__FILE__);
my $build = $ENV{DEFANG_BUILD} or plan skip_all => 'DEFANG_BUILD names no build folder';

for my $source (sort glob "$here/fuzz_*.c") {
	my ($name) = $source =~ m{/fuzz_(\w+)\.c$};
	my @corpus = grep { -f } glob "$here/corpus/$name/*";
	my $status = @corpus ? system "$build/tests/fuzz/fuzz_$name", @corpus : -1;
	is($status, 0, "$name: " . @corpus . ' files');
}
done_testing();
