#include "pool/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>

#include <cmocka.h>

#define MAX_ARGS 64
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* Parse a command line given as one string of words; its strings stay in `words`. */
static int parse(const char *line, char words[1024], struct settings *s, char error[SETTINGS_ERROR_MAX])
{
	char *argv[MAX_ARGS] = { (char *)"mimedefang-multiplexor" }, *save = NULL;
	int argc = 1;

	strcpy(words, line);
	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return settings_parse(argc, argv, s, error);
}

static void test_defaults(void **state)
{
	char words[1024], error[SETTINGS_ERROR_MAX];
	struct settings s;

	assert_int_equal(parse("", words, &s, error), 0);
	assert_int_equal(s.action, SETTINGS_RUN);
	assert_int_equal(s.min_workers, 0);
	assert_int_equal(s.max_workers, 2);
	assert_int_equal(s.max_requests, 500);
	assert_int_equal(s.lifetime_ms, 0);
	assert_int_equal(s.idle_ms, 300000);
	assert_int_equal(s.busy_ms, 120000);
	assert_int_equal(s.client_ms, 10000);
	assert_int_equal(s.fill_ms, 3000);
	assert_int_equal(s.spacing_ms, 0);
	assert_int_equal(s.start_ms, 60000);
	assert_int_equal(s.queue_limit, 0);
	assert_int_equal(s.queue_ms, 30000);
	assert_int_equal(s.backlog, 5);
	assert_int_equal(s.facility, LOG_MAIL);
	assert_string_equal(s.spool, "/var/spool/MIMEDefang");
	assert_string_equal(s.socket, "/var/spool/MIMEDefang/mimedefang-multiplexor.sock");
	assert_string_equal(s.label, "mimedefang-multiplexor");
	assert_null(s.lockfile);
	assert_null(s.program);
	assert_null(s.open_socket);
	settings_free(&s);
}

static void test_all(void **state)
{
	char words[1024], error[SETTINGS_ERROR_MAX];
	struct settings s;

	assert_int_equal(
		parse("-U defang -m 2 -x 100 -r 7 -i 1 -b 2 -c 3 -s unix:/run/s -z /spool -p /run/pid -f /f "
		      "-F /rules -l -A -d -D -q 5000 -Q 4 -S LOCAL3 -Z -G -w 5 -W 6 -V 8 -I 9 -a inet:1234 "
		      "-M 1000 -R 2000 -Y label -N inet6:99 -O /run/notify -X 11 -P 3 --start-timeout 10",
		      words, &s, error),
		0);
	assert_string_equal(s.user, "defang");
	assert_int_equal(s.min_workers, 2);
	assert_int_equal(s.max_workers, 100);
	assert_int_equal(s.max_requests, 7);
	assert_int_equal(s.idle_ms, 1000);
	assert_int_equal(s.busy_ms, 2000);
	assert_int_equal(s.client_ms, 3000);
	assert_true(address_is_unix(&s.address));
	assert_string_equal(s.address.un.sun_path, "/run/s");
	assert_string_equal(s.spool, "/spool");
	assert_string_equal(s.pidfile, "/run/pid");
	assert_string_equal(s.lockfile, "/run/pid.lock");
	assert_string_equal(s.program, "/f");
	assert_string_equal(s.rules, "/rules");
	assert_true(s.log_choices && s.debug);
	assert_true(s.verbose && s.foreground && s.status_pipe && s.group_access);
	assert_int_equal(s.queue_limit, 5000);
	assert_int_equal(s.queue_ms, 4000);
	assert_int_equal(s.facility, LOG_LOCAL3);
	assert_int_equal(s.fill_ms, 5000);
	assert_int_equal(s.spacing_ms, 6000);
	assert_int_equal(s.lifetime_ms, 8000);
	assert_int_equal(s.backlog, 9);
	assert_false(address_is_unix(&s.open_address));
	assert_string_equal(s.notify_address.un.sun_path, "/run/notify");
	assert_int_equal(s.tick_ms, 11000);
	assert_int_equal(s.parallel_ticks, 3);
	assert_int_equal(s.map_address.sa.sa_family, AF_INET6);
	assert_int_equal(s.worker_memory, 1024000);
	assert_int_equal(s.rss_limit_kb, 2000);
	assert_string_equal(s.label, "label");
	assert_int_equal(s.start_ms, 10000);
	settings_free(&s);
}

