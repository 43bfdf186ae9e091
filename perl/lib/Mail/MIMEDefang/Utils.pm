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

sub re_match {
	my ($entity, $pattern) = @_;
	return grep({ /$pattern/i } names_of($entity)) ? 1 : 0;
}

sub re_match_ext {
	my ($entity, $pattern) = @_;
	return grep({ extension_of($_) =~ /$pattern/i } names_of($entity)) ? 1 : 0;
}

# --- In archives: whether a member has such a name. A file that is no such archive has no members --------------------------------

sub re_match_in_zip_directory {
	my ($path, $pattern) = @_;
	return 0 unless Mail::MIMEDefang::needs_module('Archive::Zip', 're_match_in_zip_directory');
	Archive::Zip::setErrorHandler(sub { }); # it would print
	my $zip = Archive::Zip->new;
	return 0 unless $zip->read($path) == Archive::Zip::AZ_OK();
	return grep({ $_->fileName =~ /$pattern/i } $zip->members) ? 1 : 0;
}

# Archives that a program lists: the feature that names it, the words behind it, and what of a line is a name.
my %lister = (
	rar => { feature => 'unrar', args => [qw(vb -p- --)], name => qr/^(.+)\z/ },
	'7zip' => { feature => '7zip', args => [qw(l -slt -ba -p --)], name => qr/^Path = (.+)\z/ },
	tgz => { feature => 'tar', args => [qw(--list --gzip --force-local --quoting-style=escape --file)], name => qr/^(.+)\z/ },
);

sub re_match_in_listing {
	my ($kind, $path, $pattern) = @_;
	my $lister = $lister{$kind};
	my $program = $Features{ $lister->{feature} };
	if (!$program) {
		md_syslog('err', "re_match_in_${kind}_directory needs a program: \$Features{'$lister->{feature}'} is not set");
		return 0;
	}
	$path = "./$path" unless $path =~ m{^/};
	for my $line (lines_of($program, @{ $lister->{args} }, $path)) {
		return 1 if $line =~ $lister->{name} && $1 =~ /$pattern/i;
	}
	return 0;
}

# What a command says on its standard output; what it says on standard error is of no account.
sub lines_of {
	my (@command) = @_;
	open my $saved, '>&', \*STDERR or return;
	open STDERR, '>', '/dev/null' or return;
	my $pid = open my $fh, '-|', @command;
	my $error = $!;
	open STDERR, '>&', $saved or die "cannot put standard error back: $!\n";
	if (!$pid) {
		md_syslog('err', "cannot run $command[0]: $error");
		return;
	}
	local $/ = "\n";
	chomp(my @lines = <$fh>);
	close $fh;
	return @lines;
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
	while ($n = $from->read($block, 65536)) {
		$to->print($block) or return 0;
	}
	return defined $n ? 1 : 0;
}

# A second name for the file, or when that cannot be (another file system), a copy.
sub copy_or_link {
	my ($from, $to) = @_;
	return 1 if link $from, $to;
	my ($in, $out);
	if (open($in, '<', $from) && open($out, '>', $to)) {
		binmode $_ for $in, $out;
		return 1 if copy_handle($in, $out) && close $out;
	}
	md_syslog('err', "copy_or_link: $from to $to: $!");
	return 0;
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
	$sha->add($salt) if defined $salt;
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
	my ($folder, $name, $text) = @_;
	utf8::encode($text) if utf8::is_utf8($text);
	return publish_by($folder, $name, sub { print { $_[0] } $text });
}

# Under another name until it is whole: others may look at any time.
sub publish_by {
	my ($folder, $name, $write) = @_;
	my $path = "$folder/.new-$$-" . gen_mx_id();
	sysopen my $fh, $path, O_WRONLY | O_CREAT | O_EXCL, 0644 or die "$path: $!\n";
	binmode $fh;
	$write->($fh) && $fh->flush && $fh->sync && close($fh) && rename($path, "$folder/$name") or die "$folder/$name: $!\n";
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
	my $for = @Recipients == 1 ? "\n\tfor $Recipients[0]" : '';
	$for =~ s/[^\n\t -~]/?/g;
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
