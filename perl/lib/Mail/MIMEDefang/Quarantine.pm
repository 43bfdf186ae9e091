package Mail::MIMEDefang::Quarantine;

# Parts and messages kept for the administrator: FOLDER/YYYY-MM-DD-HH/qdir-YYYY-MM-DD-HH.MM.SS-NNN/, one qdir a message. What is said
# to be kept is on disk: each file is synced, then each folder that got a new entry. No name is taken from the message. Not for filters.
use strict;
use warnings;
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);
use IO::Handle ();
use Mail::MIMEDefang;
use Mail::MIMEDefang::Utils;

# Messages of one second.
my $max_in_second = 999;

# This message's folder, made and filled with what is known of the message on the first call; '' with a line in the log when it cannot
# be made.
sub folder {
	return $QuarantineSubdir if defined $QuarantineSubdir;
	return attempt(sub {
		my $dir = make_folder($Features{'Path:QUARANTINEDIR'});
		write_file($dir, 'SENDER', text_writer(($Sender // '') . "\n"));
		write_file($dir, 'SENDMAIL-QID', text_writer("$QueueID\n"));
		write_file($dir, 'RECIPIENTS', text_writer(join '', map { "$_\n" } @Recipients));
		write_file($dir, 'HEADERS', file_writer("$CWD/HEADERS"));
		sync_folder($dir);
		$QuarantineSubdir = $dir;
	}) || '';
}

# A part, and why. True when it is on disk.
sub keep_part {
	my ($entity, $reason) = @_;
	my $dir = folder() or return 0;
	my $n = $QuarantineCount + 1;
	return attempt(sub {
		write_file($dir, "PART.$n.HEADERS", sub { $entity->head->print($_[0]) });
		write_file($dir, "PART.$n.BODY", sub { write_body($entity, $_[0]) });
		write_file($dir, "MSG.$n", text_writer($reason // ''));
		sync_folder($dir);
		$QuarantineCount = $n;
	});
}

# The message as it came, and why. True when it is on disk.
sub keep_message {
	my ($reason) = @_;
	my $dir = folder() or return 0;
	return attempt(sub {
		write_file($dir, 'ENTIRE_MESSAGE', file_writer("$CWD/INPUTMSG"));
		write_file($dir, 'MSG.0', text_writer($reason // ''));
		sync_folder($dir);
		$EntireMessageQuarantined = 1;
	});
}

# What the filter does with a message that it could not keep may be to throw it away: such a message is tried again later, whatever the
# filter decides (Scan.pm).
sub attempt {
	my ($what) = @_;
	local ($@, $SIG{__DIE__});
	my $value = eval { $what->() };
	return $value if $value;
	$Mail::MIMEDefang::QuarantineFailed = 1;
	chomp(my $error = $@ || 'failed');
	md_syslog('err', "quarantine: $error");
	return 0;
}

# --- On disk: all of these die when they cannot --------------------------------------------------------------------------------

sub make_folder {
	my ($base) = @_;
	my $hour = "$base/" . hour_str();
	mkdir $hour, 0750 or $!{EEXIST} or die "$hour: $!\n";
	my $stem = "$hour/qdir-" . time_str();
	for my $n (1 .. $max_in_second) {
		my $dir = sprintf '%s-%03d', $stem, $n;
		if (mkdir $dir, 0750) {
			sync_folder($hour);
			sync_folder($base);
			return $dir;
		}
		die "$dir: $!\n" unless $!{EEXIST};
	}
	die "$stem: too many in one second\n";
}

sub write_file {
	my ($dir, $name, $write) = @_;
	sysopen my $fh, "$dir/$name", O_WRONLY | O_CREAT | O_EXCL, 0640 or die "$dir/$name: $!\n";
	binmode $fh;
	local ($, , $\); # the filter's own are for what it prints
	$write->($fh);
	$fh->flush && !$fh->error && $fh->sync && close $fh or die "$dir/$name: $!\n";
	return;
}

sub sync_folder {
	my ($dir) = @_;
	open my $fh, '<', $dir or die "$dir: $!\n";
	$fh->sync or die "$dir: $!\n";
	close $fh;
	return 1;
}

sub text_writer {
	my $text = Mail::MIMEDefang::bytes_of($_[0]);
	return sub { print { $_[0] } $text or die "$!\n" };
}

sub file_writer {
	my ($path) = @_;
	return sub {
		open my $in, '<', $path or die "$path: $!\n";
		binmode $in;
		Mail::MIMEDefang::Utils::copy_handle($in, $_[0]) or die "$path: $!\n";
	};
}

# A leaf's body decoded; of anything else, as it stands in the message.
sub write_body {
	my ($entity, $fh) = @_;
	my $body = $entity->bodyhandle;
	return $entity->print_body($fh) unless $body;
	my $in = $body->open('r') or die "cannot read the body: $!\n";
	Mail::MIMEDefang::Utils::copy_handle($in, $fh) or die "cannot copy the body: $!\n";
	return;
}

1;
