#!/usr/bin/perl
# The example units of systemd are such that systemd takes them.
use strict;
use warnings;
use Test::More;
use File::Basename qw(basename);
use Defang::Test qw(top stage slurp spew temp_dir run_command);

my ($analyze) = grep { -x } map { "$_/systemd-analyze" } split /:/, $ENV{PATH};
plan skip_all => 'no systemd-analyze here' if !$analyze;

# As installed, but with programs and a user that this machine has.
my $dir = temp_dir('defang-units');
my @units;
for my $file (sort glob top() . '/etc/systemd/*') {
	my $text = slurp($file);
	$text =~ s{/usr/bin/}{stage() . '/bin/'}ge;
	$text =~ s/\bdefang$/mail/mg;
	push @units, spew("$dir/" . basename($file), $text);
}
is scalar @units, 5, 'a service and a socket for each daemon, and a service for the milters of pmx.conf';
local $ENV{SYSTEMD_UNIT_PATH} = "$dir:"; # and where they are by default
my ($status, $out, $err) = run_command(60, $analyze, 'verify', '--man=no', @units);
is $status, 0, 'systemd-analyze verify';
is join('', grep { /\Q$dir\E|mimedefang|pmx-milter/ } split /^/, "$out$err"), '', '  has nothing to say';
done_testing;
