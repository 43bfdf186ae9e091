# The functions of the filter API from inside: Perl text run by a real worker, in package main, as a filter's would be.
#
#	my $api = Defang::Api->start($more_filter_text);
#	my @values = $api->values('expand_ipv6_address("::1")');	# outside of a message; dies when the text does
#	my $got = $api->scan($message, begin => 'action_discard()', ..);	# texts for begin, multipart, filter, end, wrapup
#	  $got->{reply}, $got->{results}	what the worker said, and the lines of RESULTS
#	  $got->{begin} ..	what the text returned, a list for each time it was called; {begin}[0] is the first
#	  $got->{logged}	lines of the log, "level text"
#	  $got->{dir}		the work directory
#	$got = $api->scan([$message, 'S<a@b>', ..], ..)	with lines of COMMANDS
#	my @mails = $api->mails;	# what was given to sendmail since the last call: { args => [..], text }
package Defang::Api;
use strict;
use warnings;
use Defang::Test qw(slurp spew temp_dir);
use Defang::Worker;
use JSON::PP;

my $json = JSON::PP->new->utf8->allow_nonref;

my $filter = <<'FILTER';
use JSON::PP ();
our @Logged;
{
	no warnings 'redefine';
	*Mail::MIMEDefang::log_line = sub { push @Logged, "$_[0] $_[1]" . (defined $_[2] ? " to $_[2]" : '') };
}
my $Json = JSON::PP->new->utf8->allow_nonref->allow_blessed->allow_unknown;

sub read_text { open my $fh, '<', $_[0] or return; local $/; return readline $fh }
sub run_text { my $text = shift; my @values = eval $text; die $@ if $@; return @values }
sub write_values { local ($, , $\); open my $fh, '>>', shift or die $!; print {$fh} $Json->encode([@_]), "\n"; close $fh or die $! }

sub run_at {
	my ($where, @args) = @_;
	my $text = read_text("$CWD/ask-$where");
	write_values("$CWD/got-$where", run_text($text, @args)) if defined $text;
	return;
}
sub filter_begin { @Logged = (); run_at('begin', @_) }
sub filter_multipart { run_at('multipart', @_) }
sub filter { run_at('filter', @_) }
sub filter_end { run_at('end', @_) }
sub filter_wrapup { run_at('wrapup', @_) }
sub handle_values {
	my ($path) = @_;
	@Logged = ();
	write_values("$path.got", run_text(read_text($path)));
	return 'ok';
}
sub handle_logged { my ($path) = @_; write_values($path, @Logged); return 'ok' }
FILTER

# Keeps what it is given: words one a line, and the message. Fails when there is a file `fail` beside it.
my $sendmail = <<'SH';
#!/bin/sh
cd "$(dirname "$0")" || exit 1
test -e fail && exit 75
n=1000
until mkdir mail-$n 2> /dev/null; do n=$((n + 1)); done
printf '%s\n' "$@" > mail-$n.args.new
cat > mail-$n.text
mv mail-$n.args.new mail-$n.args
SH

sub start
{
	my ($class, $more) = @_;
	my $dir = temp_dir();
	spew("$dir/sendmail", $sendmail);
	chmod 0755, "$dir/sendmail" or die "$dir/sendmail: $!\n";
	my $text = "\$Features{'Path:SENDMAIL'} = '$dir/sendmail';\n$filter" . ($more // '') . "\n1;\n";
	return bless { worker => Defang::Worker->start($text), dir => $dir, asked => 0 }, $class;
}

# In the order in which they were sent.
sub mails
{
	my ($self) = @_;
	my @mails;
	for my $args (sort glob "$self->{dir}/*.args") {
		my $text = $args =~ s/args\z/text/r;
		push @mails, { args => [split /\n/, slurp($args)], text => slurp($text) };
		unlink $args, $text;
	}
	return @mails;
}

sub decode { return map { $json->decode($_) } split /\n/, $_[0] // '' }

sub file { return "$_[0]{worker}{dir}/text-" . ++$_[0]{asked} }

sub values
{
	my ($self, $text) = @_;
	my $path = spew($self->file, $text);
	my $reply = $self->{worker}->ask("values $path");
	die "$reply\n" . $self->{worker}->stderr if $reply ne 'ok';
	my ($values) = decode(slurp("$path.got"));
	return wantarray ? @$values : $values->[0];
}

# Of the last request.
sub logged
{
	my ($self) = @_;
	my $path = $self->file;
	$self->{worker}->ask("logged $path");
	my ($lines) = decode(slurp($path));
	return @{ $lines // [] };
}

sub scan
{
	my ($self, $message, %ask) = @_;
	my ($text, @commands) = ref $message ? @$message : ($message, 'S<sender@example.org>', 'R<rcpt@example.net> esmtp host rcpt');
	my $dir = $self->{worker}->message($text, @commands);
	spew("$dir/ask-$_", $ask{$_}) for keys %ask;
	my ($reply, @results) = $self->{worker}->scan($dir);
	my %got = map { $_ => [decode(slurp("$dir/got-$_"))] } keys %ask;
	return { %got, reply => $reply, results => \@results, dir => $dir, logged => [$self->logged] };
}

sub stop { return $_[0]{worker}->stop }

1;
