package Mail::MIMEDefang::RFC2822;

# Dates and identifiers as RFC 5322 (before it 2822) wants them.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang qw(get_host_name $CachedTimezone $QueueID);

our @EXPORT = qw(gen_date_msgid_headers);
our @EXPORT_OK = qw(rfc2822_date header_timezone gen_msgid_header);

# Fields in English, whatever the locale.
my @days = qw(Sun Mon Tue Wed Thu Fri Sat);
my @months = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);

# "+0100" for a time, by default now.
sub header_timezone {
	my ($when) = @_;
	$when //= time;
	my @local = localtime $when;
	my @utc = gmtime $when;
	my $day = $local[5] <=> $utc[5] || $local[7] <=> $utc[7];
	my $minutes = $day * 1440 + ($local[2] - $utc[2]) * 60 + $local[1] - $utc[1];
	return $CachedTimezone = sprintf '%s%02d%02d', $minutes < 0 ? '-' : '+', int(abs($minutes) / 60), abs($minutes) % 60;
}

# "Sat, 21 Nov 2026 07:10:00 +0000" for a time, by default now.
sub rfc2822_date {
	my ($when) = @_;
	$when //= time;
	my ($second, $minute, $hour, $day, $month, $year, $weekday) = localtime $when;
	return sprintf '%s, %d %s %04d %02d:%02d:%02d %s', $days[$weekday], $day, $months[$month], $year + 1900, $hour, $minute, $second,
		header_timezone($when);
}

my $serial = 0;

# A whole field with its line end.
sub gen_msgid_header {
	my $name = defined $QueueID && $QueueID =~ /^\w+\z/ && $QueueID ne 'NOQUEUE' ? $QueueID : $$;
	return sprintf "Message-ID: <%d.%s.%d@%s>\n", time, $name, ++$serial, get_host_name();
}

# Two fields with their line ends.
sub gen_date_msgid_headers {
	return 'Date: ' . rfc2822_date() . "\n" . gen_msgid_header();
}

1;
