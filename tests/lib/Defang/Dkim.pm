# DKIM signatures of the strictest kind, simple/simple, over all header fields of a message: one blank more or less breaks them. The key is made
# for the test, and found without DNS. Texts have LF line ends.
package Defang::Dkim;
use strict;
use warnings;
use Defang::Test qw(temp_dir spew run_command);

my ($folder, $public);

sub cannot
{
	return if eval { require Mail::DKIM::Signer; require Mail::DKIM::Verifier; require Net::DNS::RR; 1 };
	return 'needs Mail::DKIM';
}

sub key_file
{
	my $file = ($folder //= temp_dir('defang-dkim')) . '/key.pem';
	return $file if -e $file;
	my ($status, undef, $err) = run_command(60, 'openssl', 'genrsa', '-traditional', '-out', $file, '2048');
	die "openssl: $err\n" if $status != 0;
	($status, my $pem) = run_command(60, 'openssl', 'rsa', '-in', $file, '-pubout');
	die "openssl: no public key\n" if $status != 0;
	$public = join '', grep { !/^-/ } split /\n/, $pem;
	return $file;
}

# The message with a signature in front of it.
sub sign
{
	my ($text) = @_;
	my ($head) = $text =~ /\A(.*?\n)\n/s;
	my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => 'simple/simple', Domain => 'example.org', Selector => 'test',
		KeyFile => key_file(), Headers => join(':', $head =~ /^([^\s:]+):/mg));
	$signer->PRINT($text =~ s/\n/\r\n/gr);
	$signer->CLOSE;
	return $signer->signature->as_string =~ s/\r//gr . "\n$text";
}

# pass, fail ..
sub verify
{
	my ($text) = @_;
	key_file();
	no warnings qw(redefine once);
	local *Mail::DKIM::DNS::query = sub {
		return Net::DNS::RR->new(owner => $_[0], type => 'TXT', txtdata => [unpack '(A200)*', "v=DKIM1; k=rsa; p=$public"]);
	};
	my $verifier = Mail::DKIM::Verifier->new;
	$verifier->PRINT($text =~ s/\n/\r\n/gr);
	$verifier->CLOSE;
	return $verifier->result;
}

1;
