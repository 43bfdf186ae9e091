# Names of attachments and in archives; files, times, what is known of a message.
use strict;
use warnings;
use Archive::Zip;
use Defang::Api;
use Defang::Test qw(slurp spew temp_dir);
use Test::More;

my $api = Defang::Api->start('');
my $dir = temp_dir();

# --- Names -----------------------------------------------------------------------------------------------------------------------
my $two_names = "MIME-Version: 1.0\nContent-Type: application/x; name=\"a.EXE\"\nContent-Disposition: attachment; filename=\"b.txt\"\n\nx\n";
my $got = $api->scan($two_names, filter => '(re_match($_[0], "^a"), re_match($_[0], "\\\\.TXT\$"), re_match($_[0], "c"), re_match_ext($_[0], "^\\\\.exe\$"), re_match_ext($_[0], "a"))');
is_deeply($got->{filter}[0], [1, 1, 0, 1, 0], 're_match, re_match_ext');

my $zip = Archive::Zip->new;
$zip->addString('x', 'folder/Run.EXE');
$zip->writeToFileNamed("$dir/a.zip") == 0 or die 'zip';
spew("$dir/none", 'no archive');
mkdir "$dir/in" or die $!;
spew("$dir/in/Run.EXE", 'x');
spew("$dir/in/with blank.txt", 'x');
system('tar', '-C', "$dir/in", '-czf', "$dir/a.tgz", '.') == 0 or die 'tar';

# Programs that Debian's main archive does not have, or that few machines have, are played by ones that say what they would.
spew("$dir/unrar", "#!/bin/sh\n[ \"\$1\" = vb ] && [ -e \"\$4\" ] && printf 'folder/Run.EXE\\nb c.txt\\n'\n");
spew("$dir/7z", "#!/bin/sh\n[ \"\$1\" = l ] && [ -e \"\$6\" ] && printf 'Path = folder/Run.EXE\\nSize = 5\\n\\nPath = b c.txt\\nSize = 6\\n'\necho noise >&2\n");
chmod 0755, "$dir/unrar", "$dir/7z" or die $!;
$api->values("\@Features{qw(unrar 7zip)} = ('$dir/unrar', '$dir/7z'); 1");
for my $case (['zip', 'a.zip'], ['rar', 'none'], ['7zip', 'none'], ['7z', 'none'], ['tgz', 'a.tgz']) {
	my ($kind, $file) = @$case;
	my $call = sub { return "re_match_in_${kind}_directory('$_[0]', '$_[1]')" };
	is_deeply([map { $api->values($call->("$dir/$file", $_)) } '\.exe$', '^zzz', '5|noise'], [1, 0, 0], "re_match_in_${kind}_directory");
	is($api->values($call->("$dir/gone", 'x')), 0, '  no file');
}
is($api->values("re_match_in_tgz_directory('$dir/none', '.')"), 0, 'no archive');
is($api->values("re_match_in_zip_directory('$dir/none', '.')"), 0, 'no archive');
is($api->values("local \$Features{unrar} = 0; re_match_in_rar_directory('$dir/none', '.')"), 0, 'no program');
like(($api->logged)[0], qr/^err .*\$Features\{'unrar'\} is not set/, '  is told');
is($api->values("local \$Features{'7zip'} = '/no/such/7z'; re_match_in_7zip_directory('$dir/none', '.')"), 0, 'a program that is gone');
like(($api->logged)[0], qr/^err .*cannot run/, '  is told');
is(slurp("$api->{worker}{dir}/stderr"), '', 'what they say on standard error is not in the log');

# --- Files -----------------------------------------------------------------------------------------------------------------------
is($api->values("copy_or_link('$dir/none', '$dir/linked')"), 1, 'copy_or_link');
is((stat "$dir/linked")[1], (stat "$dir/none")[1], '  a second name');
is($api->values("copy_or_link('/proc/version', '$dir/copied')"), 1, 'from another file system');
is(slurp("$dir/copied"), slurp('/proc/version'), '  a copy');
is($api->values("copy_or_link('$dir/gone', '$dir/x')"), 0, 'no file');
like(($api->logged)[0], qr/copy_or_link/, '  is told');

# --- Times, names ----------------------------------------------------------------------------------------------------------------
like($api->values('time_str()'), qr/^\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\z/, 'time_str');
like($api->values('hour_str()'), qr/^\d{4}-\d\d-\d\d-\d\d\z/, 'hour_str');
my %ids = map { $_ => 1 } $api->values('map { Mail::MIMEDefang::Utils::gen_mx_id() } 1 .. 20');
is_deeply([grep { !/^[0-9A-Za-x]{7}\z/ } keys %ids], [], 'gen_mx_id');
cmp_ok(keys %ids, '>', 10, '  differ');

# --- The message -----------------------------------------------------------------------------------------------------------------
my @envelope = ("Subject: s\n\nbody\n", 'S<a@example.org>', 'I192.0.2.1', 'Hclient.example.org', 'Eehlo.example.org', '=j mx.example.net', '=r ESMTP', 'R<b@example.net>');
$got = $api->scan([@envelope], begin => 'synthesize_received_header()');
like($got->{begin}[0][0], qr{\AReceived: from ehlo\.example\.org \(client\.example\.org \[192\.0\.2\.1\]\)\n\tby mx\.example\.net \(envelope-sender <a\@example\.org>\) \(MIMEDefang\) with ESMTP id Q1\n\tfor <b\@example\.net>; \w{3}, .*\n\z}, 'synthesize_received_header');
$got = $api->scan(['plain.eml', 'S<>', 'I2001:db8::1', 'H[2001:db8::1]', 'Ehi%0Athere', 'R<a@x>', 'R<b@x>'], begin => 'synthesize_received_header()');
like($got->{begin}[0][0], qr{\AReceived: from hi\?there \(\[IPv6:2001:db8::1\]\)\n\tby [\w.-]+ \(envelope-sender <>\) \(MIMEDefang\) with SMTP id Q1; }, '  IPv6, control bytes, two recipients');
$got = $api->scan([@envelope], begin => '(md_copy_orig_msg_to_work_dir(), md_copy_orig_msg_to_work_dir_as_mbox_file())');
is_deeply($got->{begin}[0], [1, 1], 'the message for scanners');
is(slurp("$got->{dir}/Work/INPUTMSG"), $envelope[0], '  as it is');
like(slurp("$got->{dir}/Work/INPUTMBOX"), qr/\AFrom a\@example\.org \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\nSubject: s\n\nbody\n\z/, '  as a mailbox');
is_deeply([$api->values('(md_copy_orig_msg_to_work_dir(), md_copy_orig_msg_to_work_dir_as_mbox_file())')], [0, 0], '  only in a message');
$got = $api->scan('plain.eml', begin => 'action_add_header("X", "a b%"); action_insert_header("Y", ""); read_results()');
is_deeply($got->{begin}[0], [['H', 'X', 'a b%'], ['N', 'Y', '0']], 'read_results');
is($api->stop, 0, 'ends well');
done_testing;
