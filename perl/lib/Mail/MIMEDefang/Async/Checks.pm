package Mail::MIMEDefang::Async::Checks;

# Checks for md_async_run_checks(). Each function takes a hash; name and timeout may be in it for all.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang::Net;

our @EXPORT = qw(
	md_async_check_dnsbl md_async_check_spf_record md_async_check_mx_exists md_async_check_rdns md_async_check_dkim_record
	md_async_check_dmarc_record md_async_check_clamd md_async_check_clamdscan md_async_check_spamc md_async_check_rspamd
);

sub check {
	my ($name, $type, $given, %args) = @_;
	return { name => $given->{name} // $name, type => $type, timeout => $given->{timeout}, args => \%args };
}

sub dns { my ($name, $given, @question) = @_; return check($name, 'dns', $given, name => $question[0], type => $question[1]) }

# ip, zone
sub md_async_check_dnsbl {
	my (%a) = @_;
	return dns("dnsbl $a{zone}", \%a, (reverse_ip_address_for_rbl($a{ip}) // 'invalid') . ".$a{zone}", 'A');
}

# domain
sub md_async_check_spf_record { my (%a) = @_; return dns('spf', \%a, $a{domain}, 'TXT') }
sub md_async_check_mx_exists { my (%a) = @_; return dns('mx', \%a, $a{domain}, 'MX') }
sub md_async_check_dmarc_record { my (%a) = @_; return dns('dmarc', \%a, "_dmarc.$a{domain}", 'TXT') }

# selector, domain
sub md_async_check_dkim_record { my (%a) = @_; return dns('dkim', \%a, "$a{selector}._domainkey.$a{domain}", 'TXT') }

# ip
sub md_async_check_rdns {
	my (%a) = @_;
	return dns('rdns', \%a, (reverse_ip_address_for_rbl($a{ip}) // 'invalid') . ($a{ip} =~ /:/ ? '.ip6.arpa' : '.in-addr.arpa'), 'PTR');
}

sub content {
	my ($file) = @_;
	open my $fh, '<', $file or die "$file: $!\n";
	binmode $fh;
	local $/;
	return readline($fh) // '';
}

# where; file: what is scanned. Without it only whether clamd is there.
sub md_async_check_clamd {
	my (%a) = @_;
	my $send = defined $a{file} ? "nINSTREAM\n" . join('', map { pack 'N/a*', $_ } unpack '(a262144)*', content($a{file})) . pack 'N', 0 : "PING\n";
	return check('clamd', 'socket', \%a, where => $a{where}, send => $send);
}

# path: what is scanned; program; config: of clamd
sub md_async_check_clamdscan {
	my (%a) = @_;
	my @config = $a{config} ? "--config-file=$a{config}" : ();
	return check('clamdscan', 'process', \%a, command => [$a{program} // 'clamdscan', @config, qw(--fdpass --no-summary --stdout), $a{path}]);
}

# where, message, user
sub md_async_check_spamc {
	my (%a) = @_;
	return check('spamc', 'socket', \%a, where => $a{where} // 'localhost:783', send => Mail::MIMEDefang::Antispam::spamd_question($a{message}, $a{user} // ''));
}

# uri, file, headers
sub md_async_check_rspamd {
	my (%a) = @_;
	my ($where, $send) = Mail::MIMEDefang::Antispam::rspamd_question($a{uri} // 'http://127.0.0.1:11333', content($a{file}), $a{headers} // {});
	return check('rspamd', 'socket', \%a, where => $where, send => $send);
}

1;