static void test_derived(void **state)
{
	char words[1024], error[SETTINGS_ERROR_MAX];
	struct settings s;

	assert_int_equal(
		parse("-x 400 -z /elsewhere -p /run/pid -o /run/lock -o /run/lock2", words, &s, error), 0);
	assert_int_equal(s.backlog, 100);
	assert_string_equal(s.socket, "/elsewhere/mimedefang-multiplexor.sock");
	assert_string_equal(s.lockfile, "/run/lock2");
	settings_free(&s);
	assert_int_equal(parse("-x 4000", words, &s, error), 0);
	assert_int_equal(s.backlog, 200);
	settings_free(&s);
	assert_int_equal(parse("-h", words, &s, error), 0);
	assert_int_equal(s.action, SETTINGS_HELP);
	settings_free(&s);
	assert_int_equal(parse("-v", words, &s, error), 0);
	assert_int_equal(s.action, SETTINGS_VERSION);
	settings_free(&s);
}

static void test_errors(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "-R much", "Option -R: 'much' is not a number" },
		{ "-x two", "Option -x: 'two' is not a number" },
		{ "-x 2x", "Option -x: '2x' is not a number" },
		{ "-x 0", "Option -x: '0' is out of range (1 to 10000)" },
		{ "-m -1", "Option -m: '-1' is out of range (0 to 10000)" },
		{ "-r 0", "Option -r: '0' is out of range (1 to 1000000000)" },
		{ "-b 0", "Option -b: '0' is out of range (1 to 86400)" },
		{ "-Q 99999999999999999999",
		  "Option -Q: '99999999999999999999' is out of range (1 to 86400)" },
		{ "--start-timeout 0", "Option --start-timeout: '0' is out of range (1 to 86400)" },
		{ "--start-timeout", "Option --start-timeout needs a value" },
		{ "-m 3", "Option -m: 3 is more than the 2 workers of -x" },
		{ "-x", "Option -x needs a value" },
		{ "-j", "Unknown option -j" },
		{ "--fast", "Unknown option --fast" },
		{ "--scale-out 101", "Option --scale-out: '101' is out of range (1 to 100)" },
		{ "--ema-alpha x", "Option --ema-alpha: 'x' is not a number" },
		{ "--scale-out 40 --scale-in 40",
		  "Option --scale-in: 40 is not less than the 40 of --scale-out" },
		{ "-t", "Option -t needs a value" },
		{ "-L often", "Option -L: 'often' is not a number" },
		{ "-P 31", "Option -P: '31' is out of range (1 to 30)" },
		{ "word", "Unexpected argument 'word'" },
		{ "-z spool", "Option -z: 'spool' is not an absolute path" },
		{ "-S post", "Unknown syslog facility post" },
		{ "-f bin/filter", "-f: You must supply an absolute path for filter program" },
		{ "-s inet:99", "Argument to -s option must be a UNIX-domain socket, not a TCP socket." },
		{ "-a inet:0", NULL },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		char words[1024], error[SETTINGS_ERROR_MAX];
		struct settings s;

		print_message("# %s\n", cases[i].line);
		assert_int_equal(parse(cases[i].line, words, &s, error), EX_USAGE);
		if (cases[i].error != NULL)
			assert_string_equal(error, cases[i].error);
		settings_free(&s);
	}
}

static void test_usage(void **state)
{
	/* Each option that is taken is in the help text. */
	for (const char *p = "UmxribcszpofFlDqQSZGhvwWVIaMY"; *p != '\0'; p++) {
		char option[] = { ' ', ' ', '-', *p, ' ', '\0' };

		assert_non_null(strstr(settings_usage, option));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_all),   cmocka_unit_test(test_derived),
		cmocka_unit_test(test_errors),   cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
