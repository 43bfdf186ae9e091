# Virus scanners: the commands of the table played by a script, the daemons by the test; a real clamd with a signature of our own.
use strict;
use warnings;
use Defang::Api;
use Defang::Server;
use Defang::Test qw(slurp spew temp_dir start_program end_program wait_until run_command);
use Test::More;

my $dir = temp_dir();
# Says and returns what it is told to; notes its words.
spew("$dir/scanner", <<"SH");
#!/bin/sh
printf '%s\\n' "\$@" > $dir/words
cat $dir/says
exit \$(cat $dir/code)
SH
chmod 0755, "$dir/scanner" or die $!;
my $api = Defang::Api->start('for (grep { /^Virus:/ } keys %Features) { $Found{$_} = $Features{$_}; $Features{$_} = 0 }');
my $message = "Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n\nThis is DEFANG-TEST-SIGNATURE.\n--b--\n";
sub arrange { my ($code, $says) = @_; spew("$dir/code", $code); spew("$dir/says", $says); return }

# --- Commands ----------------------------------------------------------------------------------------------------------------------
# Name, feature, code without a virus, code with one, what is said then and the name in it, further codes.
my @commands = (
	[nai => 'NAI', 0, 13, 'x Found the Eicar-1 virus !!!', 'Eicar-1', { 102 => 'interrupted', 6 => 'swerr', 19 => 'virus' }],
	[bdc => 'BDC', 0, 1, '/x infected: Eicar-1', 'Eicar-1', { 2 => 'suspicious', 255 => 'swerr' }],
	[csav => 'CSAV', 50, 51, 'Infection: Eicar 1', 'Eicar 1', { 0 => 'swerr', 53 => 'virus' }],
	[fsav => 'FSAV', 0, 3, '/x: Infected: Eicar-1 [Libra]', 'Eicar-1', { 1 => 'swerr', 5 => 'interrupted', 8 => 'suspicious' }],
	[hbedv => 'HBEDV', 0, 1, '  ALERT: [Eicar-1 virus] /x', 'Eicar-1', { 3 => 'suspicious', 200 => 'swerr' }],
	[vexira => 'VEXIRA', 0, 1, '  ALERT: [Eicar-1] /x', 'Eicar-1', { 3 => 'suspicious', 200 => 'swerr' }],
	[sophos => 'SOPHOS', 0, 3, ">>> Virus 'Eicar-1' found in file /x", 'Eicar-1', { 1 => 'interrupted', 2 => 'swerr' }],
	[savscan => 'SAVSCAN', 0, 3, ">>> Virus 'Eicar-1' found in file /x", 'Eicar-1', { 1 => 'interrupted', 2 => 'swerr' }],
	[clamav => 'CLAMAV', 0, 1, '/x: Eicar-1 FOUND', 'Eicar-1', { 2 => 'swerr', 70 => 'swerr' }],
	[clamdscan => 'CLAMDSCAN', 0, 1, '/x: Eicar-1 FOUND', 'Eicar-1', { 2 => 'swerr' }],
	[avp => 'AVP', 0, 4, '/x infected: Eicar-1', 'Eicar-1', { 3 => 'suspicious', 1 => 'interrupted', 0x14 => 'virus', 7 => 'swerr' }],
	[avp5 => 'AVP5', 0, 4, '/x INFECTED Eicar-1', 'Eicar-1', { 3 => 'suspicious', 7 => 'swerr' }],
	[kavscanner => 'KAVSCANNER', 0, 25, '/x INFECTED Eicar-1', 'Eicar-1', { 20 => 'suspicious', 30 => 'swerr' }],
	[fprot => 'FPROT', 0, 3, '/x Infection: Eicar-1', 'Eicar-1', { 8 => 'suspicious', 5 => 'interrupted', 7 => 'swerr' }],
	[fpscan => 'FPSCAN', 0, 1, '[Found virus] <Eicar-1 (exact)> /x', 'Eicar-1', { 2 => 'suspicious', 4 => 'interrupted', 32 => 'swerr', 65 => 'virus', 64 => 'ok' }],
	[trend => 'TREND', 0, 2, 'Found virus Eicar-1 in /x', 'Eicar-1', { 10 => 'swerr' }],
	[nvcc => 'NVCC', 0, 1, "Possible virus in '/x' -> 'Eicar-1'", 'Eicar-1', { 9 => 'swerr' }],
	[nod32 => 'NOD32', 0, 1, 'name="/x", virus="Eicar-1"', 'Eicar-1', { 100 => 'swerr' }],
);
my %action = (ok => 'ok', virus => 'quarantine', suspicious => 'quarantine', interrupted => 'tempfail', swerr => 'tempfail');
for my $case (@commands) {
	my ($name, $feature, $good, $bad, $says, $virus, $codes) = @$case;
	my $all = "(message_contains_virus_$name(), \$VirusName)";
	my $part = "(entity_contains_virus_$name(\$_[0]), \$VirusName)";
	my $got = $api->scan($message, begin => $all, filter => $part);
	is_deeply([$got->{begin}[0], $got->{filter}[0]], [([1, 'not-installed', 'tempfail', '']) x 2], "$name is not there");
	$api->values("\$Features{'Virus:$feature'} = '$dir/scanner'; 1");
	arrange($good, "fine\n");
	$got = $api->scan($message, begin => "($all, \$VirusScannerMessages, \$CurrentVirusScannerMessage)", filter => $part);
	is_deeply([$got->{begin}[0], $got->{filter}[0]], [[$good, 'ok', 'ok', '', "fine\n", "fine\n"], [$good, 'ok', 'ok', '']], "$name: no virus");
	like((split /\n/, slurp("$dir/words"))[-1], qr{^\Q$got->{dir}\E/Work/[^/]+\z}, '  a part is a file');
	arrange($bad, "line\n$says\n");
	$got = $api->scan($message, begin => $all);
	is_deeply($got->{begin}[0], [$bad, 'virus', 'quarantine', $virus], "$name: a virus");
	is((split /\n/, slurp("$dir/words"))[-1], "$got->{dir}/Work", '  in the folder of all parts');
	$got = $api->scan($message, filter => $part);
	is_deeply($got->{filter}[1], [$bad, 'virus', 'quarantine', $virus], '  in a part');
	for my $code ($good, $bad, sort keys %$codes) {
		my $category = $codes->{$code} // ($code == $good ? 'ok' : 'virus');
		is_deeply([$api->values("interpret_${name}_code($code)")], [$code, $category, $action{$category}], "  interpret_${name}_code($code)");
	}
	$api->values("\$Features{'Virus:$feature'} = 0; 1");
}
my $got = $api->scan($message, begin => '$Features{"Virus:NAI"} = "/no/such/uvscan"; my @r = message_contains_virus_nai(); $Features{"Virus:NAI"} = 0; @r');
is_deeply($got->{begin}[0], [999, 'cannot-execute', 'tempfail'], 'a command that is gone');
like($got->{logged}[0], qr/^err .*cannot run virus scanner/, '  is told');

