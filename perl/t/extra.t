# Spam filters for real, with EXTRA=1: rspamd with a configuration of our own, and SpamAssassin with the rules of its package.
use strict;
use warnings;
use Defang::Api;
use Defang::Test qw(free_port slurp spew temp_dir start_program end_program wait_until);
use IO::Socket::INET;
use Test::More;

plan skip_all => 'only with EXTRA=1' if !$ENV{EXTRA};

# The text that every spam filter takes for spam, and one that none does.
my $head = "From: a\@example.org\nTo: b\@example.net\nSubject: s\nDate: Sat, 21 Nov 2026 08:00:00 +0000\nMessage-ID: <1\@example.org>\n\n";
my $spam = $head . "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n";
my $ham = $head . "See you tomorrow at nine.\n";
my $api = Defang::Api->start('');

SKIP: {
	skip 'needs rspamd', 4 if !-x '/usr/bin/rspamd';
	my ($dir, $port) = (temp_dir(), free_port());
	spew("$dir/rspamd.conf", <<"CONF");
options { pidfile = "$dir/pid"; filters = ""; gtube_patterns = "all"; }
logging { type = "console"; level = "warning"; }
worker "normal" { bind_socket = "127.0.0.1:$port"; count = 1; }
actions { reject = 15; add_header = 6; }
CONF
	chown((getpwnam 'nobody')[2, 3], $dir) if $> == 0;
	my $rspamd = start_program("$dir/log", '/usr/bin/rspamd', '-f', '-c', "$dir/rspamd.conf", $> == 0 ? qw(-u nobody -g nogroup) : ());
	wait_until(30, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) }) or diag slurp("$dir/log");
	my $check = "rspamd_check('http://127.0.0.1:$port')";
	my $got = $api->scan($spam, begin => $check)->{begin}[0];
	is_deeply([@$got[4, 5]], ['reject', 'true'], 'rspamd: spam') or diag explain $got, slurp("$dir/log");
	like($got->[2], qr/GTUBE/, '  by its name');
	like($got->[3], qr/\A\{.*"action":"reject"/s, '  in JSON');
	$got = $api->scan($ham, begin => $check)->{begin}[0];
	is_deeply([@$got[4, 5]], ['no action', 'false'], '  no spam') or diag explain $got;
	end_program($rspamd);
}

SKIP: {
	skip 'needs SpamAssassin', 3 if !eval { require Mail::SpamAssassin; 1 };
	my $got = $api->scan($spam, begin => 'spam_assassin_check("/dev/null")')->{begin}[0];
	cmp_ok($got->[0], '>=', 900, 'SpamAssassin: spam') or diag explain $got;
	like($got->[2], qr/\bGTUBE\b/, '  by its name');
	is($api->scan($ham, begin => 'spam_assassin_is_spam()')->{begin}[0][0], 0, '  no spam');
}
is($api->stop, 0, 'ends well');
done_testing;
