package Mail::MIMEDefang::Stream;

# One message for several groups of recipients becomes one for each, which comes back to the filter alone. Part of the core.
use strict;
use warnings;
use Exporter 'import';
use Mail::MIMEDefang;

our @EXPORT_OK = qw(stream_by_domain stream_by_recipient);

# What is behind the last @, in lower case; '' for an address without one.
sub domain_of {
	my ($address) = @_;
	return $address =~ /\@([^\@>]*)>?\z/ ? lc $1 : '';
}

# 1 when the message was resent in pieces and is to be thrown away; 0 when there is one domain, which is then in $Domain.
sub stream_by_domain {
	return 0 unless in_message_context('stream_by_domain');
	my %group;
	push @{ $group{ domain_of($_) } }, $_ for @Recipients;
	my @domains = sort keys %group;
	$Domain = $domains[0] // '' if @domains < 2;
	return resend_groups('stream_by_domain', @group{@domains});
}

# 1 when the message was resent to each recipient; 0 when there is but one.
sub stream_by_recipient {
	return 0 unless in_message_context('stream_by_recipient');
	return resend_groups('stream_by_recipient', map { [$_] } @Recipients);
}

# The original is thrown away only when all pieces are on their way. When one is not, the whole message is tried again later: somebody
# may then get it twice, but nobody goes without.
sub resend_groups {
	my ($name, @groups) = @_;
	return 0 if @groups < 2;
	for my $group (@groups) {
		die "$name: cannot resend the message\n" unless Mail::MIMEDefang::Mail::resend_message(@$group);
	}
	$TerminateAndDiscard = 1;
	return 1;
}

1;
