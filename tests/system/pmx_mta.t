#!/usr/bin/perl
# The lines that `pmx-milter mta' prints, in a real Postfix and a real Sendmail: each milter sees the mail, whatever its socket and name.
use strict;
use warnings;
use Test::More;
use Socket qw(AF_INET6 SOCK_STREAM inet_pton pack_sockaddr_in6);
use Defang::Pmx;
use Defang::Postfix;
use Defang::Sendmail;
use Defang::Test qw(free_port run_command stage);

sub header { my ($name) = @_; return "sub filter_end { action_add_header('X-Filter-$name', 'seen') }\nsub filter { return action_accept() }\n1;\n" }

# Whether this host has an IPv6 loopback.
sub has_v6
{
	socket my $probe, AF_INET6, SOCK_STREAM, 0 or return;
	return bind $probe, pack_sockaddr_in6(0, inet_pton(AF_INET6, '::1'));
}

my %ports = (Tcp => 'inet:' . free_port() . '@127.0.0.1', Any => 'inet:' . free_port() . '@any', has_v6() ? (Six => 'inet6:' . free_port() . '@::1') : ());
my $pmx = Defang::Pmx->new((map { $_ => { port => $ports{$_}, filter => header($_) } } sort keys %ports), 'Local::Name' => { local => 1, filter => header('Local') },
	Off => { disabled => 1, filter => header('Off') });
$pmx->{global} = "umask = 007\n";
$pmx->write;
my ($status, $out, $err) = $pmx->run('start');
is $status, 0, 'the milters are started' or BAIL_OUT("$out$err");

chmod 0777, $pmx->port('Local::Name') =~ s/^unix://r; # the mail servers' users are not in the milters' group here

for my $driver ('Defang::Postfix', 'Defang::Sendmail') {
	SKIP: {
		my $cannot = $driver->cannot;
		skip "$driver: $cannot", 1 if $cannot;
		my ($name) = lc($driver) =~ /(\w+)$/;
		subtest $name => sub {
			my (undef, $lines) = $pmx->run('mta', $name);
			note $lines;
			$lines .= "inet_protocols = all\n" if $name eq 'postfix'; # as it is by default; that of the tests is ipv4
			# Postfix: {plain} hands on to the first of these.
			my $mta = $driver->start(milters => { last => $ports{Tcp} }, first => 'last', lines => $lines);
			my ($code, $text) = $mta->submit($mta->{plain}, '<sender@example.org>', ['<rcpt@example.net>'], "Subject: all of them\n\ntoken-$name\n");
			is $code, 250, 'it takes the message' or diag $text, $mta->maillog;
			my $got = $mta->delivered("token-$name");
			ok $got, '  and delivers it' or diag $mta->maillog;
			like $got->{text}, qr/^X-Filter-$_: seen$/m, "  milter $_ has seen it" for sort(keys %ports), 'Local';
			unlike $got->{text}, qr/^X-Filter-Off/m, '  the disabled one has not';
			$mta->stop;
		};
	}
}
is +($pmx->run('stop'))[0], 0, 'the milters stop';
done_testing;
