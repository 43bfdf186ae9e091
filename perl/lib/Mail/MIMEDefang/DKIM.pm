package Mail::MIMEDefang::DKIM;

# DKIM signatures of the message at hand, made and verified by Mail::DKIM. Filters load this with `use`.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::Net ();
use Mail::MIMEDefang::TimedResolver;

our @EXPORT = qw(md_dkim_sign md_dkim_verify);

our $Patience = 20; # seconds for the keys of a message's signatures, of which there may be fifty

my $fold = 72; # letters of a signature on a line

# Show the message to a signer or verifier, with the line ends of SMTP. Dies when it cannot be read.
sub feed {
	my ($reader) = @_;
	open my $fh, '<', "$CWD/INPUTMSG" or die "cannot open INPUTMSG: $!\n";
	binmode $fh;
	local $/ = "\n";
	while (my $line = <$fh>) {
		$line =~ s/\r?\n\z//;
		$reader->PRINT("$line\r\n");
	}
	close $fh;
	$reader->CLOSE;
	return;
}

# (name, value) of a header; the empty list, with a line in the log, when there is none. Without a domain it is that of the author.
sub md_dkim_sign {
	my ($key, $algorithm, $method, $domain, $selector, $headers, $wrap) = @_;
	local ($@, $SIG{__DIE__});
	return unless in_message_context('md_dkim_sign') && Mail::MIMEDefang::needs_module('Mail::DKIM::Signer', 'md_dkim_sign');
	my $value = eval {
		my $signer = Mail::DKIM::Signer->new(
			Algorithm => $algorithm // 'rsa-sha1',
			Method => $method // 'relaxed/simple',
			Selector => $selector // 'default',
			KeyFile => $key,
			defined $domain ? (Domain => $domain) : (Policy => \&domain_of_author),
			defined $headers ? (Headers => $headers) : (),
		);
		feed($signer);
		$signer->signature->as_string;
	};
	if (!defined $value) {
		md_syslog('err', 'md_dkim_sign: ' . ($@ || 'no signature') =~ s/\s+\z//r);
		return;
	}
	$value =~ s/^DKIM-Signature:\s*//i;
	return ('DKIM-Signature', fold($value, $wrap // 1));
}

sub domain_of_author {
	my ($signer) = @_;
	my $host = $signer->message_originator->host or die "the message has no author\n";
	$signer->domain($host);
	return 1;
}

# Blanks in the signature proper count for nothing, so it can be broken into lines after it was made.
sub fold {
	my ($value, $wrap) = @_;
	$value =~ s{(\bb=)([^;]*)(;?)\z}{my ($b, $base64, $end) = ($1, $2 =~ s/\s+//gr, $3); $b . ($wrap ? $base64 =~ s/(.{$fold})(?=.)/$1\n\t/gr : $base64) . $end}e;
	return $value;
}

# (result, domain, bits of the key, signature), of the best signature; in scalar context, the Mail::DKIM::Verifier.
sub md_dkim_verify {
	return unless in_message_context('md_dkim_verify') && Mail::MIMEDefang::needs_module('Mail::DKIM::Verifier', 'md_dkim_verify');
	my $resolver = Mail::MIMEDefang::Net::resolver('md_dkim_verify') or return;
	local ($@, $SIG{__DIE__});
	no warnings 'once';
	local $Mail::DKIM::DNS::RESOLVER = Mail::MIMEDefang::TimedResolver->new($resolver, $Patience);
	my $verifier = Mail::DKIM::Verifier->new;
	feed($verifier);
	return $verifier unless wantarray;
	my $signature = $verifier->signature;
	return ($verifier->result, undef, undef, undef) unless $signature;
	my $bits = eval { $signature->get_public_key->size };
	return ($verifier->result, $signature->domain, $bits, ($signature->data // '') =~ s/\s+//gr);
}

1;
