# Each half of the Debian package works with the other half of ours: its mimedefang.pl under our controller, with and without -E, and our
# mimedefang.pl under its multiplexor. Its example filters run as they are under our runtime, and decide the same.
#
# The package is unpacked by scripts/deps. It reads /etc/mail and works below /var/spool, as it was compiled: the test runs in a mount
# namespace with a copy of /etc that has the package's files, and an empty /var/spool.
use strict;
use warnings;
use Defang::Test qw(data slurp spew stage temp_dir top);
use Defang::Worker;
use MIME::Parser;
use Test::More;

my $unpacked = top() . '/build/unpacked/mimedefang';
plan skip_all => 'needs the package mimedefang, which `make deps` could not fetch' unless -x "$unpacked/usr/bin/mimedefang.pl";
plan skip_all => 'needs root for a mount namespace' if $> != 0;
plan skip_all => 'may not make a mount namespace' if system(qw(unshare --mount true)) != 0;

sub run { system(@_) == 0 or die "@_ failed\n" }

if (!$ENV{DEFANG_FOREIGN}) {
	my $dir = temp_dir('foreign');
	run('cp', '-a', $unpacked, "$dir/package"); # the checkout may lie where nobody cannot go
	run(qw(cp -a /etc), "$dir/etc");
	run('cp', '-a', "$unpacked/etc/.", "$dir/etc");
	local $ENV{DEFANG_FOREIGN} = "$dir/package";
	my $inside = 'mount --bind "$1" /etc && mount -t tmpfs none /var/spool && mkdir -m 777 /var/spool/MIMEDefang /var/spool/MD-Quarantine || exit 1
		shift
		test ! -e /usr/sbin/clamd || mount --bind /dev/null /usr/sbin/clamd || exit 1
		exec "$@"';
	exit(system(qw(unshare --mount sh -c), $inside, 'sh', "$dir/etc", $^X, (map { "-I$_" } @INC), $0) >> 8);
}

my $package = $ENV{DEFANG_FOREIGN};
my $hidden = temp_dir();
mkdir "$hidden/Mail" or die "$hidden: $!\n";
spew("$hidden/Mail/SpamAssassin.pm", "die qq(not for this test\\n);\n"); # whether it is installed shall make no difference
my %lib = (theirs => "$hidden:$package/usr/share/perl5", ours => $hidden);
my %program = (theirs => "$package/usr/bin/mimedefang.pl", ours => stage() . '/bin/mimedefang.pl');

