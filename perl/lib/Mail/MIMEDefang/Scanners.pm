package Mail::MIMEDefang::Scanners;

# Virus scanners that are commands, described by data. Only the two of ClamAV have been run for real: most of the others are not sold any
# more, and their rows say what is generally known of them. Check a row against the product before you trust it. Not for filters.
#
#	feature		key of %Features with the path of the command, in front of it `Virus:`
#	commands	names under which the command is looked for
#	args		words of its command line; what is to be scanned follows
#	codes		exit status => category; any other is `swerr`
#	mask		bits of the status that count
#	flags		instead of codes: a list of [bit, category], of which the first that is set counts; none is `ok`
#	virus		finds the virus's name in what the command says
use strict;
use warnings;

our %scanner = (
	nai => {
		feature => 'NAI', commands => ['uvscan'],
		args => [qw(--secure --recursive --mime --summary --noboot --noexpire)],
		codes => { 0 => 'ok', 12 => 'virus', 13 => 'virus', 19 => 'virus', 102 => 'interrupted' },
		virus => qr/Found(?: the)?:?\s+(.+?)\s+(?:virus|trojan)\b/i,
	},
	bdc => {
		feature => 'BDC', commands => ['bdc', 'bdscan'],
		args => [qw(--arc --mail --all)],
		codes => { 0 => 'ok', 1 => 'virus', 2 => 'suspicious' },
		virus => qr/(?:infected|suspected): (\S+)/,
	},
	csav => {
		feature => 'CSAV', commands => ['csav'],
		args => [qw(-all -archive -packed)],
		codes => { 50 => 'ok', 51 => 'virus', 52 => 'virus', 53 => 'virus', 5 => 'interrupted' },
		virus => qr/Infection: (.+)/,
	},
	fsav => {
		feature => 'FSAV', commands => ['fsav'],
		args => [qw(--delete=no --disinf=no --rename=no --archive=yes --auto=yes --dumb=yes)],
		codes => { 0 => 'ok', 3 => 'virus', 4 => 'suspicious', 5 => 'interrupted', 6 => 'virus', 8 => 'suspicious' },
		virus => qr/(?:Infected|infection|Suspected)(?: by|:) (\S+)/,
	},
	hbedv => {
		feature => 'HBEDV', commands => ['antivir'],
		args => [qw(--allfiles -noboot -nombr -rs -s -z)],
		codes => { 0 => 'ok', 1 => 'virus', 2 => 'virus', 3 => 'suspicious' },
		virus => qr/(?:ALERT: \[?|VIRUS: .*?')([^\]\s']+)/,
	},
	vexira => {
		feature => 'VEXIRA', commands => ['vascan', 'vexira'],
		args => [qw(-a -s --timeout=60)],
		codes => { 0 => 'ok', 1 => 'virus', 2 => 'virus', 3 => 'suspicious', 6 => 'ok', 8 => 'ok' },
		virus => qr/(?:ALERT: \[?|VIRUS: .*?'|infected with )([^\]\s']+)/,
	},
	sophos => {
		feature => 'SOPHOS', commands => ['sweep'],
		args => [qw(-nb -f -all -rec -ss -sc -archive -mime)],
		codes => { 0 => 'ok', 1 => 'interrupted', 3 => 'virus' },
		virus => qr/Virus(?: fragment)? '?(.*?)'? found/,
	},
	savscan => {
		feature => 'SAVSCAN', commands => ['savscan'],
		args => [qw(-nb -f -all -rec -ss -sc -archive -mime)],
		codes => { 0 => 'ok', 1 => 'interrupted', 3 => 'virus' },
		virus => qr/Virus(?: fragment)? '?(.*?)'? found/,
	},
	clamav => {
		feature => 'CLAMAV', commands => ['clamscan'],
		args => [qw(--recursive --infected --no-summary --stdout)],
		codes => { 0 => 'ok', 1 => 'virus' },
		virus => qr/: (\S+) FOUND$/m,
	},
	clamdscan => {
		feature => 'CLAMDSCAN', commands => ['clamdscan'],
		args => [qw(--infected --no-summary --stdout --fdpass)],
		config => '--config-file=', # in front of $Features{'Path:CLAMDCONF'}
		codes => { 0 => 'ok', 1 => 'virus' },
		virus => qr/: (\S+) FOUND$/m,
	},
	avp => {
		feature => 'AVP', commands => ['AvpLinux'],
		args => ['-*', '-P', '-B', '-Y', '-O-'],
		mask => 0x0f,
		codes => { 0 => 'ok', 1 => 'interrupted', 2 => 'suspicious', 3 => 'suspicious', 4 => 'virus', 5 => 'virus', 6 => 'virus' },
		virus => qr/infected: (\S+)/,
	},
	avp5 => {
		feature => 'AVP5', commands => ['aveclient'],
		args => [qw(-p /var/run/aveserver -s)],
		codes => { 0 => 'ok', 2 => 'virus', 4 => 'virus', 5 => 'virus', 3 => 'suspicious', 6 => 'ok', 8 => 'ok' },
		virus => qr/(?:INFECTED|WARNING|SUSPICION|SUSPICIOUS) (\S+)/,
	},
	kavscanner => {
		feature => 'KAVSCANNER', commands => ['kavscanner'],
		args => [qw(-e PASBME -o syslog -i0)],
		codes => { 0 => 'ok', 5 => 'virus', 10 => 'ok', 15 => 'ok', 20 => 'suspicious', 21 => 'suspicious', 25 => 'virus' },
		virus => qr/(?:INFECTED|WARNING|SUSPICION|SUSPICIOUS) (\S+)/,
	},
	fprot => {
		feature => 'FPROT', commands => ['f-prot'],
		args => [qw(-dumb -archive -packed)],
		codes => { 0 => 'ok', 3 => 'virus', 5 => 'interrupted', 6 => 'virus', 8 => 'suspicious' },
		virus => qr/(?:Infection:|security risk named) (\S+)/,
	},
	fpscan => {
		feature => 'FPSCAN', commands => ['fpscan'],
		args => [qw(--report --mount --adware --archive=5 --scanlevel=4 --heurlevel=3)],
		flags => [[1, 'virus'], [2, 'suspicious'], [4, 'interrupted'], [8, 'swerr'], [16, 'swerr'], [32, 'swerr'], [128, 'virus']],
		virus => qr/\[Found\s+[^\]]*\]\s+<([^ \t(>]*)/,
	},
	trend => {
		feature => 'TREND', commands => ['vscan'],
		args => [qw(-za -a)],
		codes => { 0 => 'ok', map({ $_ => 'virus' } 1 .. 9) },
		virus => qr/Found virus (\S+) in/,
	},
	nvcc => {
		feature => 'NVCC', commands => [], # not looked for: CUDA's compiler is called nvcc, too, and finds a virus in everything
		args => [qw(-u -c -nb -nc)],
		codes => { 0 => 'ok', 1 => 'virus', 2 => 'virus', 10 => 'ok', 11 => 'ok', 14 => 'virus' },
		virus => qr/virus in .* -> '(.+)'/i,
	},
	nod32 => {
		feature => 'NOD32', commands => ['nod32cli', 'esets_scan'],
		args => ['--subdir'],
		codes => { 0 => 'ok', 1 => 'virus', 2 => 'virus', 3 => 'ok', 50 => 'virus' },
		virus => qr/virus="([^"]+)"/,
	},
);

