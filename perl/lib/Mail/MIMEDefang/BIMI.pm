package Mail::MIMEDefang::BIMI;

# The sign that a domain wants to be shown by (BIMI): its record in the DNS, and whether it may be. Signs and certificates themselves are
# not looked at. Filters load this with `use`.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::Net;

our @EXPORT = qw(md_bimi_lookup md_bimi_verify md_bimi_get_selector);

# What the message asks for in BIMI-Selector, or `default`.
sub md_bimi_get_selector {
	my ($entity) = @_;
	my $field = $entity ? $entity->head->get('BIMI-Selector', 0) // '' : '';
	my %tag = tags($field);
	return ($tag{v} // '') eq 'BIMI1' && ($tag{s} // '') =~ /^([A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)\z/ ? $1 : 'default';
}

# "a=1; b=2" as a hash.
sub tags {
	my ($text) = @_;
	return map { /^\s*+([A-Za-z]+)\s*+=\s*+(.*\S|)\s*\z/s ? (lc $1 => $2) : () } split /;/, $text; # not .*?: blanks would cost their square
}

# A reference to a hash: record, version, location (of the sign), authority (of the certificate), domain, selector; undef when there is
# no record.
sub md_bimi_lookup {
	my ($domain, $selector) = @_;
	$domain //= '';
	$selector //= 'default';
	my $resolver = Mail::MIMEDefang::Net::resolver('md_bimi_lookup') or return undef;
	my $record = md_dns_txt($resolver, "$selector._bimi.$domain", qr/^v\s*=\s*BIMI1\b/) // return undef;
	my %tag = tags($record);
	return { record => $record, version => $tag{v}, location => $tag{l} // '', authority => $tag{a} // '', domain => $domain, selector => $selector };
}

# `pass`: the message keeps a strict policy (its DMARC result, and that of the domain, are handed in), and there is a sign to be had
# over https. Else `fail`.
sub md_bimi_verify {
	my ($domain, $dmarc, $policy, $selector) = @_;
	return 'fail' unless ($dmarc // '') eq 'pass' && ($policy // '') =~ /^(?:quarantine|reject)\z/;
	my $found = md_bimi_lookup($domain, $selector) or return 'fail';
	return $found->{location} =~ m{^https://}i ? 'pass' : 'fail';
}

1;
