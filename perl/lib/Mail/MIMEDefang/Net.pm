package Mail::MIMEDefang::Net;

# Addresses, and questions to the DNS: block lists, mail exchangers, TXT records. Functions that take a resolver make one of their own
# (Net::DNS) when they get none; each question then takes at most some ten seconds, and a function that asks several ends soon after
# $Patience. What is asked about may come from anybody: what cannot be a name, of which Net::DNS dies, does not exist.
use strict;
use warnings;
use Exporter 'import';
use IO::Select ();
use Socket qw(AF_INET AF_INET6 inet_ntop inet_pton);
use Time::HiRes ();
use Mail::MIMEDefang;

our @EXPORT = qw(
	expand_ipv6_address reverse_ip_address_for_rbl is_public_ip4_address is_public_ip6_address
	relay_is_blacklisted relay_is_blacklisted_multi relay_is_blacklisted_multi_count relay_is_blacklisted_multi_list
	email_is_blacklisted get_mx_ip_addresses md_get_bogus_mx_hosts md_get_dmarc_record md_dns_txt
);
our @EXPORT_OK = qw(get_ptr_record);

our $Patience = 20; # seconds after which a function asks no further question
my $max_exchangers = 20; # of a domain that are looked at
my $max_climb = 8; # names that are asked for a policy: as many as in the tree walk of DMARC's successor

# --- Addresses -----------------------------------------------------------------------------------------------------------------

# The bytes of an address, or undef: what is no address may be anything, even characters, of which inet_pton() dies.
sub packed {
	my ($family, $text) = @_;
	return defined $text && $text =~ /\A[0-9A-Fa-f:.]+\z/ ? inet_pton($family, $text) : undef;
}

# All eight groups with all their digits, in lower case. What is no address stays as it is.
sub expand_ipv6_address {
	my ($address) = @_;
	my $bytes = packed(AF_INET6, $address);
	return defined $bytes ? join ':', unpack '(H4)8', $bytes : $address;
}

# "192.0.2.1" is "1.2.0.192"; of IPv6 each digit is a label. undef for what is no address.
sub reverse_ip_address_for_rbl {
	my ($address) = @_;
	my $v4 = packed(AF_INET, $address);
	return join '.', reverse unpack 'C4', $v4 if defined $v4;
	my $bytes = packed(AF_INET6, $address);
	return defined $bytes ? join '.', reverse split //, unpack 'H32', $bytes : undef;
}

# Networks that are nobody's on the public net (the registries of RFC 6890 and its successors, and multicast).
my @special4 = map { network(AF_INET, $_) } qw(
	0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16
	198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
);
my @special6 = map { network(AF_INET6, $_) } qw(::/127 ::ffff:0:0/96 100::/64 2001:db8::/32 fc00::/7 fe80::/10 ff00::/8);

# The bits of a network's addresses.
sub network {
	my ($family, $text) = @_;
	my ($address, $n) = split m{/}, $text;
	return substr unpack('B*', inet_pton($family, $address)), 0, $n;
}

sub is_in {
	my ($family, $address, @networks) = @_;
	my $bits = unpack 'B*', inet_pton($family, $address);
	return grep({ index($bits, $_) == 0 } @networks) ? 1 : 0;
}

sub is_public_ip4_address {
	my ($address) = @_;
	return 0 unless defined packed(AF_INET, $address);
	return is_in(AF_INET, $address, @special4) ? 0 : 1;
}

sub is_public_ip6_address {
	my ($address) = @_;
	return 0 unless defined packed(AF_INET6, $address);
	return is_in(AF_INET6, $address, @special6) ? 0 : 1;
}

# --- The resolver --------------------------------------------------------------------------------------------------------------

# One with limits; undef, with a line in the log, when there is no Net::DNS.
sub resolver {
	my ($function) = @_;
	return undef unless Mail::MIMEDefang::needs_module('Net::DNS', $function);
	my $resolver = Net::DNS::Resolver->new;
	$resolver->defnames(0);
	$resolver->udp_timeout(10);
	$resolver->tcp_timeout(10);
	# The time of one question is retrans * (2 ** retry - 1) seconds; as Net::DNS has them, 75.
	$resolver->retry(2) if $resolver->retry > 2;
	$resolver->retrans(3) if $resolver->retrans > 3;
	return $resolver;
}

