#!/usr/bin/perl
# What the front end logs: every line of a session has its id.
use strict;
use warnings;
use Test::More;
use Defang::Rig;

my $rig = Defang::Rig->new(args => ['-T'], answer => sub { $_[0] =~ /^scan / ? "error: no luck\n" : 'default' });
my ($first, $second) = map { $rig->connect } 1 .. 2;
$first->connect_from('h', '4', 1, '192.0.2.1');
for my $mta ($first, $second) {
	is $mta->outcome(macros => { M => [ i => "Q$_" ] }), 't', 'a message fails' for 1 .. 2;
}
ok $rig->wait_log(qr/(?:Filter time .*){4}/s), 'all is logged';
my %ids; # by the session: its lines
push @{ $ids{$2} }, $1 while $rig->{log} =~ /^mimedefang\[\d+\]: \w+: (Q\d: .*) session=(\w{11})$/mg;
is scalar(keys %ids), 2, 'each session has an id';
for (values %ids) {
	is scalar(grep({ /^Q\d: Error from multiplexor: error: no luck$/ } @$_)), 2, 'in an error of either message';
	is scalar(grep({ /^Q\d: Filter time is \d+ms$/ } @$_)), 2, 'and in an information';
}
is $rig->stop, 0, 'end';
done_testing;
