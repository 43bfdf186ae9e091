package Mail::MIMEDefang::Utils;

# Attachment names, inside archives too; and small things about files, times and the message at hand.
use strict;
use warnings;
use Exporter 'import';
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);
use IO::Handle ();
use POSIX ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::MIME;

our @EXPORT = qw(
	re_match re_match_ext re_match_in_zip_directory re_match_in_rar_directory re_match_in_7zip_directory re_match_in_7z_directory
	re_match_in_tgz_directory copy_or_link synthesize_received_header md_copy_orig_msg_to_work_dir_as_mbox_file
	time_str hour_str read_results
);
our @EXPORT_OK = qw(gen_mx_id);

# Every name that a reader of the part might show or save it under: a bad one in Content-Type must be seen even when
# Content-Disposition has a harmless one.
sub names_of {
	my ($entity) = @_;
	my $head = $entity->head;
	my @names;
	for my $attribute (qw(content-disposition.filename content-type.name)) {
		my ($tag) = $attribute =~ /^([^.]+)/;
		next unless ($head->get($tag) // '') =~ /name/i;
		my $name = $head->mime_attr($attribute);
		push @names, $name if defined $name && length $name;
	}
	@names = takeStabAtFilename($entity) unless @names;
	return map { decoded($_) } @names;
}

sub decoded {
	my ($name) = @_;
	return $name unless $name =~ /=\?|[^\x00-\x7f]/;
	my $text = (supported MIME::WordDecoder 'UTF-8')->decode($name);
	utf8::encode($text) if utf8::is_utf8($text);
	return $text;
}

# The ending with its dot, or ''.
sub extension_of {
	my ($name) = @_;
	return $name =~ /(\.[^.]*)\z/ ? $1 : '';
}

# A filter's pattern, in any case. In brackets: an empty one would mean to Perl the last that has matched anywhere.
sub pattern_of {
	my ($text) = @_;
	$text //= '';
	return qr/(?:$text)/i;
}

sub re_match {
	my ($entity, $text) = @_;
	my $pattern = pattern_of($text);
	return grep({ $_ =~ $pattern } names_of($entity)) ? 1 : 0;
}

sub re_match_ext {
	my ($entity, $text) = @_;
	my $pattern = pattern_of($text);
	return grep({ extension_of($_) =~ $pattern } names_of($entity)) ? 1 : 0;
}

# --- In archives: whether a member has such a name. A file that is no such archive has no members --------------------------------

sub re_match_in_zip_directory {
	my ($path, $text) = @_;
	my $pattern = pattern_of($text);
	return 0 unless Mail::MIMEDefang::needs_module('Archive::Zip', 're_match_in_zip_directory');
	return grep({ $_ =~ $pattern } names_in_zip($path)) ? 1 : 0;
}

sub names_in_zip {
	my ($path) = @_;
	local ($@, $SIG{__DIE__});
	local $Archive::Zip::ErrorHandler = sub { }; # it would print
	return eval {
		my $zip = Archive::Zip->new;
		$zip->read($path) == Archive::Zip::AZ_OK() ? map({ $_->fileName } $zip->members) : ();
	};
}

# Archives that a program lists: the feature that names it, the words behind it, and what of a line is a name.
my %lister = (
	rar => { feature => 'unrar', args => [qw(vb -p- --)], name => qr/^(.+)\z/ },
	'7zip' => { feature => '7zip', args => [qw(l -slt -ba -p --)], name => qr/^Path = (.+)\z/ },
	tgz => { feature => 'tar', args => [qw(--list --gzip --force-local --quoting-style=escape --file)], name => qr/^(.+)\z/ },
);

sub re_match_in_listing {
	my ($kind, $path, $text) = @_;
	my $pattern = pattern_of($text);
	my $lister = $lister{$kind};
	my $program = $Features{ $lister->{feature} };
	if (!$program) {
		md_syslog('err', "re_match_in_${kind}_directory needs a program: \$Features{'$lister->{feature}'} is not set");
		return 0;
	}
	$path = "./$path" unless $path =~ m{^/};
	return has_line(sub { $_[0] =~ $lister->{name} && $1 =~ $pattern }, $program, @{ $lister->{args} }, $path);
}

my $max_line = 65536; # bytes of a line that are looked at: more than any name has

# Whether a line of what a command says on its standard output passes the test; what it says on standard error is of no account.
sub has_line {
	my ($test, @command) = @_;
	local $SIG{CHLD} = 'DEFAULT'; # it is waited for here
	my $fh = start_quietly(@command) or return 0;
	my ($found, $rest, $block) = (0, '');
	while (!$found && read $fh, $block, $max_line) {
		my @lines = split /\n/, $rest . $block, -1;
		$rest = substr pop @lines, 0, $max_line;
		$found = grep { $test->($_) } @lines;
	}
	$found ||= $test->($rest);
	close $fh;
	return $found ? 1 : 0;
}

# A handle to read from a command; undef, with a line in the log, when it cannot be run.
sub start_quietly {
	my (@command) = @_;
	open my $saved, '>&', \*STDERR or return;
	open STDERR, '>', '/dev/null' or return;
	no warnings 'exec'; # we tell it ourselves
	my $pid = open my $fh, '-|', @command;
	my $error = $!;
	open STDERR, '>&', $saved or die "cannot put standard error back: $!\n";
	if (!$pid) {
		md_syslog('err', "cannot run $command[0]: $error");
		return undef;
	}
	return $fh;
}

sub re_match_in_rar_directory { return re_match_in_listing('rar', @_) }
sub re_match_in_7zip_directory { return re_match_in_listing('7zip', @_) }
sub re_match_in_7z_directory { return re_match_in_listing('7zip', @_) }
sub re_match_in_tgz_directory { return re_match_in_listing('tgz', @_) }

# --- Files ---------------------------------------------------------------------------------------------------------------------

# All that is left to read. 1, or 0 with $! set. Either may be an object that only has the methods of a handle.
sub copy_handle {
	my ($from, $to) = @_;
	my ($block, $n);
	local ($, , $\); # the filter's own are for what it prints
	while ($n = $from->read($block, 65536)) {
		$to->print($block) or return 0;
	}
	return defined $n ? 1 : 0;
}

# A second name for the file, or when that cannot be (another file system), a copy in place of what has the name. That may be the file
# itself, from an earlier call: then all is done, and writing to it would destroy it.
sub copy_or_link {
	my ($from, $to) = map { $_ // '' } @_[0, 1];
	return 1 if link($from, $to) || is_same_file($from, $to);
	my $new = "$to.new-$$-" . gen_mx_id();
	my ($in, $out);
	if (open($in, '<', $from) && sysopen($out, $new, O_WRONLY | O_CREAT | O_EXCL)) {
		binmode $_ for $in, $out;
		return 1 if copy_handle($in, $out) && close($out) && rename $new, $to;
	}
	md_syslog('err', "copy_or_link: $from to $to: $!");
	unlink $new if $out;
	return 0;
}

sub is_same_file {
	my ($one, $other) = map { join ' ', (stat)[0, 1] } @_;
	return length $one && $one eq $other;
}

sub save_body {
	my ($body, $path) = @_;
	my $in = $body->open('r') or return 0;
	open my $out, '>', $path or return 0;
	binmode $out;
	return copy_handle($in, $out) && close $out;
}

# SHA1 in hex of a body with $salt in front.
sub digest_name {
	my ($body, $salt) = @_;
	require Digest::SHA;
	my $sha = Digest::SHA->new(1);
	$sha->add($salt);
	my $in = $body->open('r') or die "cannot read the body: $!\n";
	my $block;
	$sha->add($block) while $in->read($block, 65536);
	return $sha->hexdigest;
}

# Put a body into a folder, on disk, for others to read; what has the same name has the same content. Dies when it cannot.
sub publish {
	my ($folder, $name, $body) = @_;
	return if -e "$folder/$name";
	my $in = $body->open('r') or die "cannot read the body: $!\n";
	return publish_by($folder, $name, sub { copy_handle($in, $_[0]) });
}

sub publish_text {
	my ($folder, $name) = @_;
	my $text = Mail::MIMEDefang::bytes_of($_[2]);
	return publish_by($folder, $name, sub { print { $_[0] } $text });
}

# Under another name until it is whole: others may look at any time. They may read it whatever the worker's umask is.
sub publish_by {
	my ($folder, $name, $write) = @_;
	my $path = "$folder/.new-$$-" . gen_mx_id();
	sysopen my $fh, $path, O_WRONLY | O_CREAT | O_EXCL, 0644 or die "$path: $!\n";
	binmode $fh;
	local ($, , $\); # the filter's own are for what it prints
	if (!($write->($fh) && $fh->flush && chmod(0644, $fh) && $fh->sync && close($fh) && rename $path, "$folder/$name")) {
		my $error = $!;
		unlink $path;
		die "$folder/$name: $error\n";
	}
	Mail::MIMEDefang::Quarantine::sync_folder($folder);
	return;
}

# Seven letters and digits that no other message of this machine has for some time. Not secret.
sub gen_mx_id {
	my @letters = ('0' .. '9', 'A' .. 'Z', 'a' .. 'x');
	my $number = (time * 1000 + $$ % 1000 + int rand 1000) % (@letters**7);
	my $id = '';
	for (1 .. 7) {
		$id = $letters[$number % @letters] . $id;
		$number = int($number / @letters);
	}
	return $id;
}

# --- Times ---------------------------------------------------------------------------------------------------------------------

sub time_str { return POSIX::strftime('%Y-%m-%d-%H.%M.%S', localtime) }
sub hour_str { return POSIX::strftime('%Y-%m-%d-%H', localtime) }

# --- The message at hand -------------------------------------------------------------------------------------------------------

# For programs that expect a mailbox.
sub md_copy_orig_msg_to_work_dir_as_mbox_file {
	return 0 unless in_message_context('md_copy_orig_msg_to_work_dir_as_mbox_file');
	my $sender = ($Sender // '') =~ s/^<(.*)>\z/$1/r =~ s/\s//gr;
	my ($in, $out);
	if (open($in, '<', "$CWD/INPUTMSG") && open($out, '>', "$CWD/Work/INPUTMBOX")) {
		binmode $_ for $in, $out;
		local ($, , $\); # the filter's own are for what it prints
		my $date = POSIX::asctime(localtime); # in English, with its newline
		return 1 if print({$out} 'From ', length $sender ? $sender : 'MAILER-DAEMON', " $date") && copy_handle($in, $out) && close $out;
	}
	md_syslog('err', "md_copy_orig_msg_to_work_dir_as_mbox_file: $!");
	return 0;
}

# The field that the mail server is about to add, in Sendmail's form, as far as we know it.
sub synthesize_received_header {
	my %said = (helo => $Helo, name => $RealRelayHostname // $RelayHostname, ip => $RealRelayAddr // $RelayAddr, sender => $Sender);
	$_ = ($_ // '') =~ s/[^!-~]/?/gr for values %said;
	my $ip = $said{ip} =~ /:/ ? "[IPv6:$said{ip}]" : "[$said{ip}]";
	my $from = $said{name} eq '' || $said{name} =~ /^\[/ ? $ip : "$said{name} $ip";
	my $us = $SendmailMacros{j} // get_host_name();
	my $protocol = $SendmailMacros{r} // 'SMTP';
	my $authenticated = $SendmailMacros{auth_type} ? ' (authenticated bits=0)' : '';
	my $for = @Recipients == 1 ? "\n\tfor " . $Recipients[0] =~ s/[^ -~]/?/gr : '';
	return "Received: from $said{helo} ($from)$authenticated\n\tby $us (envelope-sender $said{sender}) (MIMEDefang) with $protocol id "
		. "$QueueID$for; " . Mail::MIMEDefang::RFC2822::rfc2822_date() . "\n";
}

# The lines of RESULTS so far, each as [letter, arguments ..].
sub read_results {
	open my $fh, '<', "$CWD/RESULTS" or return;
	local $/ = "\n";
	my @lines;
	while (my $line = <$fh>) {
		chomp $line;
		my ($letter, @args) = (substr($line, 0, 1), split / /, substr $line, 1);
		push @lines, [$letter, map { percent_decode($_) } @args];
	}
	return @lines;
}

1;
