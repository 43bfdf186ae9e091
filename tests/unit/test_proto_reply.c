#include "proto/reply.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define FORBIDDEN "Forbidden for policy reasons"
#define LATER "Please try again later"

/* Replies without an SMTP reply that counts. */
static const struct {
	const char *line;
	enum verdict verdict;
	bool has_reply;
	int delay_s;
} plain[] = {
	{ "ok 1\n", VERDICT_CONTINUE, false, 0 },
	{ "ok 0\n", VERDICT_REJECT, false, 0 },
	{ "ok -1\n", VERDICT_TEMPFAIL, false, 0 },
	{ "ok 2\n", VERDICT_ACCEPT, false, 0 },
	{ "ok 3\n", VERDICT_DISCARD, false, 0 },
	{ "ok 1 ok 250 2.1.0 0\n", VERDICT_CONTINUE, true, 0 },
	{ "ok 1 ok 250 2.1.0 7\n", VERDICT_CONTINUE, true, 7 },
	{ "ok 2 ? 250 2.1.0 7\n", VERDICT_ACCEPT, true, 7 },
	{ "ok 3 ? 250 2.1.0 0\n", VERDICT_DISCARD, true, 0 },
};

static void test_check_plain(void **state)
{
	for (size_t i = 0; i < N(plain); i++) {
		char *line = exact_string(plain[i].line);
		struct check_reply r;

		assert_int_equal(check_reply_parse(line, &r), REPLY_OK);
		assert_int_equal(r.verdict, plain[i].verdict);
		assert_int_equal(r.has_reply, plain[i].has_reply);
		assert_int_equal(r.delay_s, plain[i].delay_s);
		free(line);
	}
}

