#include "mime/codec.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct coding {
	const char *coded, *plain;
};

static const struct coding base64[] = {
	{ "", "" },
	{ "Zm9v", "foo" },
	{ "Zm9vYg==", "foob" },
	{ "Zm8", "fo" }, /* cut short */
	{ "Zg", "f" },
	{ "Z", "" },
	{ "====", "" },
	{ " Z\nm\r\n9v", "foo" },
	{ "Zm9v!!\x80Zm9v", "foofoo" },
	{ "Zg==ZmY=", "f\x06"
		      "f" }, /* `=` is skipped like all else: read as ZgZm, Y */
};

/* In one piece, and byte by byte. */
static void test_base64(void **state)
{
	for (size_t i = 0; i < COUNT(base64); i++) {
		size_t n = strlen(base64[i].coded);
		char *coded = exact_bytes(base64[i].coded, n);

		for (size_t step = 1; step <= n + 1; step += n > 0 ? n : 1) {
			struct codec_base64 decoder = { 0 };
			struct buf out;

			buf_init(&out, BUF_NO_LIMIT);
			for (size_t at = 0; at < n; at += step)
				codec_base64(&decoder, coded + at, n - at < step ? n - at : step, &out);
			codec_base64_end(&decoder, &out);
			assert_string_equal(out.data, base64[i].plain);
			buf_free(&out);
		}
		free(coded);
	}
}

static const struct coding qp[] = {
	{ "", "" },
	{ "a=3Db=3db", "a=b=b" },
	{ "a=\nb", "ab" },
	{ "a=\r\nb\r\n", "ab\n" },
	{ "a= \t\nb", "ab" },
	{ "a  \nb \t\n", "a\nb\n" },
	{ "a  ", "a  " }, /* no newline: they stay */
	{ "a=", "a=" },   /* cut short */
	{ "a=3", "a=3" },
	{ "a=\r", "a=\r" },
	{ "=ZZ=4 ==\n", "=ZZ=4 =" },
	{ "a\r\rb\r", "a\r\rb\r" },
	{ "a\r \r\n", "a\r\n" },
	{ " \t x", " \t x" },
};

static void test_quoted_printable(void **state)
{
	for (size_t i = 0; i < COUNT(qp); i++) {
		size_t n = strlen(qp[i].coded);
		char *coded = exact_bytes(qp[i].coded, n);
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		codec_qp(coded, n, &out);
		assert_string_equal(out.data, qp[i].plain);
		buf_free(&out);
		free(coded);
	}
}

static const struct coding uu[] = {
	{ "#0V%T\n", "Cat" }, { "#0V%T\r\n", "Cat" }, { "\"0V%T", "Ca" }, { "`\n", "" },
	{ "", "" },           { "M0V%T\n", "" }, /* the count promises more */
	{ "#0v%T\n", "" },                       /* lower case: text */
	{ "\r0V%T\n", "" },                      /* no count */
	{ "!0V%T  \n", "" },
};

static void test_uuencode(void **state)
{
	for (size_t i = 0; i < COUNT(uu); i++) {
		size_t n = strlen(uu[i].coded);
		char *coded = exact_bytes(uu[i].coded, n);
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		codec_uu(coded, n, &out);
		assert_string_equal(out.data, uu[i].plain);
		buf_free(&out);
		free(coded);
	}
}

static const struct {
	const char *line, *mode, *name; /* NULL: no `begin` line */
} begins[] = {
	{ "begin 644 a.exe\n", "644", "a.exe" }, { "begin 0644  two words \r\n", "0644", "two words" },
	{ "begin 644 \n", "644", "" },           { "begin 644 x", "644", "x" },
	{ "begin 64 x\n", NULL, NULL },          { "begin 648 x\n", NULL, NULL },
	{ "begin 644\n", NULL, NULL },           { "Begin 644 x\n", NULL, NULL },
	{ " begin 644 x\n", NULL, NULL },        { "begin", NULL, NULL },
};

static void test_begin(void **state)
{
	for (size_t i = 0; i < COUNT(begins); i++) {
		size_t n = strlen(begins[i].line);
		char *line = exact_bytes(begins[i].line, n);
		struct codec_begin b;

		assert_int_equal(codec_uu_begin(line, n, &b), begins[i].mode != NULL);
		if (begins[i].mode != NULL) {
			assert_int_equal(b.mode_len, strlen(begins[i].mode));
			assert_memory_equal(b.mode, begins[i].mode, b.mode_len);
			assert_int_equal(b.name_len, strlen(begins[i].name));
			assert_memory_equal(b.name, begins[i].name, b.name_len);
		}
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_quoted_printable),
		cmocka_unit_test(test_uuencode),
		cmocka_unit_test(test_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
