# -test: functions that do not exist, and filters that fail on a message; -structure.
use strict;
use warnings;
use Defang::Test qw(data spew slurp stage temp_dir);
use Defang::Worker;
use Test::More;

my $dir = temp_dir();
my $n = 0;

# (exit status, standard output, standard error) of -test
sub try
{
	my ($filter) = @_;
	my $path = "$dir/filter" . ++$n;
	spew($path, $filter);
	my ($status, $out, $err) = Defang::Worker->run('-f', $path, '-test');
	s/\Q$path\E/FILTER/g for $out, $err;
	return ($status >> 8, $out, $err);
}

my $good = "Filter FILTER seems syntactically correct.\n";

subtest 'functions' => sub {
	my %missing = (
		"sub filter {\n\tmy (\$e, \$f) = \@_;\n\treturn action_bonce('no')\n\t\tif \$f eq 'x';\n}\n1;\n" => 'line 3: function main::action_bonce',
		"sub filter_begin { my \$f = sub {\n other(1) }; }\n1;\n" => 'line 2: function main::other',
		"sub filter_end {\n&amper;\n}\n1;\n" => 'line 2: function main::amper',
		"sub filter_begin { My::Package::call(1) if 0 == \@_ }\n1;\n" => 'line 1: function My::Package::call',
		"package My; sub f {\n mapped(\$_) for 1 }\n1;\n" => 'line 2: function My::mapped',
		"sub never_called { eval {\n\n deep(deeper()) } }\n1;\n" => 'line 3: function main::deep',
	);
	for my $filter (sort keys %missing) {
		my ($status, $out, $err) = try($filter);
		is $status, 78, "$missing{$filter}: exit status";
		like $err, qr/^FILTER \Q$missing{$filter}\E does not exist$/m, 'file, line and name';
		is $out, '', 'it does not seem correct';
	}
	my @fine = (
		"sub filter { return action_accept() }\nsub filter_begin { helper(1) }\nsub helper { }\n1;\n",
		"sub filter_begin { optional() if defined &optional }\n1;\n",
		"sub filter_begin { optional() if main->can('optional') }\n1;\n",
		"sub filter_begin { optional() if exists &optional }\n1;\n",
		"# action_bonce()\nsub filter_begin { my \$t = 'action_bonce()'; my \$e = shift; \$e->head; &{sub { 1 }}(2) }\n1;\n",
		"sub AUTOLOAD { }\nsub filter_begin { anything(1) }\n1;\n",
		"use POSIX qw(floor);\nsub filter_begin { floor(1.5); POSIX::ceil(1.5) }\n1;\n",
	);
	is_deeply [ try($_) ], [ 0, $good, '' ], $_ for @fine;
};

subtest 'samples' => sub {
	my ($status, $out, $err) = try("sub filter {\nmy (\$e, \$f, \$x) = \@_;\ndie 'not this' if \$x eq '.exe' }\n1;\n");
	is $status, 78, 'a filter that dies on one';
	is $err, "sample message (a program attached): died: not this at FILTER line 3.\n", 'which, why and where';
	($status, undef, $err) = try("sub filter_sender { die 'no sender' }\n1;\n");
	is $err, "filter_sender: died: no sender at FILTER line 1.\n", 'one that dies on a sender';
	($status, undef, $err) = try("sub filter_initialize { die 'no database' }\n1;\n");
	is $err, "filter_initialize: died: no database at FILTER line 1.\n", 'or at its start';
	($status, undef, $err) = try("sub filter_end { exit 3 }\n1;\n");
	like $err, qr/\Asample message \(a plain text\): died: filter called exit\(3\)$/m, 'one that exits';
	my $said = "$dir/said";
	is_deeply [ try("sub say { open my \$f, '>>', '$said'; print \$f \"\@_\\n\" }\nsub filter_relay { say('relay'); ('CONTINUE', 'ok') }\n"
			. "sub filter_helo { say('helo'); ('CONTINUE', 'ok') }\nsub filter_sender { say('sender'); ('CONTINUE', 'ok') }\n"
			. "sub filter_recipient { say('recipient'); ('CONTINUE', 'ok') }\nsub filter_end { say('end', \$Subject) }\n"
			. "sub filter { my (\$e, \$f, \$x, \$t) = \@_; say(\"part \$t \$f\"); action_quarantine(\$e, 'kept') if \$x eq '.exe'; action_notify_administrator('x'); "
			. "action_accept() }\nsub filter_cleanup { say('cleanup'); 0 }\n1;\n") ], [ 0, $good, '' ], 'one that does everything';
	my $text = slurp($said);
	like $text, qr/^$_$/m, "it has seen: $_" for qw(relay helo sender recipient cleanup), 'end Sample', 'part application/pdf report\.pdf',
		'part application/octet-stream setup\.exe', "part application/zip B\xc3\xbccher\\.zip";
	is_deeply [ try(slurp(stage() . '/share/defang/examples/mimedefang-filter.example')) ], [ 0, $good, '' ], 'the example filter';
};

subtest 'structure' => sub {
	my ($status, $out) = Defang::Worker->run('-structure', data('exe.eml'));
	is $status, 0, 'exit status';
	like $out, qr{\Amultipart/mixed\n  text/plain, \w+, \d+ bytes\n}, 'parts are indented' or diag $out;
	like $out, qr{^  application/octet-stream "invoice\.exe", base64, 334 bytes$}m, 'with type, name, encoding and size';
	($status, undef, my $err) = Defang::Worker->run('-structure', "$dir/none");
	is $status >> 8, 65, 'no such file';
	like $err, qr{\Q$dir/none\E: No such file or directory}, 'is told';
};

done_testing;
