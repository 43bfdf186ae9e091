#include "proto/request.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *line;
	enum request_verb verb;
	int argc;
	const char *last_arg;
} lines[] = {
	{ "help", REQUEST_HELP, 0, NULL },
	{ "version", REQUEST_VERSION, 0, NULL },
	{ "free", REQUEST_FREE, 0, NULL },
	{ "status", REQUEST_STATUS, 0, NULL },
	{ "msgs", REQUEST_MSGS, 0, NULL },
	{ "workers", REQUEST_WORKERS, 0, NULL },
	{ "slaves", REQUEST_WORKERS, 0, NULL },
	{ "busyworkers", REQUEST_BUSYWORKERS, 0, NULL },
	{ "busyslaves", REQUEST_BUSYWORKERS, 0, NULL },
	{ "workerinfo 3", REQUEST_WORKERINFO, 1, "3" },
	{ "slaveinfo 0", REQUEST_WORKERINFO, 1, "0" },
	{ "workerinfo ", REQUEST_WORKERINFO, 1, "" },
	{ "load", REQUEST_LOAD, 0, NULL },
	{ "load-relayok", REQUEST_LOAD_RELAYOK, 0, NULL },
	{ "hload", REQUEST_HLOAD, 0, NULL },
	{ "hload-recipok", REQUEST_HLOAD_RECIPOK, 0, NULL },
	{ "load1 60", REQUEST_LOAD1, 1, "60" },
	{ "load1", REQUEST_FOREIGN, 0, NULL },
	{ "histo", REQUEST_HISTO, 0, NULL },
	{ "snapshot", REQUEST_SNAPSHOT, 0, NULL },
	{ "health", REQUEST_HEALTH, 0, NULL },
	{ "autoscale", REQUEST_AUTOSCALE, 0, NULL },
	{ "reread", REQUEST_REREAD, 0, NULL },
	{ "reread -n", REQUEST_REREAD, 1, "-n" },
	{ "tick", REQUEST_TICK_REFUSED, 0, NULL },
	{ "foo_no_such_command", REQUEST_NO_SUCH, 0, NULL },
	{ "free\r", REQUEST_FREE, 0, NULL }, /* one CR goes */
	{ "free\r\r", REQUEST_FOREIGN, 0, NULL },
	{ "scan Q1 /var/spool/a%20b", REQUEST_SCAN, 2, "/var/spool/a b" },
	{ "scan Q1 %2", REQUEST_SCAN, 2, "%2" },
	{ "relayok 192.0.2.7 mx.example 25 192.0.2.1 25 NOQUEUE", REQUEST_RELAYOK, 6, "NOQUEUE" },
	{ "relayok 192.0.2.7 mx.example", REQUEST_RELAYOK, 2, "mx.example" },
	{ "helook 192.0.2.7 mx  25 192.0.2.1 25 NOQUEUE", REQUEST_HELOOK, 7, "NOQUEUE" }, /* no HELO */
	{ "senderok <a@b> 192.0.2.7 mx mx /d Q1 SIZE=9", REQUEST_SENDEROK, 7, "SIZE=9" },
	{ "recipok <c@d> <a@b> 192.0.2.7 mx <c@d> mx /d Q1 ? ? ?", REQUEST_RECIPOK, 11, "?" },
	/* what fits no row is for a worker */
	{ "", REQUEST_FOREIGN, 0, NULL },
	{ "\r", REQUEST_FOREIGN, 0, NULL },
	{ " ", REQUEST_FOREIGN, 1, "" },
	{ "FREE", REQUEST_FOREIGN, 0, NULL },
	{ " free", REQUEST_FOREIGN, 1, "free" },
	{ "free ", REQUEST_FOREIGN, 1, "" },
	{ "fre%65", REQUEST_FOREIGN, 0, NULL },
	{ "status x", REQUEST_FOREIGN, 1, "x" },
	{ "workerinfo", REQUEST_FOREIGN, 0, NULL },
	{ "workerinfo 1 2", REQUEST_FOREIGN, 2, "2" },
	{ "scan Q1", REQUEST_FOREIGN, 1, "Q1" },
	{ "tick 0", REQUEST_FOREIGN, 1, "0" },
	{ "ping", REQUEST_FOREIGN, 0, NULL },
	{ "map users k%65y", REQUEST_FOREIGN, 2, "key" },
	{ "frees", REQUEST_FOREIGN, 0, NULL },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < N(lines); i++) {
		char *line = exact_string(lines[i].line);
		struct request r;

		assert_int_equal(request_parse(line, &r), REQUEST_OK);
		assert_int_equal(r.verb, lines[i].verb);
		assert_int_equal(r.argc, lines[i].argc);
		if (r.argc > 0)
			assert_string_equal(r.argv[r.argc - 1], lines[i].last_arg);
		if (r.verb == REQUEST_FOREIGN)
			assert_null(r.info);
		else
			assert_int_equal(r.info->verb, r.verb);
		free(line);
	}
}