# Scanners that are daemons: the key of %Features, the program's names, and the variable with the place of its socket.
our %daemon = (
	clamd => { feature => 'CLAMD', commands => ['clamd'], where => 'ClamdSock' },
	sophie => { feature => 'SOPHIE', commands => ['sophie'], where => 'SophieSock' },
	trophie => { feature => 'TROPHIE', commands => ['trophie'], where => 'TrophieSock' },
	# Whether these are wanted, only the filter knows.
	carrier_scan => { feature => 'SymantecCSS', commands => [], where => 'CSSHost' },
	fprotd => { feature => 'FPROTD', commands => [], where => 'FprotdHost' },
	fprotd_v6 => { feature => 'FPROTD6', commands => [], where => 'Fprotd6Host' },
);

# What a filter should do about a category.
my %action = (
	ok => 'ok',
	virus => 'quarantine',
	suspicious => 'quarantine',
	map({ $_ => 'tempfail' } qw(interrupted swerr not-installed cannot-execute)),
);

sub action_of { return $action{ $_[0] } }

# The category of a command's exit status.
sub category_of {
	my ($name, $code) = @_;
	my $scanner = $scanner{$name};
	if ($scanner->{flags}) {
		my ($flag) = grep { $code & $_->[0] } @{ $scanner->{flags} };
		return $flag ? $flag->[1] : 'ok';
	}
	$code &= $scanner->{mask} if $scanner->{mask};
	return $scanner->{codes}{$code} // 'swerr';
}

1;
