# Bodies become files when somebody wants them, and a message that is written anew has what the filter left alone byte for byte.
use strict;
use warnings;
use Defang::Test qw(slurp);
use Defang::Worker;
use Test::More;

# Three leaves, one in a container; odd line lengths, so that only a copy is the same.
my %raw = (
	text => "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\ncaf=\n=C3=A9 =3d\n",
	data => "Content-Type: application/octet-stream; name=\"a.bin\"\nX-Odd:  two  spaces\nContent-Transfer-Encoding: base64\n\nAAEC\nAw==\n",
	inner => "Content-Type: multipart/mixed; boundary=i\n\npre\n--i  \nContent-Type: text/html\n\n<p>\n--i--\nepilogue\n",
);
my $message = "From: a\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n"
	. join('', map { "--o\n$raw{$_}\n" } qw(text data inner)) . "--o--\n";

# Scan the message with code in filter() and filter_end(): (reply, directory, RESULTS).
sub scan
{
	my ($filter, $end, $text) = @_;
	my $worker = Defang::Worker->start("our (\$entity, \@leaves);\nsub leaves { my \$e = shift; return \$e->parts ? map { leaves(\$_) } \$e->parts : \$e }\n"
		. "sub filter_begin { \$entity = shift; \@leaves = leaves(\$entity) }\nsub filter { my (\$e, \$name, \$ext, \$type) = \@_; $filter }\nsub filter_end { $end }\n1;\n");
	my $dir = $worker->message($text // $message, 'S<a@b>', 'R<c@d>');
	my ($reply, @results) = $worker->scan($dir);
	my $said = $worker->stderr;
	diag $said if length $said;
	$worker->stop;
	return ($reply, $dir, @results);
}

sub work { my ($dir) = @_; return scalar(() = glob "$dir/Work/*") }

subtest 'files' => sub {
	my %case = (
		'names and types only' => ['action_add_header("X-$type", $name)', '', 0],
		'the text of each' => ['$e->bodyhandle->as_string', '', 0],
		'its lines' => ['() = $e->bodyhandle->as_lines', '', 0],
		'one path' => ['', '-s $leaves[0]->bodyhandle->path or die', 1],
		'one handle' => ['', 'my $fh = $leaves[1]->bodyhandle->open("r"); local $/; <$fh> eq "\\0\\1\\2\\3" or die', 1],
		'a program by system' => ['', 'system("true")', 3],
		'a program by backticks' => ['', 'my $n = `ls Work | wc -l`; $n == 3 or die $n', 3],
		'a pipe' => ['', 'open my $p, "-|", "ls", "Work" or die; my @n = <$p>; @n == 3 or die scalar @n', 3],
		'a child' => ['', 'my $pid = fork // die; if (!$pid) { exec "true" } waitpid $pid, 0', 3],
		'reading the folder' => ['', 'opendir my $d, "Work" or die; (grep { /^msg/ } readdir $d) == 3 or die', 3],
		'a pattern' => ['', 'my @f = glob "Work/*"; @f == 3 or die', 3],
		'a file of it by name' => ['', 'open my $f, "<", "Work/none"', 3],
		'other files' => ['', 'open my $f, "<", "/dev/null" or die; -e "INPUTMSG" or die', 0],
	);
	for my $name (sort keys %case) {
		my ($code, $end, $n) = @{ $case{$name} };
		my ($reply, $dir) = scan($code, $end);
		is $reply, 'ok', $name;
		is work($dir), $n, "$name: files";
	}
};

subtest 'unchanged parts' => sub {
	my ($reply, $dir) = scan('return action_drop() if $type eq "application/octet-stream"; action_accept()', '');
	is $reply, 'ok', 'a part dropped';
	is work($dir), 0, 'without any file';
	my $body = slurp("$dir/NEWBODY");
	is $body, "--o\n$raw{text}\n--o\n$raw{inner}\n--o--\n", 'the others are as they came';
	($reply, $dir) = scan('', 'my ($e) = $entity->parts(1); $e->head->replace("X-Odd", "even"); action_rebuild()');
	$body = slurp("$dir/NEWBODY");
	like $body, qr/^X-Odd: even$/m, 'a head changed';
	like $body, qr/\n\nAAEC\nAw==\n\n--o\n/, 'its body is as it came';
	like $body, qr/\Q$raw{text}\E/, 'and so are others';
	($reply, $dir) = scan('', 'action_rebuild()', "From: a\n\nplain\n");
	is slurp("$dir/NEWBODY"), "plain\n", 'a message without parts';
};

subtest 'changed parts' => sub {
	my %case = (
		'written through its handle' => 'my $fh = $leaves[0]->bodyhandle->open("w"); $fh->print("new\n"); $fh->close',
		'written through its path' => 'open my $fh, ">", $leaves[0]->bodyhandle->path or die; print $fh "new\n"; close $fh',
		'another body' => '$leaves[0]->bodyhandle(MIME::Body::InCore->new("new\n"))',
		'another path' => 'open my $fh, ">", "mine" or die; print $fh "new\n"; close $fh; $leaves[0]->bodyhandle->path("mine")',
		'by a program' => 'my $p = $leaves[0]->bodyhandle->path; system("echo new > $p")',
	);
	for my $name (sort keys %case) {
		my ($reply, $dir) = scan('', "$case{$name}; action_rebuild()");
		is $reply, 'ok', $name;
		my $body = slurp("$dir/NEWBODY");
		like $body, qr/\A--o\nContent-Type: text\/plain\nContent-Transfer-Encoding: quoted-printable\n\nnew\n/, "$name: it is there";
		like $body, qr/\n--o\n\Q$raw{data}\E\n--o\n\Q$raw{inner}\E\n--o--\n\z/, "$name: the rest is as it came";
	}
	# The same length, in the same moment as the file was made.
	my ($reply, $dir) = scan('', 'my $p = $leaves[2]->bodyhandle->path; open my $fh, "+<", $p or die; print $fh "<q>"; close $fh; action_rebuild()');
	like slurp("$dir/NEWBODY"), qr/\n\n<q>/, 'no change is too small or too soon';
	($reply, $dir) = scan('', 'my ($i) = $entity->parts(2); $i->preamble(["other\n"]); action_rebuild()');
	like slurp("$dir/NEWBODY"), qr/boundary=i\n\nother\n\n--i\n/, 'another preamble';
	($reply, $dir) = scan('', 'my ($i) = $entity->parts(2); $i->head->mime_attr("content-type.boundary" => "j"); action_rebuild()');
	like slurp("$dir/NEWBODY"), qr/--j\nContent-Type: text\/html\n\n<p>\n--j--\n/, 'another boundary';
	($reply, $dir) = scan('', 'my @p = $entity->parts; $entity->parts([ reverse @p ]); action_rebuild()');
	is slurp("$dir/NEWBODY"), join('', map { "--o\n$raw{$_}\n" } qw(inner data text)) . "--o--\n", 'another order';
	($reply, $dir) = scan('', '$leaves[1]->head->mime_attr("content-transfer-encoding" => "quoted-printable"); action_rebuild()');
	like slurp("$dir/NEWBODY"), qr/=00=01=02=03/, 'another encoding';
};

# Parts below, at and above what gathers in memory before it is written, some copied and one printed by MIME::Entity.
subtest 'large parts' => sub {
	my %part = map { $_ => "Content-Type: text/plain; name=$_\n\n" . ("$_ of many lines\n" x (1 + $_ / 16)) } 10, 40_000, 60_000, 70_000, 300_000;
	my @order = (10, 60_000, 40_000, 300_000, 10, 70_000, 40_000);
	my $text = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n" . join('', map { "--o\n$part{$_}\n" } @order) . "--o--\n";
	for my $printed ([], [2], [1, 4]) {
		my $name = 'printed: ' . (join(' and ', @$printed) || 'none');
		my $change = join '; ', map { "open my \$fh$_, '>>', \$leaves[$_]->bodyhandle->path or die; print {\$fh$_} qq(new\n); close \$fh$_" } @$printed;
		my ($reply, $dir) = scan('', "\$leaves[0]->head->add('X-A', 'b'); $change; action_rebuild()", $text);
		is $reply, 'ok', $name;
		my $body = slurp("$dir/NEWBODY");
		is scalar(() = $body =~ /^new\n/mg), @$printed, "$name: what is new";
		is $body =~ s/^new\n//mgr =~ s/^X-A: b\n//mr, join('', map { "--o\n$part{$_}\n" } @order) . "--o--\n", "$name: all in its order";
	}
};

subtest 'a new body that cannot be written' => sub {
	my %case = (
		'a folder' => ['mkdir "NEWBODY"; action_rebuild()', 'Is a directory'],
		'a full disk' => ['symlink "/dev/full", "NEWBODY"; action_rebuild()', 'No space left on device'],
		'a full disk, printed' => ['symlink "/dev/full", "NEWBODY"; open my $fh, ">", $leaves[0]->bodyhandle->path or die; print $fh "new\n" x 1e5; close $fh; '
			. 'action_rebuild()', 'No space left on device'],
	);
	for my $name (sort keys %case) {
		my ($code, $error) = @{ $case{$name} };
		my ($reply) = scan('', $code);
		like $reply, qr/^error: cannot write the new body: \Q$error\E/, $name;
	}
};

subtest 'afterwards' => sub {
	my $worker = Defang::Worker->start("our \$kept;\nsub filter_begin { my \$e = shift; if (\$kept) { eval { \$kept->parts(0)->bodyhandle->path; 1 } "
		. "and action_add_header('X', 'path'); action_add_header('Y', \$kept->parts(0)->bodyhandle->as_string) } \$kept = \$e }\n1;\n");
	my $first = $worker->message($message, 'S<a@b>');
	is +($worker->scan($first))[0], 'ok', 'a filter that keeps the message';
	system 'rm', '-rf', $first;
	my (undef, @results) = $worker->scan($worker->message($message, 'S<a@b>'));
	like "@results", qr/HY caf%C3%A9%20=/, 'can read it';
	unlike "@results", qr/HX path/, 'but has no files of it';
	$worker->scan($worker->message($message, 'S<a@b>')) for 1 .. 5;
	my $fds = () = glob "/proc/$worker->{pid}/fd/*";
	$worker->scan($worker->message($message, 'S<a@b>')) for 1 .. 20;
	is scalar(() = glob "/proc/$worker->{pid}/fd/*"), $fds, 'no descriptor is lost';
	is $worker->stop, 0, 'ends well';
};

done_testing;
