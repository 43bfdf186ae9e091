#include "milter/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_line(const struct summary *s, const char *expected)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	summary_add(&out, s);
	assert_int_equal(buf_error(&out), 0);
	assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void test_whole(void **state)
{
	static const struct summary s = {
		.ip = "192.0.2.1",
		.name = "mx.example",
		.sender = "<bounce+a=b@example.org>",
		.recipients = 2,
		.size = 5000000000,
		.verdict = "reject",
		.stage = "eom",
		.reply = "554 5.7.1 No such thing",
		.cause = "",
		.facts = { 3, 0, 12 },
		.total_ms = 20,
	};

	assert_line(
		&s,
		"message client=[192.0.2.1] name=mx.example from=<bounce+a=b@example.org> nrcpts=2 "
		"size=5000000000 verdict=reject stage=eom reply=\"554 5.7.1 No such thing\" cause= worker=3 "
		"queued_ms=0 run_ms=12 total_ms=20");
}

static void test_unknown(void **state)
{
	static const struct summary s = { .facts = { -1, -1, -1 }, .total_ms = -1 };

	assert_line(&s, "message client=[] name= from= nrcpts=0 size=0 verdict= stage= reply= cause= worker= "
			"queued_ms= run_ms= total_ms=");
}

/* A value and how it is written. */
static const struct {
	const char *value, *written;
} values[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "a=b", "a=b" },
	{ "<>", "<>" },
	{ "two words", "\"two words\"" },
	{ " ", "\" \"" },
	{ "\"", "\"\\\"\"" },
	{ "back\\slash", "\"back\\\\slash\"" },
	{ "line\nfrom=<forged@x> verdict=accept", "\"line\\x0Afrom=<forged@x> verdict=accept\"" },
	{ "\" verdict=accept x=\"", "\"\\\" verdict=accept x=\\\"\"" },
	{ "\t\r\x1b\x7f", "\"\\x09\\x0D\\x1B\\x7F\"" },
	{ "j\xc3\xbcrgen\xff", "\"j\\xC3\\xBCrgen\\xFF\"" },
};

static void test_values(void **state)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct summary s = { .sender = values[i].value, .facts = FACTS_UNKNOWN, .total_ms = 0 };
		struct buf expected;

		buf_init(&expected, BUF_NO_LIMIT);
		buf_addf(&expected,
			 "message client=[] name= from=%s nrcpts=0 size=0 verdict= stage= reply= cause= "
			 "worker= "
			 "queued_ms= run_ms= total_ms=0",
			 values[i].written);
		assert_line(&s, expected.data);
		buf_free(&expected);
	}
}

static void test_limit(void **state)
{
	char sender[SUMMARY_MAX_VALUE + 2];
	struct summary s = { .sender = sender };
	struct buf out;

	memset(sender, 'a', sizeof(sender));
	sender[SUMMARY_MAX_VALUE] = '\0';
	buf_init(&out, BUF_NO_LIMIT);
	summary_add(&out, &s);
	assert_null(strstr(out.data, "..."));
	sender[SUMMARY_MAX_VALUE] = '\n'; /* what is cut off needs no quotes */
	sender[SUMMARY_MAX_VALUE + 1] = '\0';
	buf_clear(&out);
	summary_add(&out, &s);
	assert_non_null(strstr(out.data, "aaa... nrcpts="));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