# --- What is taken for a scanner ---------------------------------------------------------------------------------------------------
{
	my $programs = temp_dir();
	for my $name (qw(uvscan nvcc)) {
		chmod 0755, spew("$programs/$name", "#!/bin/sh\nexit 1\n") or die $!;
	}
	local $ENV{PATH} = "$programs:$ENV{PATH}";
	my $looked = Defang::Api->start;
	is_deeply([$looked->values('map { $Features{"Virus:$_"} } qw(NAI NVCC)')], ["$programs/uvscan", 0], 'a scanner is found; a compiler called nvcc is none');
	$looked->stop;
}

# --- Commands of the filter's own ----------------------------------------------------------------------------------------------------
arrange(7, "good 1\nbad 2\ngood 3\n");
$got = $api->scan($message, begin => "(run_virus_scanner('$dir/scanner a \"b c\" 2>&1'), \"\$CurrentVirusScannerMessage\", run_virus_scanner('$dir/scanner', 'good'), \$CurrentVirusScannerMessage, \$VirusScannerMessages)");
is_deeply($got->{begin}[0], [7, 'ok', 'proceed', "good 1\nbad 2\ngood 3\n", 7, 'ok', 'proceed', "good 1\ngood 3\n", "good 1\nbad 2\ngood 3\ngood 1\ngood 3\n"], 'run_virus_scanner');
is_deeply($api->scan($message, begin => 'run_virus_scanner("/no/such")')->{begin}[0], [999, 'cannot-execute', 'tempfail'], '  not there');
is_deeply($api->scan($message, begin => 'run_virus_scanner("kill -9 \$\$")')->{begin}[0], [999, 'cannot-execute', 'tempfail'], '  killed');
is_deeply([$api->values('run_virus_scanner("true")')], [999, 'cannot-execute', 'tempfail'], '  outside of a message');

