package Mail::MIMEDefang::TLS;

# How mail to a domain is to be encrypted, as the domain says: MTA-STS (RFC 8461) and DANE (RFC 7672). Filters load this with `use`.
use strict;
use warnings;
use Digest::SHA ();
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::Net;

our @EXPORT = qw(md_check_mta_sts md_verify_sts_mx md_check_dane_tlsa md_verify_dane_cert);

my $max_policy = 65536; # bytes of a policy, the least that RFC 8461 wants to be read

# --- MTA-STS -------------------------------------------------------------------------------------------------------------------------

# A reference to a hash: id, version, mode (enforce, testing, none), max_age, mx (a reference to a list of patterns); undef when the domain
# has no policy, or it cannot be had within $timeout seconds.
sub md_check_mta_sts {
	my ($domain, $timeout) = @_;
	return undef unless ($domain // '') =~ /\A[A-Za-z0-9.-]+\z/; # it goes into a URL
	my $resolver = Mail::MIMEDefang::Net::resolver('md_check_mta_sts') or return undef;
	my ($id) = (md_dns_txt($resolver, "_mta-sts.$domain", qr/^v=STSv1\s*;/) // '') =~ /;\s*id=([A-Za-z0-9]{1,32})\s*(?:;|\z)/ or return undef;
	my $text = fetch("https://mta-sts.$domain/.well-known/mta-sts.txt", $timeout // 10) // return undef;
	my $policy = policy_parse($text) or return undef;
	return { %$policy, id => $id };
}

# Redirections are not followed, the certificate must be good: the policy's worth is the authority of the one who says it.
sub fetch {
	my ($url, $timeout) = @_;
	return undef unless Mail::MIMEDefang::needs_module('IO::Socket::SSL', 'md_check_mta_sts');
	require HTTP::Tiny;
	my $response = HTTP::Tiny->new(timeout => $timeout, verify_SSL => 1, max_redirect => 0, max_size => $max_policy)->get($url);
	return $response->{content} if $response->{status} == 200;
	md_syslog('info', "md_check_mta_sts: $url: $response->{status} $response->{reason}");
	return undef;
}

# The text of a policy; undef when it is none.
sub policy_parse {
	my ($text) = @_;
	my %policy = (mx => []);
	for (split /\r?\n/, $text) {
		my ($key, $value) = /^\s*+(\w+)\s*+:\s*+(.*\S|)\s*\z/ or next; # not .*?: blanks would cost their square
		if ($key eq 'mx') {
			push @{ $policy{mx} }, lc $value;
		} else {
			$policy{$key} //= $value;
		}
	}
	return undef unless ($policy{version} // '') eq 'STSv1' && ($policy{mode} // '') =~ /^(?:enforce|testing|none)\z/ && ($policy{max_age} // '') =~ /^\d{1,10}\z/;
	return undef if $policy{mode} ne 'none' && !@{ $policy{mx} };
	return \%policy;
}

# Whether a mail exchanger is one of the policy. `*.` stands for one label.
sub md_verify_sts_mx {
	my ($mx, $policy) = @_;
	return 0 unless $policy;
	$mx = lc $mx =~ s/\.\z//r;
	for my $pattern (@{ $policy->{mx} }) {
		my $suffix = $pattern =~ /^\*(\..+)\z/ ? $1 : undef;
		return 1 if defined $suffix ? $mx =~ /^[^.]+\Q$suffix\E\z/ : $mx eq $pattern;
	}
	return 0;
}

# --- DANE ----------------------------------------------------------------------------------------------------------------------------

# A reference to a list of TLSA records of a host's port, each { usage, selector, matching, data (in hex), secure }; undef when there are
# none. secure: the resolver has verified the answer (DNSSEC); what it has not, says nothing.
sub md_check_dane_tlsa {
	my ($domain, $port) = @_;
	$domain //= '';
	my $resolver = Mail::MIMEDefang::Net::resolver('md_check_dane_tlsa') or return undef;
	$resolver->dnssec(1);
	$resolver->adflag(1);
	my $packet = $resolver->send('_' . ($port // 25) . "._tcp.$domain", 'TLSA') or return undef;
	my $secure = $packet->header->ad ? 1 : 0;
	my @found = map { { usage => $_->usage, selector => $_->selector, matching => $_->matchingtype, data => lc $_->cert, secure => $secure } }
		grep { $_->type eq 'TLSA' } $packet->answer;
	return @found ? \@found : undef;
}

# Whether a certificate (DER) is one that the records mean: usages 1 (PKIX-EE) and 3 (DANE-EE), which speak of the server's own.
sub md_verify_dane_cert {
	my ($der, $tlsa) = @_;
	for my $record (grep { $_->{usage} == 1 || $_->{usage} == 3 } @{ $tlsa // [] }) {
		my $bytes = $record->{selector} == 0 ? $der : public_key($der);
		next unless defined $bytes;
		my %form = (0 => sub { unpack 'H*', $_[0] }, 1 => \&Digest::SHA::sha256_hex, 2 => \&Digest::SHA::sha512_hex);
		my $hex = $form{ $record->{matching} } or next;
		return 1 if $hex->($bytes) eq lc $record->{data};
	}
	return 0;
}

# The SubjectPublicKeyInfo of a certificate, or undef. It is the seventh field of the certificate's body, the sixth without a version.
sub public_key {
	my ($der) = @_;
	my $certificate = der_read(\$der, 0) or return undef;
	my $body = der_read(\$der, $certificate->{at}) or return undef;
	my $at = $body->{at};
	my $field = der_read(\$der, $at) or return undef;
	my $skip = $field->{tag} == 0xa0 ? 6 : 5;
	for (1 .. $skip) {
		$at = $field->{end};
		$field = der_read(\$der, $at) or return undef;
	}
	return $field->{tag} == 0x30 && $field->{end} <= $body->{end} ? substr $der, $at, $field->{end} - $at : undef;
}

# The element at an offset: { tag, at (its content), end }; undef when it does not fit.
sub der_read {
	my ($der, $offset) = @_;
	return undef if length $$der < $offset + 2;
	my ($tag, $length) = unpack 'CC', substr $$der, $offset, 2;
	my $at = $offset + 2;
	if ($length & 0x80) {
		my $n = $length & 0x7f;
		return undef if $n < 1 || $n > 4 || length $$der < $at + $n;
		$length = unpack 'N', substr "\0\0\0\0" . substr($$der, $at, $n), -4;
		$at += $n;
	}
	return $at + $length <= length $$der ? { tag => $tag, at => $at, end => $at + $length } : undef;
}

1;
