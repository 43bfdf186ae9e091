package Mail::MIMEDefang::Greylist;

# Greylisting: a client that is not known has to come again, as mail servers do. State is in a table of the filter's own database:
#	greylist(sender_host_ip, sender, recipient, first_received, last_received, known_ip)
# with times in seconds since 1970. known_ip is the client's address once it has proved itself. Behind action_greylist().
use strict;
use warnings;
use Mail::MIMEDefang;

my $known_for = 31 * 86400; # seconds since a known client was last seen

my $row = 'sender_host_ip = ? AND sender = ? AND recipient = ?';

# `continue`, `tempfail`, or `reject` for one that comes back later than $max seconds after its first attempt: its next one counts as
# the first. Dies with the database's error.
sub judge {
	my ($now, $dbh, $sender, $recipient, $ip, $min, $max) = @_;
	local $dbh->{RaiseError} = 1;
	$min //= 300;
	$max //= 14400;
	my @key = ($ip, map { lc s/^<(.*)>\z/$1/r } $sender, $recipient);
	if (is_known($dbh, $now, $ip)) {
		$dbh->do('UPDATE greylist SET last_received = ? WHERE known_ip = ?', undef, $now, $ip);
		return 'continue';
	}
	my ($first) = $dbh->selectrow_array("SELECT first_received FROM greylist WHERE $row", undef, @key);
	return first_attempt($dbh, $now, @key) unless defined $first;
	my $age = $now - $first;
	if ($age > $max) {
		$dbh->do("DELETE FROM greylist WHERE $row", undef, @key);
		return 'reject';
	}
	my $known = $age >= $min ? $ip : undef;
	$dbh->do("UPDATE greylist SET last_received = ?, known_ip = ? WHERE $row", undef, $now, $known, @key);
	return defined $known ? 'continue' : 'tempfail';
}

sub is_known {
	my ($dbh, $now, $ip) = @_;
	my ($seen) = $dbh->selectrow_array('SELECT MAX(last_received) FROM greylist WHERE known_ip = ?', undef, $ip);
	return defined $seen && $now - $seen <= $known_for;
}

sub first_attempt {
	my ($dbh, $now, @key) = @_;
	$dbh->do('INSERT INTO greylist (sender_host_ip, sender, recipient, first_received, last_received) VALUES (?, ?, ?, ?, ?)', undef,
		@key, $now, $now);
	return 'tempfail';
}

1;