# --- Daemons -------------------------------------------------------------------------------------------------------------------------
# clamd: what it says to SCAN and to INSTREAM, for files with the signature and for others.
sub clamd
{
	my ($scan, %how) = @_;
	my $server = Defang::Server->start(sub {
		my ($said, $end) = @_;
		return "PONG\n" if $said =~ /^PING\n/;
		if (my ($path) = $said =~ /^SCAN (.*)\n/) {
			return $scan =~ s/PATH/$path/gr;
		}
		return $end || substr($said, -4) eq "\0\0\0\0" ? $said =~ /DEFANG-TEST/ ? "stream: Defang.Test FOUND\n" : "stream: OK\n" : undef if $said =~ /^nINSTREAM\n/;
		return $end ? '' : undef;
	}, %how);
	return $server;
}
my $sock = "$dir/clamd.sock";
my $ask = sub { my ($where) = @_; return "(message_contains_virus_clamd('$where'), \$VirusName, \$VirusScannerMessages)" };
for my $case (
	['a virus', "PATH/a: Eicar-1 FOUND\n", [1, 'virus', 'quarantine', 'Eicar-1'], 'SCAN'],
	['none', "PATH: OK\n", [0, 'ok', 'ok', ''], 'SCAN'],
	['an error', "PATH: Can't allocate memory ERROR\n", [2, 'swerr', 'tempfail', ''], 'SCAN'],
	['nonsense', "what?\n", [2, 'swerr', 'tempfail', ''], 'SCAN'],
	['no right to read', "PATH: lstat() failed: Permission denied. ERROR\n", [1, 'virus', 'quarantine', 'Defang.Test'], 'INSTREAM'],
	['no right, newer', "PATH: File path check failure: Permission denied. ERROR\n", [1, 'virus', 'quarantine', 'Defang.Test'], 'INSTREAM'],
	['another root', "PATH: lstat() failed: No such file or directory. ERROR\n", [1, 'virus', 'quarantine', 'Defang.Test'], 'INSTREAM'],
) {
	my ($name, $says, $is, $how) = @$case;
	unlink $sock;
	my $server = clamd($says, path => $sock);
	$got = $api->scan($message, begin => $ask->($sock));
	is_deeply([@{ $got->{begin}[0] }[0 .. 3]], $is, "clamd: $name");
	like($server->said, qr/$how/, "  asked by $how");
}
my $server = clamd("PATH: OK\n");
is_deeply([@{ $api->scan($message, begin => $ask->("127.0.0.1:$server->{port}"))->{begin}[0] }[0 .. 2]], [0, 'ok', 'ok'], 'clamd on a TCP port');
is_deeply($api->scan($message, filter => "entity_contains_virus_clamd(\$_[0], '127.0.0.1:$server->{port}')")->{filter}[1], [0, 'ok', 'ok'], '  for a part');
$got = $api->scan($message, begin => $ask->('/no/such.sock'));
is_deeply([@{ $got->{begin}[0] }[0 .. 2]], [999, 'cannot-execute', 'tempfail'], 'clamd is not there');
like($got->{logged}[0], qr{^err .*clamd at /no/such\.sock does not answer}, '  is told');
is_deeply([map { $api->values("Mail::MIMEDefang::Dialog::is_local('$_')") } qw(/x 127.0.0.1:1 [::1]:1 localhost:1 192.0.2.1:1 host:1)], [1, 1, 1, 1, 0, 0], 'only a local one reads our files');
is_deeply($api->scan($message, begin => 'message_contains_virus_clamd()')->{begin}[0], [1, 'not-installed', 'tempfail'], 'without a feature and a place');
unlink $sock;
$server = clamd("PATH: X FOUND\n", path => $sock);
is_deeply($api->scan($message, begin => "\$Features{'Virus:CLAMD'} = 1; \$ClamdSock = '$sock'; my \@r = message_contains_virus_clamd(); \$Features{'Virus:CLAMD'} = 0; \@r")->{begin}[0], [1, 'virus', 'quarantine'], '$ClamdSock');