static const struct {
	const char *line;
	enum verdict verdict;
	const char *code, *dsn, *text;
	int delay_s;
} replies[] = {
	{ "ok 0 No%20such%20user 550 5.1.1 3\n", VERDICT_REJECT, "550", "5.1.1", "No such user", 3 },
	{ "ok -1 Later 450 4.7.1 0\n", VERDICT_TEMPFAIL, "450", "4.7.1", "Later", 0 },
	{ "ok 0 No 599 5.123.456 0\n", VERDICT_REJECT, "599", "5.123.456", "No", 0 },
	/* without LF: the text was there, so nothing that matters was cut */
	{ "ok 0 No 550 5.1.1 0", VERDICT_REJECT, "550", "5.1.1", "No", 0 },
	/* any tail may be missing */
	{ "ok 0 No 550 5.1.1\n", VERDICT_REJECT, "550", "5.1.1", "No", 0 },
	{ "ok 0 No 550\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No\n", VERDICT_REJECT, "554", "5.7.1", "No", 0 },
	{ "ok -1 No\n", VERDICT_TEMPFAIL, "451", "4.3.0", "No", 0 },
	{ "ok -1 Per-domain%20limit;%20later\n", VERDICT_TEMPFAIL, "451", "4.3.0", "Per-domain limit; later",
	  0 },
	/* empty text */
	{ "ok 0  550 5.1.1 0\n", VERDICT_REJECT, "550", "5.1.1", FORBIDDEN, 0 },
	{ "ok -1  450 4.1.1 0\n", VERDICT_TEMPFAIL, "450", "4.1.1", LATER, 0 },
	/* bad codes */
	{ "ok 0 No 450 5.1.1 0\n", VERDICT_REJECT, "554", "5.1.1", "No", 0 },
	{ "ok -1 No 550 4.1.1 0\n", VERDICT_TEMPFAIL, "451", "4.1.1", "No", 0 },
	{ "ok 0 No 55 5.1.1 0\n", VERDICT_REJECT, "554", "5.1.1", "No", 0 },
	{ "ok 0 No 5500 5.1.1 0\n", VERDICT_REJECT, "554", "5.1.1", "No", 0 },
	{ "ok 0 No 5x0 5.1.1 0\n", VERDICT_REJECT, "554", "5.1.1", "No", 0 },
	{ "ok 0 No  5.1.1 0\n", VERDICT_REJECT, "554", "5.1.1", "No", 0 },
	/* bad enhanced codes */
	{ "ok 0 No 550 4.1.1 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok -1 No 450 5.1.1 0\n", VERDICT_TEMPFAIL, "450", "4.3.0", "No", 0 },
	{ "ok 0 No 550 5.1 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5.1. 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5..1 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5.1.1234 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5.1234.1 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5.1.1.1 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5.1.x 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	{ "ok 0 No 550 5 0\n", VERDICT_REJECT, "550", "5.7.1", "No", 0 },
	/* delays */
	{ "ok 0 No 550 5.1.1 3600\n", VERDICT_REJECT, "550", "5.1.1", "No", 3600 },
	{ "ok 0 No 550 5.1.1 3601\n", VERDICT_REJECT, "550", "5.1.1", "No", 3600 },
	{ "ok 0 No 550 5.1.1 99999999999999999999\n", VERDICT_REJECT, "550", "5.1.1", "No", 3600 },
	{ "ok 0 No 550 5.1.1 007\n", VERDICT_REJECT, "550", "5.1.1", "No", 7 },
	{ "ok 0 No 550 5.1.1 -5\n", VERDICT_REJECT, "550", "5.1.1", "No", 0 },
	{ "ok 0 No 550 5.1.1 5s\n", VERDICT_REJECT, "550", "5.1.1", "No", 0 },
	{ "ok 0 No 550 5.1.1 \n", VERDICT_REJECT, "550", "5.1.1", "No", 0 },
	{ "ok 0 No 550 5.1.1 4 surplus\n", VERDICT_REJECT, "550", "5.1.1", "No", 4 },
	/* a text that was not encoded moves the fields; what lands in DELAY is no number */
	{ "ok 0 Go away 550 5.1.1\n", VERDICT_REJECT, "554", "5.7.1", "Go", 0 },
	/* control bytes; lines stay */
	{ "ok 0 a%0Ab%0Dc%09d%7F%01e%00f 550 5.1.1 0\n", VERDICT_REJECT, "550", "5.1.1", "a\nb c d  e f", 0 },
	{ "ok 0 %C3%A4 550 5.1.1 0\n", VERDICT_REJECT, "550", "5.1.1", "\xc3\xa4", 0 },
	{ "ok 0 %2 550 5.1.1 0\n", VERDICT_REJECT, "550", "5.1.1", "%2", 0 },
};

static void test_check_reply(void **state)
{
	for (size_t i = 0; i < N(replies); i++) {
		char *line = exact_string(replies[i].line);
		struct check_reply r;

		assert_int_equal(check_reply_parse(line, &r), REPLY_OK);
		assert_int_equal(r.verdict, replies[i].verdict);
		assert_true(r.has_reply);
		assert_string_equal(r.reply.code, replies[i].code);
		assert_string_equal(r.reply.dsn, replies[i].dsn);
		assert_string_equal(r.reply.text, replies[i].text);
		assert_int_equal(r.delay_s, replies[i].delay_s);
		free(line);
	}
}

static const struct {
	const char *line;
	enum reply_error error;
	const char *logged;
} bad[] = {
	{ "", REPLY_EMPTY, "" },
	{ "\n", REPLY_NOT_OK, "" },
	{ "ok 1", REPLY_NOT_OK, "ok 1" }, /* the bare forms need their LF, and nothing else */
	{ "ok 1\r\n", REPLY_NOT_OK, "ok 1\r" },
	{ "ok 1 \n", REPLY_NOT_OK, "ok 1 " },
	{ "ok 1 ", REPLY_NOT_OK, "ok 1 " },
	{ "ok 1\nok 1\n", REPLY_NOT_OK, "ok 1" },
	{ "ok 0 a\nb 550\n", REPLY_NOT_OK, "ok 0 a" },
	{ "ok 4\n", REPLY_NOT_OK, "ok 4" },
	{ "ok -2\n", REPLY_NOT_OK, "ok -2" },
	{ "ok 10 x\n", REPLY_NOT_OK, "ok 10 x" },
	{ "ok\n", REPLY_NOT_OK, "ok" },
	{ "ok \n", REPLY_NOT_OK, "ok " },
	{ "ok", REPLY_NOT_OK, "ok" },
	{ "o", REPLY_NOT_OK, "o" },
	{ "OK 1\n", REPLY_NOT_OK, "OK 1" },
	{ " ok 1\n", REPLY_NOT_OK, " ok 1" },
	{ "ok  1\n", REPLY_NOT_OK, "ok  1" },
	{ "error: No free workers\n", REPLY_NOT_OK, "error: No free workers" },
	{ "ERR No response from worker\n", REPLY_NOT_OK, "ERR No response from worker" },
};

static void test_check_bad(void **state)
{
	for (size_t i = 0; i < N(bad); i++) {
		char *line = exact_string(bad[i].line);
		struct check_reply r = { .delay_s = -7 };

		assert_int_equal(check_reply_parse(line, &r), bad[i].error);
		assert_int_equal(r.delay_s, -7);
		assert_string_equal(line, bad[i].logged);
		free(line);
	}
}

static const struct {
	const char *line;
	enum reply_error error;
	int value;
} frees[] = {
	{ "4\n", REPLY_OK, 4 },
	{ "0\n", REPLY_OK, 0 },
	{ "12", REPLY_OK, 12 },
	{ "99999999999\n", REPLY_OK, INT32_MAX },
	{ "", REPLY_EMPTY, -7 },
	{ "\n", REPLY_NOT_OK, -7 },
	{ "-1\n", REPLY_NOT_OK, -7 },
	{ "4 \n", REPLY_NOT_OK, -7 },
	{ "4\n4\n", REPLY_NOT_OK, -7 },
	{ "four\n", REPLY_NOT_OK, -7 },
	{ "error: x\n", REPLY_NOT_OK, -7 },
};

static void test_free_reply(void **state)
{
	for (size_t i = 0; i < N(frees); i++) {
		char *line = exact_string(frees[i].line);
		int value = -7;

		assert_int_equal(free_reply_parse(line, &value), frees[i].error);
		assert_int_equal(value, frees[i].value);
		free(line);
	}
}

static const struct {
	const char *line;
	enum reply_error error;
} scans[] = {
	{ "ok\n", REPLY_OK },       { "", REPLY_EMPTY },       { "ok", REPLY_NOT_OK },
	{ "ok\r\n", REPLY_NOT_OK }, { "ok \n", REPLY_NOT_OK }, { "ok\nok\n", REPLY_NOT_OK },
	{ "OK\n", REPLY_NOT_OK },   { "\n", REPLY_NOT_OK },    { "error: Cannot chdir\n", REPLY_NOT_OK },
};

static void test_scan_reply(void **state)
{
	for (size_t i = 0; i < N(scans); i++) {
		char *line = exact_string(scans[i].line);

		assert_int_equal(scan_reply_parse(line), scans[i].error);
		assert_null(strchr(line, '\n'));
		free(line);
	}
}

static void test_is_error(void **state)
{
	assert_true(reply_is_error("error: x\n"));
	assert_true(reply_is_error("error:"));
	assert_true(reply_is_error("ERR x\n"));
	assert_false(reply_is_error("ERR"));
	assert_false(reply_is_error("ERRATIC\n"));
	assert_false(reply_is_error("ok\n"));
	assert_false(reply_is_error(""));
}

static void assert_formats(const char *text, const char *expected)
{
	struct smtp_reply r = { .code = "550", .dsn = "5.7.1", .text = exact_string(text) };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	smtp_reply_format(&out, &r);
	assert_int_equal(buf_error(&out), 0);
	assert_string_equal(out.data, expected);
	buf_free(&out);
	free(r.text);
}

static void test_format(void **state)
{
	assert_formats("text", "550 5.7.1 text");
	assert_formats("", "550 5.7.1 ");
	assert_formats("multi\nline", "550-5.7.1 multi\r\n550 5.7.1 line");
	assert_formats("one\n", "550 5.7.1 one");
	assert_formats("\n", "550 5.7.1 ");
	assert_formats("a\n\nb", "550-5.7.1 a\r\n550-5.7.1 \r\n550 5.7.1 b");
	assert_formats("100%", "550 5.7.1 100%%");
}

static void test_format_limits(void **state)
{
	static const char head[] = "550 5.7.1 ";
	struct smtp_reply r = { .code = "550", .dsn = "5.7.1" };
	char text[2 * SMTP_REPLY_MAX_LINE];
	struct buf out;
	int breaks = 0;

	buf_init(&out, BUF_NO_LIMIT);
	r.text = text;
	memset(text, 'a', sizeof(text));
	text[SMTP_REPLY_MAX_LINE - 1] = '%'; /* doubled, it does not fit, and half of it would be wrong */
	text[sizeof(text) - 1] = '\0';
	smtp_reply_format(&out, &r);
	assert_int_equal(out.len, strlen(head) + SMTP_REPLY_MAX_LINE - 1);
	assert_null(strchr(out.data, '%'));

	buf_clear(&out);
	memset(text, '\n', SMTP_REPLY_MAX_LINES + 5);
	smtp_reply_format(&out, &r);
	for (size_t i = 0; i < out.len; i++)
		breaks += out.data[i] == '\n';
	assert_int_equal(breaks, SMTP_REPLY_MAX_LINES - 1);
	assert_string_equal(out.data + out.len - strlen(head), head); /* the last line has a space */
	buf_free(&out);
}

static void test_set_defaults(void **state)
{
	struct smtp_reply r;

	smtp_reply_set(&r, VERDICT_REJECT, NULL, NULL, NULL);
	assert_string_equal(r.code, "554");
	assert_string_equal(r.dsn, "5.7.1");
	assert_string_equal(r.text, FORBIDDEN);
	smtp_reply_set(&r, VERDICT_TEMPFAIL, NULL, NULL, NULL);
	assert_string_equal(r.code, "451");
	assert_string_equal(r.dsn, "4.3.0");
	assert_string_equal(r.text, LATER);
}

static void test_verdict_name(void **state)
{
	assert_string_equal(verdict_name(VERDICT_CONTINUE), "continue");
	assert_string_equal(verdict_name(VERDICT_DISCARD), "discard");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_plain),  cmocka_unit_test(test_check_reply),
		cmocka_unit_test(test_check_bad),    cmocka_unit_test(test_free_reply),
		cmocka_unit_test(test_scan_reply),   cmocka_unit_test(test_is_error),
		cmocka_unit_test(test_format),       cmocka_unit_test(test_format_limits),
		cmocka_unit_test(test_set_defaults), cmocka_unit_test(test_verdict_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
