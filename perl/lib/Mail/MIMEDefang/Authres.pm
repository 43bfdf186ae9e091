package Mail::MIMEDefang::Authres;

# The Authentication-Results header (RFC 8601) of the message at hand, written by Mail::AuthenticationResults. Filters load this with
# `use`.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::BIMI;
use Mail::MIMEDefang::DKIM;
use Mail::MIMEDefang::SPF;

our @EXPORT = qw(md_authres);

# The header's value, or undef. With a domain for BIMI, that of the author: its result too, if its DMARC policy is kept and strict.
sub md_authres {
	my ($address, $ip, $server, $helo, $bimi_domain) = @_;
	local ($@, $SIG{__DIE__});
	return undef unless in_message_context('md_authres');
	return undef unless Mail::MIMEDefang::needs_module('Mail::AuthenticationResults', 'md_authres');
	require Mail::AuthenticationResults::Header;
	require "Mail/AuthenticationResults/Header/$_.pm" for qw(AuthServID Entry SubEntry Comment);
	my $bare = ($address // '') =~ s/^<(.*)>\z/$1/r;
	my $dkim = dkim_result();
	my $spf = md_spf_verify($address, $ip, $helo);
	my $header = Mail::AuthenticationResults::Header->new;
	$header->set_value(Mail::AuthenticationResults::Header::AuthServID->new->safe_set_value($server));
	$header->add_child(entry('dkim', $dkim->{code}, 'header.d' => $dkim->{domain}, 'header.b' => $dkim->{b})) if $dkim;
	$header->add_child(entry('spf', $spf->{code}, $bare eq '' ? ('smtp.helo' => $helo) : ('smtp.mailfrom' => $bare))) if $spf;
	my $bimi = defined $bimi_domain && $dkim && $spf ? bimi_result($bimi_domain, $bare, $ip, $dkim, $spf) : undef;
	$header->add_child(entry('bimi', $bimi, 'header.d' => $bimi_domain)) if defined $bimi;
	return $header->as_string =~ s/\r//gr;
}

sub entry {
	my ($key, $value, @properties) = @_;
	my $entry = Mail::AuthenticationResults::Header::Entry->new->set_key($key)->safe_set_value($value);
	while (my ($name, $text) = splice @properties, 0, 2) {
		next unless defined $text && length $text;
		$entry->add_child(Mail::AuthenticationResults::Header::SubEntry->new->set_key($name)->safe_set_value($text));
	}
	return $entry;
}

# The first letters of a signature tell which one is meant (RFC 6008).
sub dkim_result {
	my ($code, $domain, undef, $b) = md_dkim_verify();
	return undef unless defined $code;
	return { code => $code eq 'invalid' ? 'permerror' : $code, domain => $domain, b => defined $b ? substr $b, 0, 8 : undef };
}

# undef when DMARC says nothing of the domain: Mail::DMARC dies on names that it does not like.
sub bimi_result {
	my ($domain, $sender, $ip, $dkim, $spf) = @_;
	return undef unless Mail::MIMEDefang::needs_module('Mail::DMARC::PurePerl', 'md_authres');
	my ($result, $policy) = eval { dmarc_result($domain, $sender =~ /\@([^@]+)\z/, $ip, $dkim, $spf) };
	return undef unless defined $result && $result eq 'pass' && $policy =~ /^(?:quarantine|reject)\z/;
	return md_bimi_verify($domain, 'pass', $policy);
}

# (result, policy)
sub dmarc_result {
	my ($domain, $sender_domain, $ip, $dkim, $spf) = @_;
	my $dmarc = Mail::DMARC::PurePerl->new;
	$dmarc->source_ip($ip);
	$dmarc->header_from($domain);
	$dmarc->envelope_from($sender_domain);
	$dmarc->dkim([{ domain => $dkim->{domain}, result => $dkim->{code}, selector => 'any' }]) if defined $dkim->{domain};
	$dmarc->spf([{ domain => $sender_domain, scope => 'mfrom', result => $spf->{code} }]);
	my $result = $dmarc->validate;
	return ($result->result, $result->published->p);
}

1;