# The others: name, variable, what makes one, what it says, the result, and what it was asked.
my $css = "220 Symantec ready\n2\n";
for my $case (
	['sophie', "1:Eicar-1\n", [1, 'virus', 'quarantine', 'Eicar-1'], qr{^/\S+/Work\n}],
	['sophie', "0\n", [0, 'ok', 'ok', ''], qr{^/}],
	['sophie', "-1:broken\n", [999, 'swerr', 'tempfail', ''], qr{^/}],
	['trophie', "1:Eicar-1\n", [1, 'virus', 'quarantine', 'Eicar-1'], qr{^/}],
	['fprotd', 'HTTP/1.0 200 OK' . "\r\n\r\n" . '<summary code="11">infected</summary><name>Eicar-1</name>', [1, 'virus', 'quarantine', 'Eicar-1'], qr{^GET /\S+\?-dumb%20-archive%20-packed HTTP/1\.0\r\n}],
	['fprotd', '<summary code="10">clean</summary>', [0, 'ok', 'ok', ''], qr{^GET}],
	['fprotd', 'what', [999, 'swerr', 'tempfail', ''], qr{^GET}],
	['fprotd_v6', "1 <infected: Eicar-1> /x\n", [1, 'virus', 'quarantine', 'Eicar-1'], qr{^SCAN --archive=5 FILE /}],
	['fprotd_v6', "0 <clean> /x\n", [0, 'ok', 'ok', ''], qr{^SCAN}],
	['fprotd_v6', "2 <suspicious: odd> /x\n", [2, 'suspicious', 'quarantine', ''], qr{^SCAN}],
	['fprotd_v6', "what\n", [999, 'swerr', 'tempfail', ''], qr{^SCAN}],
	['carrier_scan', "230 File scanned.\n1\n/x\nEicar-1\n11101\n0\n", [1, 'virus', 'quarantine', 'Eicar-1'], qr{^Version2\nAVSCANLOCAL\n/}, ':local'],
	['carrier_scan', "230 File scanned.\n1\n/x\nEicar-1\n11101\n0\n", [1, 'virus', 'quarantine', 'Eicar-1'], qr{^Version2\nAVSCAN\n[^/\n]+\n\d+\n}, ':nonlocal'],
	['carrier_scan', "230 File scanned.\n0\n", [0, 'ok', 'ok', ''], qr{^Version2}, ''],
	['carrier_scan', "500 no\n\n", [500, 'swerr', 'tempfail', ''], qr{^Version2}, ''],
) {
	my ($name, $says, $is, $asked, $tail) = @$case;
	$server = Defang::Server->start(sub { my ($said, $end) = @_; return $said =~ /\n/ || $end ? $says : undef }, $name eq 'carrier_scan' ? (greeting => $css) : ());
	my $where = "127.0.0.1:$server->{port}" . ($tail // '');
	my %variable = (sophie => 'SophieSock', trophie => 'TrophieSock', fprotd => 'FprotdHost', fprotd_v6 => 'Fprotd6Host', carrier_scan => 'CSSHost');
	my %feature = (sophie => 'SOPHIE', trophie => 'TROPHIE', fprotd => 'FPROTD', fprotd_v6 => 'FPROTD6', carrier_scan => 'SymantecCSS');
	$got = $api->scan($message, begin => "\$Features{'Virus:$feature{$name}'} = 1; \$$variable{$name} = '$where'; my \@r = (message_contains_virus_$name(), \$VirusName); \$Features{'Virus:$feature{$name}'} = 0; \@r",
		filter => "(entity_contains_virus_$name(\$_[0], '$where'))");
	is_deeply($got->{begin}[0], $is, "$name: " . $is->[1]);
	like($server->said, $asked, '  what it is asked');
	is_deeply($got->{filter}[0], [@$is[0 .. 2]], '  for a part');
}
for my $name (qw(sophie trophie fprotd fprotd_v6 carrier_scan)) {
	is_deeply($api->scan($message, begin => "message_contains_virus_$name('127.0.0.1:1')")->{begin}[0], [999, 'cannot-execute', 'tempfail'], "$name is not there");
}
$got = $api->scan($message, filter => 'my $p = $_[0]->bodyhandle->path; (scan_file_using_fprotd_v6($p, "127.0.0.1:1"), scan_file_using_carrier_scan($p, "127.0.0.1:1:local"))');
is_deeply($got->{filter}[0], [(999, 'cannot-execute', 'tempfail') x 2], 'scan_file_using_fprotd_v6, scan_file_using_carrier_scan');

# --- All of them ---------------------------------------------------------------------------------------------------------------------
$got = $api->scan($message, begin => '(message_contains_virus(), scalar @VirusScannerMessageRoutines, $VirusScannerRoutinesInitialized)', filter => 'entity_contains_virus($_[0])');
is_deeply([@$got{qw(begin filter)}], [[[0, 'ok', 'ok', 0, 1]], [([0, 'ok', 'ok']) x 2]], 'without any');
unlink $sock;
$server = clamd("PATH: OK\n", path => $sock);
my $all = '$VirusScannerRoutinesInitialized = 0; initialize_virus_scanner_routines(); (scalar @VirusScannerEntityRoutines, message_contains_virus(), $VirusName)';
arrange(1, "/x: From-Clamscan FOUND\n");
my $use = sub { my $paths = join ', ', @_; return "\$ClamdSock = '$sock'; \@Features{qw(Virus:CLAMD Virus:CLAMAV Virus:BDC)} = ($paths); $all" };
is_deeply($api->scan($message, begin => $use->(1, "'$dir/scanner'", 0), filter => 'entity_contains_virus($_[0])')->{begin}[0], [2, 1, 'virus', 'quarantine', 'From-Clamscan'], 'a virus that only one finds');
arrange(2, "suspicious\n");
is_deeply($api->scan($message, begin => $use->(1, 0, "'$dir/scanner'"))->{begin}[0], [2, 2, 'suspicious', 'quarantine', ''], 'the last result that is not good');
is_deeply($api->scan($message, begin => $use->(1, 0, 0))->{begin}[0], [1, 0, 'ok', 'ok', ''], 'all is good');
is($api->stop, 0, 'ends well');

# --- clamd for real --------------------------------------------------------------------------------------------------------------------
SKIP: {
	skip 'needs clamav-daemon', 12 if !-x '/usr/sbin/clamd' || !-x '/usr/bin/clamscan' || !-x '/usr/bin/clamdscan';
	my $clam = temp_dir();
	mkdir "$clam/$_" or die $! for qw(db tmp closed);
	spew("$clam/db/own.ndb", 'Defang.Test:0:*:' . unpack('H*', 'DEFANG-TEST-SIGNATURE') . "\n");
	spew("$clam/clamd.conf", "LocalSocket $clam/clamd.sock\nLocalSocketMode 666\nDatabaseDirectory $clam/db\nTemporaryDirectory $clam/tmp\nForeground yes\nLogFile $clam/log\n" . ($> == 0 ? "User nobody\n" : ''));
	if ($> == 0) { chown((getpwnam 'nobody')[2, 3], "$clam/tmp", $clam) }
	my $clamd = start_program("$clam/out", '/usr/sbin/clamd', "--config-file=$clam/clamd.conf");
	wait_until(60, sub { -S "$clam/clamd.sock" && IO::Socket::UNIX->new(Peer => "$clam/clamd.sock") }, 'clamd is up');
	my $real = Defang::Api->start("\@Features{grep { /^Virus:/ } keys %Features} = (0) x keys %Features; \$ClamdSock = '$clam/clamd.sock'; \$Features{'Path:CLAMDCONF'} = '$clam/clamd.conf';"
		. "\$Features{'Virus:CLAMD'} = 1; \$Features{'Virus:CLAMDSCAN'} = '/usr/bin/clamdscan'; \$Features{'Virus:CLAMAV'} = '$clam/clamscan';");
	spew("$clam/clamscan", "#!/bin/sh\nexec /usr/bin/clamscan --database=$clam/db \"\$@\"\n");
	chmod 0755, "$clam/clamscan" or die $!;
	for my $case (['cannot read the folder', ''], ['can read it', 'chmod 0755, "Work"; chmod 0644, glob "Work/*";']) {
		my ($how, $first) = @$case;
		$got = $real->scan($message, begin => $first . '(message_contains_virus_clamd(), $VirusName)', filter => 'entity_contains_virus_clamd($_[0])');
		is_deeply($got->{begin}[0], [1, 'virus', 'quarantine', 'Defang.Test.UNOFFICIAL'], "the real clamd, which $how") or diag explain $got, slurp("$clam/log");
		is_deeply($got->{filter}, [[0, 'ok', 'ok'], [1, 'virus', 'quarantine']], '  part by part');
	}
	$got = $real->scan($message, begin => '(message_contains_virus_clamdscan(), $VirusName)', filter => 'entity_contains_virus_clamdscan($_[0])');
	is_deeply($got->{begin}[0], [1, 'virus', 'quarantine', 'Defang.Test.UNOFFICIAL'], 'the real clamdscan') or diag explain $got;
	is_deeply($got->{filter}, [[0, 'ok', 'ok'], [1, 'virus', 'quarantine']], '  part by part');
	$got = $real->scan($message, begin => '(message_contains_virus_clamav(), $VirusName)', filter => 'entity_contains_virus_clamav($_[0])');
	is_deeply($got->{begin}[0], [1, 'virus', 'quarantine', 'Defang.Test.UNOFFICIAL'], 'the real clamscan') or diag explain $got;
	is_deeply($got->{filter}, [[0, 'ok', 'ok'], [1, 'virus', 'quarantine']], '  part by part');
	$got = $real->scan($message, begin => 'message_contains_virus()', filter => 'action_quarantine($_[0], "virus") if (entity_contains_virus($_[0]))[1] eq "virus"');
	is_deeply($got->{begin}[0], [1, 'virus', 'quarantine'], 'all three');
	is_deeply($real->scan("Subject: s\n\nharmless\n", begin => 'message_contains_virus()')->{begin}[0], [0, 'ok', 'ok'], 'a message without virus');
	is($real->stop, 0, 'ends well');
	end_program($clamd);
}
done_testing;
