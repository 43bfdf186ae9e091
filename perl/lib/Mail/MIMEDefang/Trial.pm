package Mail::MIMEDefang::Trial;

# `-test`: whether a filter's functions exist, and what it does with a few messages of every kind, before any mail meets it; and
# `-structure`: what a message consists of. Not for filters.
use strict;
use warnings;
use Cwd ();
use File::Temp ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Body ();
use Mail::MIMEDefang::Calls;
use Mail::MIMEDefang::Check;
use Mail::MIMEDefang::Scan;
use Mail::MIMEDefang::Sendmail;

my $head = "From: Alice <alice\@example.org>\nTo: Bob <bob\@example.com>\nSubject: Sample\nDate: Sat, 21 Nov 2026 10:00:00 +0100\n"
	. "Message-ID: <sample\@example.org>\nMIME-Version: 1.0\n";

sub multipart {
	my ($kind, @parts) = @_;
	return $head . "Content-Type: multipart/$kind; boundary=\"part\"\n\n" . join('', map { "--part\n$_\n" } @parts) . "--part--\n";
}

sub attachment {
	my ($type, $name, $base64) = @_;
	return "Content-Type: $type; name=\"$name\"\nContent-Disposition: attachment; filename=\"$name\"\nContent-Transfer-Encoding: base64\n\n$base64\n";
}

my $text = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9fe\n";
my @samples = (
	['a plain text', "${head}\nHello,\n\nthis is a sample.\n"],
	['a text with an HTML alternative', multipart('alternative', $text, "Content-Type: text/html; charset=utf-8\n\n<html><body><p>Hello</p></body></html>\n")],
	['a document attached', multipart('mixed', $text, attachment('application/pdf', 'report.pdf', 'JVBERi0xLjQKJSVFT0YK'))],
	['a program attached', multipart('mixed', $text, attachment('application/octet-stream', 'setup.exe', 'TVqQAAMAAAAEAAAA'))],
	['a name in another character set', multipart('mixed', $text, attachment('application/zip', '=?utf-8?Q?B=C3=BCcher=2Ezip?=', 'UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=='))],
	['a message in a message', multipart('mixed', $text, "Content-Type: message/rfc822\n\nFrom: c\@example.net\nSubject: inner\n\ninner\n")],
	['a report to the empty sender', multipart('report', $text, "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n"), '<>'],
	['a broken multipart', "${head}Content-Type: multipart/mixed; boundary=\"none\"\n\nno part begins here\n"],
	['no body', $head],
);

# What is wrong with the filter at `path`: a text of lines, empty if nothing is.
sub test {
	my ($path) = @_;
	my @problems = map { "$path line $_->[1]: function $_->[0] does not exist" } Mail::MIMEDefang::Calls::undefined_calls(file_of($path));
	push @problems, run_samples() unless @problems;
	return join '', map { "$_\n" } @problems;
}

# The name that the code of the filter bears.
sub file_of { my ($path) = @_; return $path =~ m{^\.{0,2}/} ? $path : "./$path" }

