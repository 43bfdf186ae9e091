#include "tools/message.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What is expected: headers as `[name|value]`, one after the other, then the body. */
static const struct {
	const char *file, *headers, *body;
} cases[] = {
	{ "", "", "" },
	{ "\n", "", "" },
	{ "A: b\n", "[A| b]", "" },
	{ "A: b", "[A| b]", "" },
	{ "A: b\n\n", "[A| b]", "" },
	{ "A: b\r\nC:d\r\n\r\nx\r\n", "[A| b][C|d]", "x\r\n" },
	{ "A: b\n\tc\n  d\nE:\n\nx\n", "[A| b\n\tc\n  d][E|]", "x\r\n" },
	{ "A: b\r\n c\r\n\r\n", "[A| b\n c]", "" },
	{ "A : b\nA\t: c\n\n", "[A| b][A| c]", "" },
	{ "A:  b\nX:\tv\n\n", "[A|  b][X|\tv]", "" },
	{ "From x@y Mon\nA: b\n\nx\n", "[A| b]", "x\r\n" }, /* mbox */
	{ "From : x\n\nx\n", "[From| x]", "x\r\n" },
	{ "A: b\nno header\nB: c\n", "[A| b]", "no header\r\nB: c\r\n" }, /* as Postfix has it */
	{ " folded\nA: b\n", "", " folded\r\nA: b\r\n" },
	{ ": b\n", "", ": b\r\n" },
	{ "A b: c\n", "", "A b: c\r\n" },
	{ "only text\n", "", "only text\r\n" },
	{ "A: b\n\nx", "[A| b]", "x\r\n" }, /* a last line without its end */
	{ "\nx\r", "", "x\r\n" },
	{ "\na\rb\n\r\n\n", "", "a\rb\r\n\r\n\r\n" }, /* bare CR stays */
	{ "A: \xe4\n\n\xe4\n", "[A| \xe4]", "\xe4\r\n" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = strlen(cases[i].file);
		char *copy = exact_bytes(cases[i].file, n);
		struct message m;
		struct buf headers;

		assert_int_equal(message_parse(&m, copy, n), 0);
		free(copy);
		buf_init(&headers, BUF_NO_LIMIT);
		for (size_t k = 0; k < m.n_headers; k++)
			buf_addf(&headers, "[%s|%s]", m.headers[k].name, m.headers[k].value);
		assert_string_equal(headers.data, cases[i].headers);
		assert_string_equal(m.body.data, cases[i].body);
		buf_free(&headers);
		message_free(&m);
	}
}

static void test_nul(void **state)
{
	struct message m;

	assert_int_equal(message_parse(&m, "A: b\0c\n\nx\0y\n", 12), 0);
	assert_string_equal(m.headers[0].value, " b"); /* Postfix cuts it there */
	assert_int_equal(m.body.len, 5);
	assert_memory_equal(m.body.data, "x\0y\r\n", 5);
	message_free(&m);
}

static void test_many_headers(void **state)
{
	struct buf file;
	struct message m;

	buf_init(&file, BUF_NO_LIMIT);
	for (int i = 0; i < 1000; i++)
		buf_addf(&file, "X-%d: %d\n", i, i);
	assert_int_equal(message_parse(&m, file.data, file.len), 0);
	assert_int_equal(m.n_headers, 1000);
	assert_string_equal(m.headers[999].name, "X-999");
	message_free(&m);
	buf_free(&file);
}

/* A CR LF may be split over two pieces. */
static void test_add_crlf(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	message_add_crlf(&out, "a\r", 2, 0);
	message_add_crlf(&out, "\nb", 2, '\r');
	message_add_crlf(&out, "\nc", 2, 'b');
	assert_string_equal(out.data, "a\r\nb\r\nc");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_many_headers),
		cmocka_unit_test(test_add_crlf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
