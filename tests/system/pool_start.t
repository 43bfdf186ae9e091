# What a worker process finds at its start: arguments, descriptors, folder, umask, signals, limits, environment.
use strict;
use warnings;
use lib 'tests/lib';
use Test::More;
use Cwd qw(abs_path);
use JSON::PP;
use Defang::Pool;
use Defang::Test qw(spew slurp);

my $pool = Defang::Pool->new;
my $dir = $pool->{dir};

# The program is Perl itself, so that its own name can be seen: `perl -f RULES -server` runs RULES as a script.
my $perl = "$dir/bin/the-worker";
symlink abs_path($^X), $perl or die $!;
spew($pool->{rules}, <<'PERL');
use strict;
use warnings;
use Cwd;
use JSON::PP;
$| = 1;
my $umask = umask;
my @open = grep { -e "/proc/$$/fd/$_" } 0 .. 100;
sub lines { open my $f, '<', "/proc/$$/$_[0]" or die; return <$f> }
my %signals = map { /^(Sig\w+):\s+(\S+)/ ? ($1 => hex $2) : () } lines('status');
my %limits = map { /^Max (.*?)  +(\S+) +(\S+)/ ? ($1 => "$2 $3") : () } lines('limits');
open my $line, '<', "/proc/$$/cmdline" or die;
my @argv = split /\0/, readline $line;
my %told = (argv => \@argv, cwd => getcwd, umask => sprintf('%03o', $umask), open => "@open", ignored => $signals{SigIgn},
	blocked => $signals{SigBlk}, limits => \%limits, env => \%ENV, group => getpgrp == $$, pipes => join ' ', grep { -p "/proc/$$/fd/$_" } @open);
while (<STDIN>) {
	print /^ping/ ? "PONG\n" : encode_json(\%told) . "\n";
}
PERL

sub told
{
	my @options = @_;
	$pool->start('-f', $perl, @options);
	my $told = decode_json($pool->ask('x'));
	$pool->stop;
	return $told;
}

$ENV{DEFANG_TEST_MARK} = 'as it was';
my $told = told();
is_deeply $told->{argv}, [ 'the-worker', '-f', $pool->{rules}, '-server' ], 'arguments: the name without its folder, the filter, -server';
is $told->{cwd}, $dir, 'its folder is the spool folder';
is $told->{umask}, '077', 'umask';
is $told->{open}, '0 1 2', 'no descriptor but the standard ones';
is $told->{pipes}, '0 1 2', 'which are pipes';
# Perl itself ignores SIGFPE; those above 31 are the C library's.
is $told->{ignored} & 0x7fffffff & ~(1 << 7), 1 << 12, 'all signals are at their default, but SIGPIPE is ignored';
is $told->{blocked}, 0, 'none is blocked';
is $told->{env}{DEFANG_TEST_MARK}, 'as it was', 'the environment is that of the controller';
ok $told->{group}, 'it leads a process group';
is $told->{limits}{'address space'}, 'unlimited unlimited', 'no limit of memory';

subtest 'with options' => sub {
	local $pool->{wrap} = [ 'sh', '-c', 'ulimit -S -n 77; exec "$@"', 'sh' ];
	my $other = told('-G', '-Z', '-M', 3_000_000);
	is $other->{umask}, '027', '-G: umask';
	is $other->{argv}[-1], '-serveru', '-Z: -serveru';
	is $other->{open}, '0 1 2 3', '-Z: a status pipe as descriptor 3';
	is $other->{pipes}, '0 1 2 3', '-Z: which is a pipe';
	is $other->{limits}{$_}, '3072000000 3072000000', "-M: limit of $_" for 'address space', 'data size';
	like $other->{limits}{'open files'}, qr/^77 /, 'the soft limit of open files is that of whoever started the controller';
};

subtest 'without a filter (-F)' => sub {
	my $bare = "$dir/bin/bare";
	spew($bare, qq{#!/bin/sh\nwhile read line; do echo "\$@"; done\n});
	chmod 0755, $bare;
	my @command = grep { $_ ne '-F' && $_ ne $pool->{rules} } $pool->command('-D', '-f', $bare);
	no warnings 'redefine';
	local *Defang::Pool::command = sub { return @command };
	$pool->start;
	is $pool->ask('x'), "-server\n", 'no -f for the worker';
	$pool->stop;
};

subtest 'a limit of memory that leaves no room' => sub {
	spew($pool->{rules}, "good\n");
	$pool->start('-M', 1000);
	is $pool->ask('scan Q echo x'), "error: Unable to activate worker\n", 'no worker starts';
	like $pool->ask('reread'), qr/^ERR Reread failed: /, 'which a reread tells';
	$pool->stop;
};

done_testing;