# The filter must not notice, and must not do anything to anybody: mail goes nowhere, quarantine is thrown away.
sub run_samples {
	my $back = Cwd::getcwd();
	my $folder = File::Temp->newdir('mimedefang-test-XXXXXX', TMPDIR => 1);
	local $Mail::MIMEDefang::Sendmail::DryRun = \&print_nowhere;
	local $Features{'Path:QUARANTINEDIR'} = "$folder/quarantine";
	mkdir "$folder/quarantine" && chdir $folder or return "cannot use $folder: $!";
	my @problems = complaint('filter_initialize', sub { Mail::MIMEDefang::Worker::initialize(); '' });
	@problems = (ask_all("$folder"), map { run_sample("$folder", $_, @{ $samples[$_] }) } 0 .. $#samples) unless @problems;
	push @problems, complaint('filter_cleanup', sub { Mail::MIMEDefang::Worker::cleanup(); '' }) unless @problems;
	chdir $back;
	return @problems;
}

# In place of sendmail: the message is made, and goes nowhere.
sub print_nowhere {
	my ($write) = @_;
	open my $fh, '>', '/dev/null' or return 0;
	return $write->($fh) ? 1 : 0;
}

# Nothing, or what went wrong.
sub complaint {
	my ($what, $do) = @_;
	my $reply = eval { $do->() } // "died: $@";
	$reply = "died: $@" if $@;
	$reply =~ s/\s+\z//;
	return $reply =~ /\A(?:error:|died:)/ ? "$what: $reply" : ();
}

sub ask_all {
	my ($folder) = @_;
	make_folder($folder, "$folder/mdefang-ask", $samples[0][1], '<alice@example.org>');
	my @client = ('192.0.2.1', 'client.example.org');
	return (
		complaint('filter_relay', sub { Mail::MIMEDefang::Check::answer_relayok(@client, 25, '192.0.2.2', 25, 'NOQUEUE') }),
		complaint('filter_helo', sub { Mail::MIMEDefang::Check::answer_helook(@client, 'client', 25, '192.0.2.2', 25, 'NOQUEUE') }),
		complaint('filter_sender', sub { Mail::MIMEDefang::Check::answer_senderok('<alice@example.org>', @client, 'client', "$folder/mdefang-ask", 'NOQUEUE') }),
		complaint('filter_recipient', sub {
			Mail::MIMEDefang::Check::answer_recipok('<bob@example.com>', '<alice@example.org>', @client, '<bob@example.com>', 'client',
				"$folder/mdefang-ask", 'NOQUEUE', 'local', '?', 'bob') }),
	);
}

sub run_sample {
	my ($folder, $n, $name, $message, $sender) = @_;
	my $dir = "$folder/mdefang-$n";
	make_folder($folder, $dir, $message, $sender // '<alice@example.org>');
	return complaint("sample message ($name)", sub { Mail::MIMEDefang::Scan::answer_scan('NOQUEUE', $dir) });
}

sub make_folder {
	my ($folder, $dir, $message, $sender) = @_;
	my ($header) = $message =~ /\A(.*?\n)(?:\n|\z)/s;
	my $commands = "iAAAAA00\nS$sender\n=i NOQUEUE\nHclient.example.org\nI192.0.2.1\nEclient\nR<bob\@example.com> local ? bob\nUSample\nX<sample\@example.org>\nF\n";
	mkdir $dir or die "$dir: $!\n";
	write_file("$dir/INPUTMSG", $message);
	write_file("$dir/HEADERS", $header);
	write_file("$dir/COMMANDS", $commands);
	return;
}

sub write_file {
	my ($path, $content) = @_;
	open my $fh, '>', $path or die "$path: $!\n";
	print $fh $content;
	close $fh or die "$path: $!\n";
	return;
}

# --- The structure of a message ------------------------------------------------------------------------------------------------

# A line for each part.
sub structure {
	my ($path) = @_;
	my $folder = File::Temp->newdir('mimedefang-test-XXXXXX', TMPDIR => 1);
	my ($entity, $fault) = Mail::MIMEDefang::parse_message($path, "$folder", 0, Mail::MIMEDefang::Scan::limits());
	die "$path: " . ($fault // $!) . "\n" unless $entity;
	return describe($entity, 0);
}

sub describe {
	my ($part, $depth) = @_;
	my ($type, $name) = Mail::MIMEDefang::part_facts($part);
	$type //= $part->mime_type;
	my $line = '  ' x $depth . $type;
	$line .= ' (taken for ' . $part->effective_type . ')' if $part->effective_type ne $type;
	$line .= ' "' . printable($name) . '"' if defined $name && length $name;
	$line .= ', ' . $part->head->mime_encoding . ', ' . length($part->bodyhandle->as_string) . ' bytes' if $part->bodyhandle;
	return join '', printable($line) . "\n", map { describe($_, $depth + 1) } $part->parts;
}

# A terminal is not to be written to by the sender of a message.
sub printable { my ($s) = @_; $s =~ s/[\x00-\x1f\x7f]/?/g; return $s }

1;
