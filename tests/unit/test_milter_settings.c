#include "milter/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define MAX_ARGS 80

/* Parse a command line of words with single spaces; `line` is cut into pieces. */
static enum settings_wish parse(char *line, struct settings *out, struct buf *error)
{
	char *argv[MAX_ARGS + 1], *save = NULL;
	int argc = 0;

	for (char *word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	buf_clear(error);
	return settings_parse(argc, argv, out, error);
}

static void reads_all_options(void **state)
{
	char line[] =
		"p -p inet:1234@127.0.0.1 -m /run/m.sock -U defang -z /spool -P /run/x.pid -o /run/x.lock -S "
		"local3 "
		"-D -G -b 7 -r -H -s -t -q -R 3 -L ::ffff:192.0.2.1 -a one -a two -y -N -c -x text -d -k -T "
		"-C -M "
		"--max-results 2048 --conf-dir /etc/x --wait-controller 3 --command-timeout 8 "
		"--content-timeout 200 "
		"--scan-timeout 0 --progress 0 --idle-timeout 600 --max-sessions 50 --loops 7 --grace 0";
	struct settings s;
	struct buf error;

	buf_init(&error, BUF_NO_LIMIT);
	assert_int_equal(parse(line, &s, &error), SETTINGS_RUN);
	assert_false(s.socket.wildcard);
	assert_string_equal(s.socket_text, "inet:1234@127.0.0.1");
	assert_true(address_is_unix(&s.pool));
	assert_string_equal(s.user, "defang");
	assert_string_equal(s.spool, "/spool");
	assert_string_equal(s.pid_file, "/run/x.pid");
	assert_string_equal(s.lock_file, "/run/x.lock");
	assert_int_equal(s.facility, LOG_LOCAL3);
	assert_int_equal(s.backlog, 7);
	assert_int_equal(s.reserved, 3);
	assert_string_equal(s.like_loopback, "192.0.2.1"); /* as clients are told */
	assert_int_equal(s.n_macros, 2);
	assert_string_equal(s.macros[1], "two");
	assert_string_equal(s.scanned_by, "text");
	assert_true(s.foreground && s.group && s.relay_check && s.helo_check && s.sender_check);
	assert_true(s.recipient_check && s.queue_connections && s.ask_macros && s.hide_refused);
	assert_true(s.strip_cr && s.keep_dirs && s.keep_failed && s.log_times);
	assert_int_equal(s.max_results, 2048);
	assert_int_equal(s.wait_controller_s, 3);
	assert_int_equal(s.loops, 7);
	assert_int_equal(s.grace_s, 0);
	assert_int_equal(s.command_timeout_s, 8);
	assert_int_equal(s.content_timeout_s, 200);
	assert_int_equal(s.scan_timeout_s, 0);
	assert_int_equal(s.progress_s, 0);
	assert_int_equal(s.idle_timeout_s, 600);
	assert_int_equal(s.max_sessions, 50);
	assert_string_equal(s.conf_dir, "/etc/x");
	buf_free(&error);
}

static void has_defaults(void **state)
{
	char line[] = "p -p /s -m /m", wildcard[] = "p -p inet:1234 -m /m",
	     named[] = "p -p inet:1@mx.example -m /m";
	struct settings s;
	struct buf error;

	buf_init(&error, BUF_NO_LIMIT);
	assert_int_equal(parse(line, &s, &error), SETTINGS_RUN);
	assert_string_equal(s.spool, SETTINGS_SPOOL);
	assert_int_equal(s.facility, LOG_MAIL);
	assert_int_equal(s.wait_controller_s, 20);
	assert_int_equal(s.loops, 0);
	assert_int_equal(s.grace_s, 5);
	assert_int_equal(s.reserved, -1);
	assert_memory_equal(s.scanned_by, "MIMEDefang ", 11);
	assert_false(s.foreground || s.relay_check || s.keep_dirs);
	assert_string_equal(s.like_loopback, "");
	assert_int_equal(parse(wildcard, &s, &error), SETTINGS_RUN);
	assert_true(s.socket.wildcard);
	assert_int_equal(parse(named, &s, &error), SETTINGS_RUN);
	assert_int_equal(s.socket.len, 0); /* still to be looked up */
	buf_free(&error);
}

static const struct {
	const char *line;
	int reserved, backlog;
	const char *scanned_by;
} lenient[] = {
	{ "p -p /s -m /m -R 0 -b 1 -x a", 0, SETTINGS_MIN_BACKLOG, "a" },
	{ "p -p /s -m /m -R -5 -b 5 -X", -1, 5, "" },
	{ "p -p /s -m /m -R -1 -b 5 -X -x text", -1, 5, "" },
	{ "p -p /s -m /m -R 2147483647 -b 6 -x a -x b", 2147483647, 6, "b" },
};

static void bends_numbers_into_range(void **state)
{
	struct settings s;
	struct buf error;
	char line[200];

	buf_init(&error, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(lenient) / sizeof(lenient[0]); i++) {
		memcpy(line, lenient[i].line, strlen(lenient[i].line) + 1);
		assert_int_equal(parse(line, &s, &error), SETTINGS_RUN);
		assert_int_equal(s.reserved, lenient[i].reserved);
		assert_int_equal(s.backlog, lenient[i].backlog);
		assert_string_equal(s.scanned_by, lenient[i].scanned_by);
	}
	buf_free(&error);
}

static const struct {
	const char *line;
	enum settings_wish wish;
	const char *error;
} refused[] = {
	{ "p -h", SETTINGS_USAGE, "" },
	{ "p --help", SETTINGS_USAGE, "" },
	{ "p -v", SETTINGS_VERSION, "" },
	{ "p prcap", SETTINGS_CAPABILITIES, "" },
	{ "p prcap -D", SETTINGS_BAD, "p: Unexpected argument 'prcap'" },
	{ "p -p bogus:foo -m /m", SETTINGS_BAD,
	  "p: Option -p: 'bogus:foo': not a path, nor unix:, local:, inet: or inet6:" },
	{ "p -p inet:70000 -m /m", SETTINGS_BAD,
	  "p: Option -p: 'inet:70000': port is not a number of 1 to 65535" },
	{ "p -p inet:1@::1 -m /m", SETTINGS_BAD,
	  "p: Option -p: 'inet:1@::1': host is not an address of this family" },
	{ "p -p /s -m inet:1@host", SETTINGS_BAD,
	  "p: Option -m: 'inet:1@host': host has to be a numeric address here" },
	{ "p -L localhost", SETTINGS_BAD, "p: Option -L: 'localhost' is not an IP address" },
	{ "p -L 1.2.3", SETTINGS_BAD, "p: Option -L: '1.2.3' is not an IP address" },
	{ "p -a {x}", SETTINGS_BAD,
	  "p: Option -a: '{x}' is not a macro's name, which is given without braces" },
	{ "p -x a\nb", SETTINGS_BAD, "p: Option -x: a header's text has no control bytes" },
	{ "p -P pid", SETTINGS_BAD, "p: Option -P: 'pid' is not an absolute path" },
	{ "p -o lock", SETTINGS_BAD, "p: Option -o: 'lock' is not an absolute path" },
	{ "p --conf-dir etc", SETTINGS_BAD, "p: Option --conf-dir: 'etc' is not an absolute path" },
	{ "p -R 99999999999999999999", SETTINGS_BAD,
	  "p: Option -R: '99999999999999999999' is out of range (-2147483648 to 2147483647)" },
	{ "p --max-results", SETTINGS_BAD, "p: Option --max-results needs a value" },
	{ "p", SETTINGS_BAD, "p: You must use the `-p' option." },
	{ "p -m /m", SETTINGS_BAD, "p: You must use the `-p' option." },
	{ "p -p /s", SETTINGS_BAD, "p: You must use the `-m' option." },
	{ "p -p /s -m /m -R x", SETTINGS_BAD, "p: Option -R: 'x' is not a number" },
	{ "p -p /s -m /m -b 0", SETTINGS_BAD, "p: Option -b: '0' is out of range (1 to 2147483647)" },
	{ "p -p /s -m /m -S nonsense", SETTINGS_BAD, "p: Unknown syslog facility nonsense" },
	{ "p -p /s -m /m -z relative", SETTINGS_BAD, "p: Option -z: 'relative' is not an absolute path" },
	{ "p -p /s -m /m -W", SETTINGS_BAD, "p: Unknown option -W" },
	{ "p -p /s -m /m --nonsense", SETTINGS_BAD, "p: Unknown option --nonsense" },
	{ "p -p /s -m", SETTINGS_BAD, "p: Option -m needs a value" },
	{ "p -p /s -m /m more", SETTINGS_BAD, "p: Unexpected argument 'more'" },
	{ "p --max-results 1 -p /s -m /m", SETTINGS_BAD,
	  "p: Option --max-results: '1' is out of range (1024 to 1073741824)" },
	{ "p --wait-controller 0", SETTINGS_BAD,
	  "p: Option --wait-controller: '0' is out of range (1 to 86400)" },
};

static void says_what_is_wrong(void **state)
{
	struct settings s;
	struct buf error;
	char line[200];

	buf_init(&error, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		memcpy(line, refused[i].line, strlen(refused[i].line) + 1);
		assert_int_equal(parse(line, &s, &error), refused[i].wish);
		assert_string_equal(error.data, refused[i].error);
	}
	buf_free(&error);
}

static void limits_macros(void **state)
{
	char line[1000] = "p -p /s -m /m", long_name[SETTINGS_MAX_MACRO_NAME + 2];
	char *argv[] = { line, long_name, NULL };
	struct settings s;
	struct buf error;
	size_t at = strlen(line);

	buf_init(&error, BUF_NO_LIMIT);
	for (int i = 0; i <= SETTINGS_MAX_MACROS; i++, at += 5)
		memcpy(line + at, " -a m", 6);
	assert_int_equal(parse(line, &s, &error), SETTINGS_BAD);
	assert_string_equal(error.data, "p: Too many Sendmail macros (max 30)");
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	memcpy(long_name, "-a", 2);
	argv[0] = (char *)"p";
	buf_clear(&error);
	assert_int_equal(settings_parse(2, argv, &s, &error),
			 SETTINGS_BAD); /* within the limit; -p is missing */
	assert_string_equal(error.data, "p: You must use the `-p' option.");
	buf_free(&error);
}

static void refuses_empty_and_long_values(void **state)
{
	static const char *const letters[] = { "-p", "-m", "-U", "-z", "-P",
					       "-o", "-S", "-L", "-a", "--conf-dir" };
	char text[SETTINGS_MAX_SCANNED_BY + 2], want[80];
	struct settings s;
	struct buf error;

	buf_init(&error, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		char *argv[] = { (char *)"p", (char *)letters[i], (char *)"", NULL };

		buf_clear(&error);
		snprintf(want, sizeof(want), "p: Option %s needs a value", letters[i]);
		assert_int_equal(settings_parse(3, argv, &s, &error), SETTINGS_BAD);
		assert_string_equal(error.data, want);
	}
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_clear(&error);
	assert_int_equal(settings_parse(3, (char *[]){ (char *)"p", (char *)"-x", text, NULL }, &s, &error),
			 SETTINGS_BAD);
	assert_string_equal(error.data, "p: Option -x: longer than 900 bytes");
	buf_free(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_options),
		cmocka_unit_test(has_defaults),
		cmocka_unit_test(bends_numbers_into_range),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(limits_macros),
		cmocka_unit_test(refuses_empty_and_long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
