#!/usr/bin/perl
# The whole chain with milter-send as the MTA: what a filter decides comes out at the other end, and milter-send says so in its report and
# exit status. No root needed.
use strict;
use warnings;
use Test::More;
use File::Copy qw(copy);
use Defang::Stories;
use Defang::Test qw(top stage data wait_until slurp run_command temp_dir free_port spew);

my $chain = Defang::Test->chain(filter => Defang::Stories::filter(), milter => [qw(-s -t)]);

sub message { return "From: a\@example.org\nSubject: $_[0]\n\n" . ($_[1] // "Hello\n") }

subtest 'attachment removed, warning, header' => sub {
	my $got = $chain->send(data('exe.eml'));
	is $got->{verdict}, 'accept';
	is $got->{status}, 0, 'exit status';
	is $got->{parts_removed}[0]{name}, 'invoice.exe', 'the report has the removed part';
	is $got->{parts_added}[0]{text}, "The attachment invoice.exe is not here any more.\n", '  and the warning';
	like $got->{delivered}, qr/^The attachment invoice\.exe is not here any more\.$/m, 'the delivered message has it';
	unlike $got->{delivered}, qr/octet-stream/, '  and not the part';
	like $got->{delivered}, qr/^X-Client: /m, '  and the header';
	like $got->{delivered}, qr/^please see the attachment\.$/m, '  and the text';
};

subtest 'refused with code and text of the filter' => sub {
	my $got = $chain->send_text(message('bounce'));
	is $got->{verdict}, 'reject';
	is $got->{status}, 1, 'exit status';
	is $got->{smtp}, '552 5.3.4 Not 100% wanted';
	is $got->{stage}, 'eom';
	ok !defined $got->{delivered}, 'nothing is written';
	$got = $chain->send_text(message('tempfail'));
	is "$got->{status} $got->{smtp}", '2 452 4.3.1 Come back later', 'for now';
	$got = $chain->send_text(message('x'), '-f', 'refused@example.org');
	is "$got->{status} $got->{stage} $got->{smtp}", '1 mail 553 5.1.8 We know you', 'a sender';
};

subtest 'recipients' => sub {
	my $got = $chain->send_text(message('x'), '-r', 'one@example.net', '-r', 'nobody@example.net', '-r', '<two@example.net>');
	is_deeply $got->{recipients}, ['<one@example.net>', '<two@example.net>'], 'a refused one is left out';
	is_deeply [map { $_->{text} // '-' } grep { $_->{stage} eq 'rcpt' } @{ $got->{replies} }], ['-', '550 5.1.1 No such user here', '-'],
		'  with the text of the filter';
	$got = $chain->send_text(message('x'), '-r', 'nobody@example.net');
	is "$got->{status} $got->{stage} $got->{smtp}", '1 rcpt 550 5.1.1 No such user here', 'no other is left: the message is refused';
	$got = $chain->send_text(message('envelope'), '-r', '<gone@example.net>', '-r', '<kept@example.net>');
	is $got->{sender}, '<new-sender@example.org>', 'the sender is changed';
	is_deeply $got->{recipients}, ['<kept@example.net>', '<added@example.net>'], 'recipients too';
};

subtest 'discarded' => sub {
	my $got = $chain->send_text(message('discard'));
	is "$got->{verdict} $got->{status}", 'discard 3';
	like $got->{smtp}, qr/^250 /, 'the client is told that all is well';
	ok !defined $got->{delivered}, 'nothing is delivered';
};

subtest 'what the filter is told' => sub {
	my @options = ('--client-address', '192.0.2.9', '--client-name', 'mail.example.org', '--helo', 'helo.example.org', '--queue-id', '4XYZ',
		'--macro', '{daemon_name}=test');
	for my $like (qw(postfix sendmail)) {
		my $got = $chain->send_text(message('x'), @options, '--like', $like);
		like $got->{delivered}, qr/^X-Client: mail\.example\.org 192\.0\.2\.9 helo\.example\.org 4XYZ test$/m, "like $like";
	}
	my $got = $chain->send_text(message('x'), '--client-address', '2001:db8::1', '--queue-id', 'Q');
	like $got->{delivered}, qr/^X-Client: \[2001:db8::1\] 2001:db8::1 \S+ Q/m, 'IPv6 without a name';
};

subtest 'old protocols' => sub {
	for my $version (2 .. 6) {
		my $got = $chain->send_text(message('x'), '--protocol', $version);
		is "$got->{status} $got->{version}", "0 $version", "version $version";
		like $got->{delivered} // '', qr/^X-Client: /m, '  changes the message';
	}
};

subtest 'bodies' => sub {
	for my $case (['none', ''], ['8 bit', "K\xf6rper \xc3\xa4\n"], ['no last newline', 'x'], ['large', ('x' x 70 . "\n") x 60000]) {
		my ($name, $body) = @$case;
		my $got = $chain->send_text("Subject: x\n\n$body");
		my ($delivered) = ($got->{delivered} // 'nothing') =~ /\A.*?\n\n(.*)\z/s;
		$body .= "\n" if $body =~ /[^\n]\z/;
		ok $delivered eq $body, $name;
	}
	my $got = $chain->send_text("no header at all\n");
	is $got->{status}, 0, 'no header';
};

subtest 'the pool is dead, and back' => sub {
	Defang::Test::end_program(delete $chain->{pool}, 'KILL');
	my $got = $chain->send(data('exe.eml'));
	is "$got->{verdict} $got->{status}", 'tempfail 2', 'dead: come back later';
	ok !defined $got->{delivered}, '  and nothing is delivered';
	$chain->start_pool;
	$got = $chain->send(data('exe.eml'));
	is $got->{verdict}, 'accept', 'back: taken';
	like $got->{delivered}, qr/is not here any more/, '  and filtered';
};

subtest 'load' => sub {
	for my $options ([], ['--per-connection', 5]) {
		my $got = $chain->send_text(message('x'), '--count', 50, '--concurrency', 2, @$options);
		is $got->{status}, 0, "@$options: exit status";
		is_deeply [@{ $got->{verdicts} }{qw(accept tempfail)}, $got->{errors}], [50, 0, 0], '  all are taken';
		ok $got->{per_second} > 0 && $got->{milliseconds}{p50} <= $got->{milliseconds}{max}, '  and measured';
	}
};

ok $chain->spool_is_clean, 'no work directory is left';
is +(grep { /^\d+$/ } split /\s/, ($chain->control_tool('msgs'))[1])[0] > 100, 1, 'the controller has counted';
ok $chain->stop, 'all ends well';

# The example filter, as delivered.
subtest 'the example filter' => sub {
	my $file = temp_dir('filter') . '/filter';
	copy(top() . '/etc/mimedefang-filter.example', $file) or die $!;
	my $example = Defang::Test->chain(filter_file => $file, milter => ['-s']);
	for my $case (
		['plain.eml'], ['zip_plain.eml'], ['exe.eml', 'invoice.exe'], ['double_extension.eml', 'invoice.pdf.exe'],
		['zip_exe.eml', 'invoice.zip'],
		)
	{
		my ($name, @removed) = @$case;
		my $got = $example->send(data($name));
		is_deeply [map { $_->{name} } @{ $got->{parts_removed} // [] }], \@removed, "$name: removed @removed";
	}
	my $got = $example->send(data('partial.eml'));
	is "$got->{status} " . substr($got->{smtp}, 0, 9), '1 554 5.6.1', 'a message in pieces is refused';
	for my $sender ('a@spam.example', 'a@sub.spam.example', 'A@SPAM.EXAMPLE') {
		$got = $example->send(data('plain.eml'), '-f', $sender);
		is "$got->{status} $got->{stage}", '1 mail', "$sender is refused";
	}
	for my $sender ('a@notspam.example', '<>', 'spam.example@example.org') {
		is $example->send(data('plain.eml'), '-f', $sender)->{status}, 0, "$sender is not";
	}
	$got = $example->send_text("Subject: x\nX-Filtered: forged\nX-Filtered: twice\n\nx\n");
	is_deeply [$got->{delivered} =~ /^X-Filtered: (.*)$/mg], ['yes'], 'a forged header is taken out';
	for my $name ('a.EXE', 'a.exe.', 'a.pdf.zip', 'a.jpg   .scr', 'a.doc_.html') {
		$got = $example->send_text("Content-Type: application/octet-stream; name=\"$name\"\nMIME-Version: 1.0\n\nx\n");
		is $got->{parts_removed}[0]{name}, $name, "$name is taken out";
	}
	for my $name ('a.txt', 'exe', 'a.exe.txt', 'page.html', 'v1.2.zip') {
		$got = $example->send_text("Content-Type: application/octet-stream; name=\"$name\"\nMIME-Version: 1.0\n\nx\n");
		ok !$got->{parts_removed}, "$name stays";
	}
	ok $example->stop, 'all ends well';
};

diag $chain->logs if !Test::More->builder->is_passing;
done_testing;
