package Mail::MIMEDefang::Sendmail;

# The one place that starts sendmail: `$Features{'Path:SENDMAIL'}`, without a shell. Not for filters.
use strict;
use warnings;
use Mail::MIMEDefang qw(md_syslog %Features);

# In a trial of a filter: takes $write in place of sendmail.
our $DryRun;

my %is_mode = map { $_ => 1 } qw(-odb -odq -odd -odi);

# Give a message to sendmail. $write->($fh) prints it. How: from (envelope sender), name (full name, may be missing), mode (-odd and
# the like; anything else is -odd), rcpts. 1, or 0 with a line in the log.
sub submit {
	my ($write, %how) = @_;
	return $DryRun->($write) if $DryRun;
	my @command = command(%how);
	local $SIG{CHLD} = 'DEFAULT'; # or a filter that ignores its children would never know how one ended
	no warnings 'exec'; # we tell it ourselves
	my $pid = open my $fh, '|-', @command;
	if (!$pid) {
		md_syslog('err', "cannot run $command[0]: $!");
		return 0;
	}
	local $SIG{PIPE} = 'IGNORE';
	local ($, , $\); # the filter's own are for what it prints
	binmode $fh;
	my $written = $write->($fh);
	my $closed = close $fh;
	return 1 if $written && $closed;
	# -1: it had ended before the last of it was written, and over that Perl forgets its status.
	md_syslog('err', "$command[0]: " . ($? > 0 ? sprintf 'status %d, signal %d', $? >> 8, $? & 127 : "cannot write to it: $!"));
	return 0;
}

# The words of the command line. `-f` of an address in angle brackets is the address; of the empty one, the brackets.
sub command {
	my (%how) = @_;
	my $from = bare($how{from} // '');
	my $mode = defined $how{mode} && $is_mode{ $how{mode} } ? $how{mode} : '-odd';
	my $full_name = Mail::MIMEDefang::bytes_of($how{name}) =~ s/[\x00-\x1f\x7f]+/ /gr;
	my @name = length $full_name ? "-F$full_name" : ();
	return ($Features{'Path:SENDMAIL'}, '-f' . (length $from ? $from : '<>'), @name, $mode, '-Ac', '-oi', '--',
		map { bare($_) } @{ $how{rcpts} });
}

# An address as bytes, without its brackets, and without control bytes, which none has.
sub bare {
	my ($address) = @_;
	return Mail::MIMEDefang::bytes_of($address) =~ s/[\x00-\x1f\x7f]//gr =~ s/^<(.*)>\z/$1/sr;
}

1;
