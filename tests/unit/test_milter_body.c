#include "milter/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct {
	const char *in;
	size_t n;
	const char *kept, *stripped; /* with and without lone CRs */
	bool suspicious;
} cases[] = {
	{ "", 0, "", "", false },
	{ "a\r\nb\r\n", 6, "a\nb\n", "a\nb\n", false },
	{ "no line end", 11, "no line end", "no line end", false },
	{ "a\nb", 3, "a\nb", "a\nb", false },
	{ "a\rb", 3, "a\rb", "ab", true },
	{ "a\r\r\nb", 5, "a\r\nb", "a\nb", true }, /* the first CR is alone, the second has its LF */
	{ "\r\r\r", 3, "\r\r", "", true },         /* the very last one is lost */
	{ "a\r", 2, "a", "a", true },
	{ "\r\n", 2, "\n", "\n", false },
	{ "\n\r", 2, "\n", "\n", true },
};

static void convert(const char *in, size_t n, size_t piece, struct body *b, struct buf *out)
{
	buf_clear(out);
	for (size_t at = 0; at < n; at += piece)
		body_convert(b, in + at, n - at < piece ? n - at : piece, out);
	body_end(b);
}

static void converts_in_pieces_of_any_size(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= 8; piece++) {
			struct body keep = { 0 }, strip = { .strip_cr = true };

			convert(cases[i].in, cases[i].n, piece, &keep, &out);
			assert_string_equal(out.data, cases[i].kept);
			assert_int_equal(keep.suspicious, cases[i].suspicious);
			convert(cases[i].in, cases[i].n, piece, &strip, &out);
			assert_string_equal(out.data, cases[i].stripped);
			assert_int_equal(strip.suspicious, cases[i].suspicious);
		}
	}
	buf_free(&out);
}

static void keeps_nul_and_is_suspicious(void **state)
{
	struct body b = { 0 };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	convert("a\0b\r\n", 5, 2, &b, &out);
	assert_int_equal(out.len, 4);
	assert_memory_equal(out.data, "a\0b\n", 4);
	assert_true(b.suspicious);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converts_in_pieces_of_any_size),
		cmocka_unit_test(keeps_nul_and_is_suspicious),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