static void test_word_limit(void **state)
{
	struct request r = { .argc = -7 };
	char line[2 * REQUEST_MAX_WORDS + 16] = "senderok";
	size_t n = strlen(line);

	for (int i = 0; i < REQUEST_MAX_WORDS; i++) {
		line[n++] = ' ';
		line[n++] = 'x';
	}
	line[n] = '\0';
	char *most = exact_string(line);
	line[n++] = ' ';
	line[n] = '\0';
	char *more = exact_string(line);

	assert_int_equal(request_parse(more, &r), REQUEST_TOO_MANY_WORDS);
	assert_int_equal(r.argc, -7);
	assert_int_equal(request_parse(most, &r), REQUEST_OK);
	assert_int_equal(r.argc, REQUEST_MAX_WORDS);
	free(most);
	free(more);
}

/* Names and synonyms are unique, and what a client may see has a help text. */
static void test_table(void **state)
{
	for (size_t i = 0; i < request_table_len; i++) {
		const struct request_info *a = &request_table[i];

		assert_true(a->max_args == -1 || a->max_args >= a->min_args);
		assert_true(!a->for_worker || a->privileged);
		if (a->verb != REQUEST_TICK_REFUSED && a->verb != REQUEST_NO_SUCH)
			assert_non_null(a->help);
		assert_true(strlen(a->name) <= 17 || a->help == NULL);
		for (size_t j = 0; j < i; j++) {
			const struct request_info *b = &request_table[j];

			assert_string_not_equal(a->name, b->name);
			if (a->synonym != NULL)
				assert_string_not_equal(a->synonym, b->name);
		}
	}
}

static void test_encode(void **state)
{
	const char *const args[] = { "<a b@c>", NULL, "", "100%" };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	request_encode(&out, "senderok", args, 4);
	request_encode(&out, "free", NULL, 0);
	assert_string_equal(out.data, "senderok <a%20b@c>   100%25\nfree\n");
	buf_free(&out);
}

static const struct {
	const char *line, *tag;
} tags[] = {
	{ "", "" },
	{ "scan QID123 /var/spool/x", "scan QID123" },
	{ "relayok 192.0.2.7 name", "relayok 192.0.2.7" },
	{ "ping", "ping" },
	{ "ping\n", "ping" },
	{ "ping\r\n", "ping" },
	{ "ping x\n", "ping x" },
	{ "tick ", "tick " },
	{ "map%0Aa b%00%7f%ffc x", "map a b   c" },
	{ "scan 012345678901234567890123456789012345678901234567890123456789 x",
	  "scan 0123456789012345678901234567890123456789012345678901234567" },
	/* cut in the middle of an escape: what is left of it stays */
	{ "scan 01234567890123456789012345678901234567890123456789012345%20 x",
	  "scan 01234567890123456789012345678901234567890123456789012345%2" },
};

static void test_tag(void **state)
{
	for (size_t i = 0; i < N(tags); i++) {
		char *line = exact_string(tags[i].line);
		char *tag = malloc(64);

		request_tag(line, tag);
		assert_string_equal(tag, tags[i].tag);
		free(tag);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_word_limit),
		cmocka_unit_test(test_table), cmocka_unit_test(test_encode),
		cmocka_unit_test(test_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
