package Mail::MIMEDefang::DKIM::ARC;

# ARC seals of the message at hand, made by Mail::DKIM. Filters load this with `use`.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::DKIM ();

our @EXPORT = qw(md_arc_sign);

# A hash of headers to be added; or only `error` and the reason. The message must have an Authentication-Results header of $srvid.
sub md_arc_sign {
	my ($key, $algorithm, $chain, $domain, $srvid, $selector, $headers) = @_;
	return (error => 'not in a message') unless in_message_context('md_arc_sign');
	local ($@, $SIG{__DIE__});
	return (error => 'needs Mail::DKIM') unless Mail::MIMEDefang::needs_module('Mail::DKIM::ARC::Signer', 'md_arc_sign');
	my $signer = eval {
		my $s = Mail::DKIM::ARC::Signer->new(
			Algorithm => $algorithm // 'rsa-sha256',
			Chain => $chain // 'ar',
			Domain => $domain,
			SrvId => $srvid // $domain,
			Selector => $selector // 'default',
			KeyFile => $key,
			defined $headers ? (Headers => $headers) : (),
		);
		Mail::MIMEDefang::DKIM::feed($s);
		$s;
	};
	return (error => $@ =~ s/\s+\z//r) unless $signer;
	return (error => $signer->{details} // $signer->result) unless $signer->result eq 'sealed';
	return map { /^([^:]+):\s*(.*)\z/s ? ($1 => $2 =~ s/\r\n/\n/gr) : () } $signer->as_strings;
}

1;