# Whether the DNS can be asked for it.
sub is_name {
	my ($text) = @_;
	return defined $text && length $text <= 254 && $text =~ /\A(?:[!-\-\/-\[\]-~]{1,63}\.)*[!-\-\/-\[\]-~]{1,63}\.?\z/;
}

# The records of a type in the answer; the empty list when there is none, or no answer.
sub records {
	my ($resolver, $name, $type) = @_;
	return unless is_name($name);
	my $packet = $resolver->send($name, $type) or return;
	return grep { $_->type eq $type } $packet->answer;
}

sub addresses {
	my ($resolver, @names) = @_;
	my $end = Time::HiRes::time() + $Patience;
	my @found;
	for my $name (@names) {
		last if Time::HiRes::time() >= $end;
		push @found, map { $_->address } map { records($resolver, $name, $_) } 'A', 'AAAA';
	}
	return @found;
}

# --- Block lists ---------------------------------------------------------------------------------------------------------------

# 0, or the address that the list answers with.
sub listed {
	my ($name, $function) = @_;
	return 0 unless is_name($name);
	my $resolver = resolver($function) or return 0;
	my ($found) = map { $_->address } records($resolver, $name, 'A');
	return $found // 0;
}

sub relay_is_blacklisted {
	my ($ip, $zone) = @_;
	my $reversed = reverse_ip_address_for_rbl($ip) // return 0;
	return listed("$reversed." . ($zone // ''), 'relay_is_blacklisted');
}

# Lists of hashed mail addresses; $hash is MD5 or SHA1.
sub email_is_blacklisted {
	my ($address, $zone, $hash) = @_;
	my $digest = email_hash($address, $hash) // return 0;
	return listed("$digest." . ($zone // ''), 'email_is_blacklisted');
}

sub email_hash {
	my ($address, $hash) = @_;
	$address = Mail::MIMEDefang::bytes_of(lc(($address // '') =~ s/^<(.*)>\z/$1/r));
	$hash //= '';
	if (uc $hash eq 'MD5') {
		require Digest::MD5;
		return Digest::MD5::md5_hex($address);
	}
	if (uc $hash eq 'SHA1') {
		require Digest::SHA;
		return Digest::SHA::sha1_hex($address);
	}
	md_syslog('err', "email_is_blacklisted: unknown hash $hash");
	return undef;
}

# Ask all lists at once: a reference to a hash zone => NXDOMAIN, SERVFAIL, or a reference to the addresses. Ends after $timeout seconds,
# or as soon as $wanted lists have it (0: never earlier); a list that has not answered by then is SERVFAIL.
sub relay_is_blacklisted_multi {
	my ($ip, $timeout, $wanted, $zones, $resolver) = @_;
	my %answer = map { $_ => 'SERVFAIL' } @$zones;
	my $reversed = reverse_ip_address_for_rbl($ip);
	$resolver //= resolver('relay_is_blacklisted_multi');
	return \%answer unless $resolver && defined $reversed;
	push_status_tag('Doing RBL Lookup');
	ask_in_parallel($resolver, $timeout, [map { [$_, "$reversed.$_", 'A'] } keys %answer], sub {
		my ($zone, $packet) = @_;
		$answer{$zone} = rbl_answer($packet);
		return ref $answer{$zone} && $wanted && --$wanted == 0;
	});
	pop_status_tag();
	return \%answer;
}

sub rbl_answer {
	my ($packet) = @_;
	my $code = $packet->header->rcode;
	return 'SERVFAIL' unless $code eq 'NOERROR' || $code eq 'NXDOMAIN';
	my @found = map { $_->address } grep { $_->type eq 'A' } $packet->answer;
	return @found ? \@found : 'NXDOMAIN';
}

# Send questions, each [KEY, NAME, TYPE], and call $on_answer->(KEY, PACKET) for each that is answered within $timeout seconds, until
# it says that it has enough.
sub ask_in_parallel {
	my ($resolver, $timeout, $questions, $on_answer) = @_;
	my $end = Time::HiRes::time() + $timeout;
	my $select = IO::Select->new;
	my %key;
	for my $question (@$questions) {
		my ($key, @question) = @$question;
		next unless is_name($question[0]);
		my $handle = $resolver->bgsend(@question) or next;
		$key{$handle} = $key;
		$select->add($handle);
	}
	while ($select->count && (my $left = $end - Time::HiRes::time()) > 0) {
		for my $handle ($select->can_read($left)) {
			next if $resolver->bgbusy($handle);
			$select->remove($handle);
			my $packet = $resolver->bgread($handle) or next;
			return if $on_answer->($key{$handle}, $packet);
		}
	}
	return;
}

# The zones that have it.
sub relay_is_blacklisted_multi_list {
	my ($ip, $timeout, $wanted, $zones, $resolver) = @_;
	my $answer = relay_is_blacklisted_multi($ip, $timeout, $wanted, $zones, $resolver);
	return grep { ref $answer->{$_} } @$zones;
}

sub relay_is_blacklisted_multi_count {
	my @zones = relay_is_blacklisted_multi_list(@_);
	return scalar @zones;
}

# --- Hosts ---------------------------------------------------------------------------------------------------------------------

# Addresses of the domain's mail exchangers; without exchangers, its own. A domain that says that it takes no mail (RFC 7505) has none.
sub get_mx_ip_addresses {
	my ($domain, $resolver) = @_;
	$resolver //= resolver('get_mx_ip_addresses') or return;
	my @exchangers = sort { $a->preference <=> $b->preference } records($resolver, $domain, 'MX');
	return addresses($resolver, $domain) unless @exchangers;
	my @names = grep { $_ ne '' && $_ ne '.' } map { $_->exchange } @exchangers;
	splice @names, $max_exchangers if @names > $max_exchangers;
	# An exchanger must be a name, but some write an address.
	return (grep({ defined packed(AF_INET, $_) } @names), addresses($resolver, grep { !defined packed(AF_INET, $_) } @names));
}

# Those of them that cannot be reached from the public net.
sub md_get_bogus_mx_hosts {
	my ($domain) = @_;
	return grep { /:/ ? !is_public_ip6_address($_) : !is_public_ip4_address($_) } get_mx_ip_addresses($domain);
}

# The name of an address, or undef.
sub get_ptr_record {
	my ($ip, $resolver) = @_;
	my $reversed = reverse_ip_address_for_rbl($ip) // return undef;
	$resolver //= resolver('get_ptr_record') or return undef;
	my ($record) = records($resolver, $reversed . ($ip =~ /:/ ? '.ip6.arpa' : '.in-addr.arpa'), 'PTR');
	return $record ? $record->ptrdname : undef;
}

# --- TXT records ---------------------------------------------------------------------------------------------------------------

# The first, or the first that matches; undef when there is none.
sub md_dns_txt {
	my ($resolver, $name, $pattern) = @_;
	$resolver //= resolver('md_dns_txt') or return undef;
	my ($found) = grep { !defined $pattern || /$pattern/ } map { scalar join '', $_->txtdata } records($resolver, $name, 'TXT');
	return $found;
}

# The policy of a domain, or of the next one above it that has one.
sub md_get_dmarc_record {
	my ($domain) = @_;
	my $resolver = resolver('md_get_dmarc_record') or return undef;
	my $end = Time::HiRes::time() + $Patience;
	my @labels = split /\./, ($domain // '') =~ s/\.\z//r;
	for (my $n = 0; @labels >= 2 && Time::HiRes::time() < $end; shift @labels) {
		splice @labels, 0, @labels - $max_climb + 1 if ++$n == 2 && @labels >= $max_climb; # of a long name, the upper end
		my $record = md_dns_txt($resolver, join('.', '_dmarc', @labels), qr/^v=DMARC1\b/i);
		return $record if defined $record;
	}
	return undef;
}

1;
