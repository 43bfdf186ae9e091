package Mail::MIMEDefang::TimedResolver;

# A resolver for modules that ask the DNS for more than one name about a message: when its time is over it answers nothing any more, so
# that the senders of messages, whose records they are, cannot hold a worker up. It has the methods that such modules call. Not for filters.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# Asks $resolver for $seconds; the last question may take its own time besides.
sub new {
	my ($class, $resolver, $seconds) = @_;
	return bless { resolver => $resolver, end => clock_gettime(CLOCK_MONOTONIC) + $seconds, error => '' }, $class;
}

sub send {
	my ($self, @question) = @_;
	if (clock_gettime(CLOCK_MONOTONIC) >= $self->{end}) {
		$self->{error} = 'query timed out'; # as Net::DNS says it
		return undef;
	}
	my $packet = $self->{resolver}->send(@question);
	$self->{error} = $self->{resolver}->errorstring;
	return $packet;
}

sub errorstring { my ($self) = @_; return $self->{error} }

1;
