# `make run` shows what it promises: the demo has no message that is not as expected.
use strict;
use warnings;
use Defang::Test qw(run_command);
use Test::More;

my ($status, $out, $err) = run_command(120, 'scripts/demo', ($ENV{DEFANG_BUILD} // 'build') . '/stage');
is $status, 0, 'exit status' or diag "$out\n$err";
like $out, qr/^7 messages sent, 6 scanned, 0 not as expected$/m, 'all messages';
like $out, qr/ X-Filtered: yes$/m, 'a header is shown as people write it';
like $out, qr/^  Worker 0: idle$/m, 'the state of the pool';
done_testing;
