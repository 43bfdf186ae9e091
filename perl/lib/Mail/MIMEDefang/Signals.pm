package Mail::MIMEDefang::Signals;

# Signal handlers: putting back those that a filter has left changed, and the slow log. Called by the C host (src/worker/perlstate.c,
# deadline.c). Not for filters.
use strict;
use warnings;
use Mail::MIMEDefang;

my $max_frames = 30;
my %noted;

# What is set now is meant to stay.
sub note {
	%noted = map { defined $SIG{$_} ? ($_ => $SIG{$_}) : () } keys %SIG;
	return;
}

sub restore {
	for my $name (keys %SIG) {
		my ($is, $was) = ($SIG{$name}, $noted{$name});
		next if ($is // 'DEFAULT') eq ($was // 'DEFAULT');
		if (defined $was) { $SIG{$name} = $was } else { delete $SIG{$name} }
	}
	$SIG{$_} //= $noted{$_} for keys %noted; # such as the filter has deleted
	return;
}

# The signal comes once a request, when half of its time is over.
sub watch_time {
	$SIG{RTMIN} = \&on_half;
	return;
}

sub on_half {
	local ($@, $!, $?);
	my $limit = Mail::MIMEDefang::time_limit();
	md_syslog('warning', sprintf 'slow: %.1f of %.1f seconds are over: %s', $limit - md_time_left(), $limit, trace(2)); # Perl calls it within an eval
	return;
}

# Where the program stands, innermost first, in one line: `main::f at FILE line N`. Without arguments: they may be anybody's mail.
sub trace {
	my ($depth) = @_;
	my @frames;
	while (my (undef, $file, $line) = caller $depth++) {
		my $function = (caller $depth)[3] // 'main';
		last if $function =~ /^Mail::MIMEDefang::(?:Scan|Check)::/ && @frames; # from here on it is always the same
		push @frames, "$function at $file line $line";
		last if @frames >= $max_frames;
	}
	return join ', called by ', @frames;
}

1;
