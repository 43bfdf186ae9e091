#!/usr/bin/perl
# A large message costs front end and controller no more memory than a small one: bodies are streamed both ways.
use strict;
use warnings;
use Test::More;
use Defang::Test qw(sanitized slurp spew);

my $size = sanitized() ? 10_000_000 : 100_000_000; # bytes; the figures below mean nothing with sanitizers
# One loop: each has buffers of its own.
my $chain = Defang::Test->chain(workers => 1, milter => [qw(--loops 1)], pool => [ '-b', 600 ], filter => <<'PERL');
sub filter_begin { }
sub filter { return action_accept() }
sub filter_end { return action_rebuild() } # hands in a new body
1;
PERL

sub message {
	my ($n) = @_;
	my $line = 'x' x 75 . "\n";
	return "From: a\@example.org\nTo: b\@example.org\nSubject: size\nMIME-Version: 1.0\nContent-Type: text/plain\n\n" . $line x ($n / 76);
}

# The most that a process ever had in memory, in kB.
sub peak {
	my ($which) = @_;
	my ($kb) = slurp("/proc/$chain->{$which}{pid}/status") =~ /^VmHWM:\s*(\d+)/m;
	return $kb;
}

my %peak; # by size and program
for my $n (1000, 1_000_000, $size) {
	my $text = message($n);
	my $got = $chain->send_text($text);
	is $got->{verdict}, 'accept', "a message of $n bytes is accepted";
	my ($sent_body) = $text =~ /\n\n(.*)/s;
	my ($body) = ($got->{delivered} // '') =~ /\r?\n\r?\n(.*)/s;
	ok $body =~ tr/\r//dr eq $sent_body, '  and has its body';
	$peak{$n}{$_} = peak($_) for qw(milter pool);
}
for my $program (qw(milter pool)) {
	my ($small, $medium, $large) = map { $peak{$_}{$program} } sort { $a <=> $b } keys %peak;
	note "$program: $small kB, $medium kB after 1 MB, $large kB after $size bytes";
	SKIP: {
		skip 'sanitizers keep freed memory', 2 if sanitized();
		cmp_ok $large - $medium, '<', 256, "$program: needs no more for $size bytes than for 1 MB";
		cmp_ok $large - $small, '<', 1024, '  and only its buffers more than for 1 kB';
	}
}
ok $chain->spool_is_clean, 'nothing is left in the spool';
ok $chain->stop, 'all ended well';
done_testing;
