package Mail::MIMEDefang::SPF;

# Whether a client may send mail of a domain, judged by Mail::SPF. Filters load this with `use`.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;
use Mail::MIMEDefang::Net ();
use Mail::MIMEDefang::TimedResolver;

our @EXPORT = qw(md_spf_verify);

our $Patience = 20; # seconds for all questions about a message (RFC 7208, 4.6.4); then the result is a temporary error

# One question: { code, text, record, dns_lookups, void_lookups }.
sub ask {
	my ($server, %question) = @_;
	my $request = eval { Mail::SPF::Request->new(%question) };
	return { code => 'invalid', text => "not an identity: $question{identity}" } unless $request;
	my $result = eval { $server->process($request) };
	return { code => 'error', text => "$@" =~ s/\s+/ /gr } unless $result;
	my $text = $result->is_code('fail') ? eval { $result->authority_explanation } : undef;
	my $record = $request->record;
	return {
		code => $result->code,
		text => $text // $result->local_explanation,
		record => $record ? $record->text : undef,
		dns_lookups => $request->state('dns_interactive_terms_count') // 0,
		void_lookups => $request->state('void_dns_lookups_count') // 0,
	};
}

# The name that a client calls itself may be an address in brackets, of which nothing is known.
sub is_name {
	my ($helo) = @_;
	return defined $helo && $helo =~ /^[\w-]+(?:\.[\w-]+)+\.?\z/;
}

# (code, text, code for $helo, its text, record, record for $helo); in scalar context a reference to a hash with these, and with the
# numbers of look-ups. An empty sender stands for postmaster of $helo.
sub md_spf_verify {
	my ($address, $ip, $helo) = @_;
	return unless Mail::MIMEDefang::needs_module('Mail::SPF', 'md_spf_verify');
	local ($@, $SIG{__DIE__});
	my $resolver = Mail::MIMEDefang::Net::resolver('md_spf_verify') or return;
	my $server = Mail::SPF::Server->new(hostname => get_host_name(), dns_resolver => Mail::MIMEDefang::TimedResolver->new($resolver, $Patience));
	my $identity = ($address // '') =~ s/^<(.*)>\z/$1/r;
	$identity = "postmaster\@$helo" if $identity eq '' && is_name($helo);
	my @helo = is_name($helo) ? (helo_identity => $helo) : ();
	my $sender = ask($server, scope => 'mfrom', identity => $identity, ip_address => $ip, @helo);
	my $host = @helo ? ask($server, scope => 'helo', identity => $helo, ip_address => $ip) : {};
	return (@$sender{qw(code text)}, @$host{qw(code text)}, $sender->{record}, $host->{record}) if wantarray;
	return { %$sender, map { ("helo_$_" => $host->{$_}) } qw(code text record dns_lookups void_lookups) };
}

1;
