package Mail::MIMEDefang::ScanDaemons;

# Virus scanners that are daemons. Each scan_* takes a path (a file, or a folder with all files in it) and the place of the socket, and
# returns [category, exit code, virus name, all that was said]. Only clamd has been met for real: the protocols of the others are what is
# generally known of them. An answer that is not understood is an error, never `ok`. Not for filters.
use strict;
use warnings;
use File::Find ();
use Mail::MIMEDefang::Dialog;

our $Patience = 300; # seconds for a conversation; the controller's limit is what ends a scan
my $chunk = 256 * 1024; # bytes of a stream sent at a time

sub unreachable { return ['cannot-execute', 999, '', $_[0]] }

# The files under a path, as a list.
sub files_in {
	my ($path) = @_;
	my @files;
	File::Find::find({ no_chdir => 1, wanted => sub { push @files, $_ if -f } }, $path);
	return sort @files;
}

# --- clamd: clamd(8) ---------------------------------------------------------------------------------------------------------------

# It is asked to read the files itself; when it is not allowed to, or is another machine, they are sent to it.
sub scan_clamd {
	my ($path, $where) = @_;
	my $pong = Mail::MIMEDefang::Dialog::ask($where, $Patience, "PING\n") // '';
	return unreachable("clamd at $where does not answer") unless $pong =~ /^PONG/;
	if (Mail::MIMEDefang::Dialog::is_local($where)) {
		my $answer = Mail::MIMEDefang::Dialog::ask($where, $Patience, "SCAN $path\n");
		return clamd_result($answer) unless defined $answer && clamd_cannot_read($answer);
	}
	my $said = '';
	for my $file (files_in($path)) {
		my $answer = clamd_stream($file, $where);
		$said .= $answer // '';
		my $result = clamd_result($answer);
		return [@$result[0 .. 2], $said] if $result->[0] ne 'ok';
	}
	return ['ok', 0, '', $said];
}

