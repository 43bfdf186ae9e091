#include "proto/percent.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *plain, *coded;
} codings[] = {
	{ "", "" },
	{ "plain-text_1.2~", "plain-text_1.2~" },
	{ "a b", "a%20b" },
	{ "100%", "100%25" },
	{ "\\'\"", "%5C%27%22" },
	{ "\t\r\n", "%09%0D%0A" },
	{ "\x7f\x80\xff", "%7F%80%FF" },
	{ "!~", "!~" }, /* the first and the last that stay */
};

static void test_encode(void **state)
{
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		char *plain = exact_string(codings[i].plain);
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		percent_encode_str(&out, plain);
		assert_string_equal(out.data, codings[i].coded);
		buf_free(&out);
		free(plain);
	}
}

static const struct {
	const char *coded, *plain;
} decodings[] = {
	{ "", "" },
	{ "a%20b%2fc%2Fd", "a b/c/d" },
	{ "%", "%" },
	{ "%4", "%4" }, /* cut short: must not read past the end */
	{ "a%", "a%" },
	{ "%zz%4g%g4", "%zz%4g%g4" },
	{ "%%41", "%A" },
	{ "%2541", "%41" }, /* once, not again */
	{ "\xff%FF", "\xff\xff" },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < sizeof(decodings) / sizeof(decodings[0]); i++) {
		char *s = exact_string(decodings[i].coded);

		assert_int_equal(percent_decode(s), strlen(decodings[i].plain));
		assert_string_equal(s, decodings[i].plain);
		free(s);
	}
}

static void test_nul_bytes(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	percent_encode(&out, "a\0b", 3);
	assert_string_equal(out.data, "a%00b");
	assert_int_equal(percent_decode_n(out.data, out.len), 3);
	assert_memory_equal(out.data, "a\0b", 4);
	buf_free(&out);
}

/* The length is what counts: a `%XX` that the length cuts in two stays. */
static void test_decode_part(void **state)
{
	char s[] = "a%20b";

	assert_int_equal(percent_decode_n(s, 3), 3);
	assert_string_equal(s, "a%2");
}

static void test_every_byte(void **state)
{
	char all[256];
	struct buf out;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	buf_init(&out, BUF_NO_LIMIT);
	percent_encode(&out, all, sizeof(all));
	for (size_t i = 0; i < out.len; i++)
		assert_in_range((unsigned char)out.data[i], 33, 126);
	assert_int_equal(percent_decode_n(out.data, out.len), sizeof(all));
	assert_memory_equal(out.data, all, sizeof(all));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),     cmocka_unit_test(test_decode),
		cmocka_unit_test(test_nul_bytes),  cmocka_unit_test(test_decode_part),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