# Both daemons, with a controller and a runtime of either side.
package Pair {
	our @ISA = ('Defang::Test');

	sub start_pool
	{
		my ($self) = @_;
		my ($controller, $runtime) = @{ $self->{how} }{qw(controller runtime)};
		local $ENV{PERL5LIB} = $lib{$runtime};
		$self->launch('pool', '', $controller, '-D', '-U', 'nobody', '-z', $self->{spool}, '-s', $self->{control}, '-f', $program{$runtime},
			'-F', $self->{filter}, '-m', 2, '-x', 2, @{ $self->{how}{pool} // [] });
		return $self->must_come('pool', sub { ($self->control_tool('free'))[1] =~ /^[12]$/m });
	}
}

my $filter = <<'FILTER';
sub filter_relay { return ('CONTINUE', 'ok') }
sub filter_sender { my ($sender) = @_; return $sender =~ /refused/ ? ('REJECT', 'We know you') : ('CONTINUE', 'ok') }
sub filter_recipient { my ($rcpt) = @_; return $rcpt =~ /later/ ? ('TEMPFAIL', 'Not now') : ('CONTINUE', 'ok') }
sub filter_begin { action_add_header('X-Client', "$RelayAddr $Helo $QueueID") }
sub filter {
	my ($entity, $name, $extension, $type) = @_;
	return action_drop_with_warning("$name was removed\n") if $extension eq '.exe';
	return action_bounce('No partial messages') if $type eq 'message/partial';
	return action_accept();
}
1;
FILTER

sub pair_works
{
	my (%how) = @_;
	my $pair = Pair->chain(filter => $filter, milter => [qw(-r -s -t)], %how);
	my @options = ('--client-address', '192.0.2.9', '--helo', 'helo.example.org', '--queue-id', '4XYZ');
	my $got = $pair->send(data('exe.eml'), @options);
	is("$got->{verdict} $got->{parts_removed}[0]{name}", 'accept invoice.exe', 'an attachment is removed');
	like($got->{delivered}, qr/^invoice\.exe was removed$/m, '  with a warning');
	like($got->{delivered}, qr/^X-Client: 192\.0\.2\.9 helo\.example\.org 4XYZ$/m, '  and a header is added');
	like($got->{delivered}, qr/^please see the attachment\.$/m, '  the text is left');
	$got = $pair->send(data('plain.eml'), @options);
	is($got->{verdict}, 'accept', 'a plain text');
	like($got->{delivered}, qr/\nHello Bob,\n\nhow are you\?\n\nAlice\n\z/, '  as it was');
	$got = $pair->send(data('partial.eml'), @options);
	is("$got->{verdict} $got->{smtp}", 'reject 554 5.7.1 No partial messages', 'a message that the filter refuses');
	$got = $pair->send(data('plain.eml'), '-f', 'refused@example.org');
	is("$got->{stage} $got->{smtp}", 'mail 554 5.7.1 We know you', 'a sender');
	$got = $pair->send(data('plain.eml'), '-r', 'later@example.org');
	is("$got->{stage} $got->{smtp}", 'rcpt 451 4.3.0 Not now', 'a recipient');
	my ($status) = $pair->control_tool('reread');
	is($status, 0, 'reread');
	is($pair->send(data('plain.eml'))->{verdict}, 'accept', '  and on');
	$pair->stop;
	return;
}

my $our_controller = stage() . '/bin/mimedefang-multiplexor';
subtest 'their runtime under our controller' => sub { pair_works(controller => $our_controller, runtime => 'theirs') };
subtest 'their runtime under our controller, -E' => sub {
	pair_works(controller => $our_controller, runtime => 'theirs', pool => ['-E', '--template', stage() . '/lib/defang/mimedefang-worker']);
};
subtest 'our runtime under their controller' => sub {
	pair_works(controller => "$package/usr/bin/mimedefang-multiplexor", runtime => 'ours');
};

# --- Example filters -------------------------------------------------------------------------------------------------------------------

# A worker of either side.
package Side {
	our @ISA = ('Defang::Worker');
	our $side;
	sub program { return $program{$side} }
}

sub worker
{
	my ($side, $text) = @_;
	local $Side::side = $side;
	local $ENV{PERL5LIB} = $lib{$side};
	local $ENV{PATH} = $hidden; # nor shall virus scanners, of which clamd is looked for elsewhere, too
	return Side->start($text);
}

# What is in the new body: type, name and text of each part. What stands in front of warnings, each runtime says in words of its own.
sub body_of
{
	my ($dir, @results) = @_;
	my $body = slurp("$dir/NEWBODY") // return 'none';
	my ($type) = map { /^M(\S+)/ ? $1 =~ s/%(..)/chr hex $1/ger : () } @results;
	my $parser = MIME::Parser->new;
	$parser->output_to_core(1);
	my $entity = $parser->parse_data("Content-Type: $type\n\n$body");
	return join "\n", map {
		my $text = $_->bodyhandle ? $_->bodyhandle->as_string : '';
		$text =~ s/\s+/ /g;
		$text =~ s{^WARNING: This e-mail has been altered .*?/enduser/ }{WARNING };
		join ' ', $_->mime_type, $_->head->recommended_filename // '', $text;
	} $entity->parts_DFS;
}

sub decision
{
	my ($worker, $message, @commands) = @_;
	my $dir = $worker->message($message, @commands);
	my ($reply, @results) = $worker->scan($dir);
	my $body = body_of($dir, @results);
	# Boundaries are made up. Theirs has headers in any order, and does not tell the character set of a warning.
	s/----------=_[-\w]+/BOUNDARY/g, s/^Mtext\/plain;%20\Kcharset=%22[-\w]+%22;%20// for @results;
	my @headers = sort grep { /^I/ } @results;
	@results = map { /^I/ ? shift @headers : $_ } @results;
	return { reply => $reply, results => \@results, body => $body };
}

my @commands = ('S<alice@example.com>', '=i Q1', 'QQ1', 'Hmail.example.com', 'I192.0.2.1', 'Ehelo', 'R<bob@example.net> local ? bob');
my @messages = qw(plain alternative html related exe double_extension zip_exe zip_plain exe_only nested nested_exe partial name_2231 signed digest);
my %explained = (name_2231 => 'a name that is not ASCII: in the warning theirs has Latin-1, ours UTF-8, and says so');
for my $path ("$package/etc/mail/mimedefang-filter", sort glob "$package/usr/share/doc/mimedefang/examples/*") {
	my ($name) = $path =~ m{([^/]+)$};
	subtest "example: $name" => sub {
		my %worker = map { $_ => worker($_, slurp($path)) } qw(ours theirs);
		for my $message (@messages) {
			my %got = map { $_ => decision($worker{$_}, "$message.eml", @commands) } qw(ours theirs);
			if ($explained{$message}) {
				my @body = map { delete $got{$_}{body} } qw(ours theirs);
				s/f=C3=BCr/f\xfcr/, s/f=FCr/f\xfcr/ for @body;
				is($body[0], $body[1], "$message: $explained{$message}");
			}
			is_deeply($got{ours}, $got{theirs}, $message);
		}
		is($_->stop, 0, 'ends well') for values %worker;
	};
}
done_testing;