# It has no right to the folder, or does not see it (another root, another name space).
sub clamd_cannot_read {
	my ($answer) = @_;
	return $answer =~ /(?:Permission denied|Access denied|No such file or directory|lstat\(\) failed|Can't (?:open|access)|File path check failure)[^\n]*ERROR$/m;
}

sub clamd_result {
	my ($answer) = @_;
	return ['swerr', 999, '', ''] unless defined $answer && length $answer;
	return ['virus', 1, $1, $answer] if $answer =~ /: (\S.*?) FOUND\s*$/m;
	return ['ok', 0, '', $answer] if $answer =~ /: OK\s*$/m && $answer !~ /ERROR\s*$/m;
	return ['swerr', 2, '', $answer];
}

# INSTREAM: pieces with their length in front, an empty one ends it.
sub clamd_stream {
	my ($file, $where) = @_;
	open my $in, '<', $file or return undef;
	binmode $in;
	my $socket = Mail::MIMEDefang::Dialog::connect_to($where, $Patience) or return undef;
	my $alive = Mail::MIMEDefang::Dialog::say_to($socket, "nINSTREAM\n");
	while ($alive && read $in, my $block, $chunk) {
		$alive = Mail::MIMEDefang::Dialog::say_to($socket, pack 'N/a*', $block);
	}
	# Above its limit it answers and closes in the middle: the answer is there all the same.
	Mail::MIMEDefang::Dialog::say_to($socket, pack 'N', 0) if $alive;
	return Mail::MIMEDefang::Dialog::hear_all($socket);
}

# --- sophie, trophie: a path; "1:NAME", "0" or "-1:.." -------------------------------------------------------------------------------

sub scan_sophie {
	my ($path, $where) = @_;
	my $answer = Mail::MIMEDefang::Dialog::ask($where, $Patience, "$path\n");
	return unreachable("no answer at $where") unless defined $answer;
	return ['virus', 1, $1, $answer] if $answer =~ /^1:?(.*)$/m;
	return ['ok', 0, '', $answer] if $answer =~ /^0\s*$/m;
	return ['swerr', 999, '', $answer];
}

sub scan_trophie { return scan_sophie(@_) }

# --- F-PROT's daemon up to version 5: HTTP, answers in XML ---------------------------------------------------------------------------

# It listens at the first port that is free of a few.
sub scan_fprotd {
	my ($path, $where) = @_;
	my $answer = Mail::MIMEDefang::Dialog::ask($where, $Patience, 'GET ' . $path . "?-dumb%20-archive%20-packed HTTP/1.0\r\n\r\n");
	return unreachable("no answer of fprotd at $where") unless defined $answer && length $answer;
	my ($name) = $answer =~ m{<name>(.*?)</name>}i;
	return ['virus', 1, $name // 'unknown', $answer] if $answer =~ m{<summary[^>]*>\s*infected\s*</summary>}i;
	return ['ok', 0, '', $answer] if $answer =~ m{<summary[^>]*>\s*clean\s*</summary>}i;
	return ['suspicious', 8, '', $answer] if $answer =~ m{<summary[^>]*>\s*suspicious\s*</summary>}i;
	return ['swerr', 999, '', $answer];
}

# --- F-PROT's daemon version 6: a line "CODE <text> path" for each file, the codes those of fpscan -----------------------------------

sub scan_fprotd_v6 {
	my ($path, $where) = @_;
	my $said = '';
	my $worst = ['ok', 0, ''];
	for my $file (files_in($path)) {
		my $socket = Mail::MIMEDefang::Dialog::connect_to($where, $Patience) or return unreachable("no fpscand at $where");
		Mail::MIMEDefang::Dialog::say_to($socket, "SCAN --archive=5 FILE $file\nQUIT\n") or return unreachable("no answer of fpscand at $where");
		my $line = Mail::MIMEDefang::Dialog::hear_line($socket) // return unreachable("no answer of fpscand at $where");
		$said .= "$line\n";
		my ($code, $text) = $line =~ /^([0-9]{1,3}) <(.*?)>/ or return ['swerr', 999, '', $said];
		my $category = Mail::MIMEDefang::Scanners::category_of('fpscan', $code);
		my ($name) = $text =~ /(?:infected|suspicion|suspicious)[^:]*: *(.+)/;
		return ['virus', $code, $name // $text, $said] if $category eq 'virus';
		$worst = [$category, $code, $name // ''] if $category ne 'ok';
	}
	return [@$worst, $said];
}

# --- Symantec CarrierScan Server, its protocol version 2 -----------------------------------------------------------------------------

# $where is host:port:local, and it reads the files, or host:port:nonlocal, and they are sent to it.
sub scan_carrier_scan {
	my ($path, $where) = @_;
	my ($place, $local) = $where =~ /^(.+:\d+)(?::(local|nonlocal))?\z/ or return unreachable("no host and port: $where");
	my $said = '';
	for my $file (files_in($path)) {
		my $result = carrier_scan_file($file, $place, ($local // 'local') eq 'local');
		$said .= $result->[3];
		return [@$result[0 .. 2], $said] if $result->[0] ne 'ok';
	}
	return ['ok', 0, '', $said];
}

# Greeting 220 and the version; then 230, the number of infections, and for each of them: file, virus, number, what was done.
sub carrier_scan_file {
	my ($file, $where, $local) = @_;
	my $socket = Mail::MIMEDefang::Dialog::connect_to($where, $Patience) or return unreachable("no CarrierScan at $where");
	my @greeting = map { Mail::MIMEDefang::Dialog::hear_line($socket) // '' } 1 .. 2;
	return unreachable("no greeting of CarrierScan at $where") unless $greeting[0] =~ /^220/ && $greeting[1] =~ /^2\b/;
	my $question = carrier_scan_question($file, $local) // return ['swerr', 999, '', ''];
	Mail::MIMEDefang::Dialog::say_to($socket, @$question) or return unreachable("no answer of CarrierScan at $where");
	my $answer = Mail::MIMEDefang::Dialog::hear_line($socket) // '';
	my $count = Mail::MIMEDefang::Dialog::hear_line($socket) // '';
	return ['swerr', $answer =~ /^(\d+)/ ? $1 : 999, '', "$answer\n"] unless $answer =~ /^230/ && $count =~ /^\d+\z/;
	return ['ok', 0, '', "$answer\n"] if $count == 0;
	my (undef, $name) = map { Mail::MIMEDefang::Dialog::hear_line($socket) // '' } 1 .. 2;
	return ['virus', 1, $name, "$answer\n$file: $name\n"];
}

sub carrier_scan_question {
	my ($file, $local) = @_;
	return ["Version2\nAVSCANLOCAL\n$file\n"] if $local;
	open my $in, '<', $file or return undef;
	binmode $in;
	my $bytes = do { local $/; <$in> };
	my ($name) = $file =~ m{([^/]*)\z};
	return ["Version2\nAVSCAN\n$name\n" . length($bytes) . "\n", $bytes];
}

1;
