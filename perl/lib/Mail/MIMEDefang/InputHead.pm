package Mail::MIMEDefang::InputHead;

# The head of INPUTMSG changed in place, for the actions that end in _now. HEADERS stays what the mail server has, since the numbers of
# fields in RESULTS are its. Each function: 1, or 0 with a line in the log. Not for filters.
use strict;
use warnings;
use Mail::MIMEDefang;
use Mail::MIMEDefang::Utils;

# A whole field; a line of the value that is not one of a folded field would be read as the next field, or as the end of the head.
sub field {
	my ($name, $value) = @_;
	$value = Mail::MIMEDefang::bytes_of($value) =~ s/\r//gr;
	$value =~ s/\n+\z//;
	$value =~ s/\n+(?![ \t])/\n\t/g;
	return "$name: $value\n";
}

# A number of at least $least; what is none, or less, counts as $least, as in RESULTS.
sub number {
	my ($text, $least) = @_;
	return ($text // '') =~ /\A[0-9]{1,9}\z/ && $text > $least ? $text : $least;
}

# Where the fields of a name stand.
sub places {
	my ($fields, $name) = @_;
	return grep { $fields->[$_] =~ /^\Q$name\E[ \t]*:/i } 0 .. $#$fields;
}

sub add {
	my ($name, $value) = @_;
	return edit(sub { push @{ $_[0] }, field($name, $value) });
}

sub insert {
	my ($name, $value, $text) = @_;
	my $position = number($text, 0);
	return edit(sub {
		my ($fields) = @_;
		splice @$fields, $position < @$fields ? $position : scalar @$fields, 0, field($name, $value);
	});
}

# The field of that number among those of its name; there is none: it is added.
sub change {
	my ($name, $value, $text) = @_;
	my $index = number($text, 1);
	return edit(sub {
		my ($fields) = @_;
		my @places = places($fields, $name);
		$fields->[$index <= @places ? $places[$index - 1] : scalar @$fields] = field($name, $value);
	});
}

sub remove {
	my ($name, $text) = @_;
	my $index = number($text, 1);
	return edit(sub {
		my ($fields) = @_;
		my @places = places($fields, $name);
		splice @$fields, $places[$index - 1], 1 if $index <= @places;
	});
}

sub remove_all {
	my ($name) = @_;
	return edit(sub {
		my ($fields) = @_;
		splice @$fields, $_, 1 for reverse places($fields, $name);
	});
}

# Write the message anew beside the old one, then put it in its place.
sub edit {
	my ($change) = @_;
	my ($from, $to) = ("$CWD/INPUTMSG", "$CWD/INPUTMSG.new");
	my ($in, $out);
	local ($, , $\); # the filter's own are for what it prints
	if (open($in, '<', $from) && open($out, '>', $to)) {
		binmode $_ for $in, $out;
		my ($fields, $rest) = read_head($in);
		$change->($fields);
		return 1 if print({$out} @$fields, $rest) && Mail::MIMEDefang::Utils::copy_handle($in, $out) && close($out) && rename $to, $from;
	}
	md_syslog('err', "cannot change INPUTMSG: $!");
	return 0;
}

# The fields, each with its folded lines, and the line that ends them.
sub read_head {
	my ($in) = @_;
	local $/ = "\n";
	my (@fields, $line);
	while (defined($line = <$in>) && $line =~ /[^\r\n]/) {
		if ($line =~ /^[ \t]/ && @fields) {
			$fields[-1] .= $line;
		} else {
			push @fields, $line;
		}
	}
	$fields[-1] .= "\n" if @fields && $fields[-1] !~ /\n\z/;
	return (\@fields, $line // '');
}

1;
