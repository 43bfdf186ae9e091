#include "proto/netstring.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *in;
	enum netstring_result result;
	const char *data;
	size_t used;
} cases[] = {
	{ "10:mymap key1,", NETSTRING_OK, "mymap key1", 14 },
	{ "0:,", NETSTRING_OK, "", 3 },
	{ "1:a,1:b,", NETSTRING_OK, "a", 4 }, /* the next one waits */
	{ "3:a,b,", NETSTRING_OK, "a,b", 6 },
	{ "2:\n:,", NETSTRING_OK, "\n:", 5 },
	{ "", NETSTRING_INCOMPLETE, NULL, 0 },
	{ "1", NETSTRING_INCOMPLETE, NULL, 0 },
	{ "10:", NETSTRING_INCOMPLETE, NULL, 0 },
	{ "10:mymap key1", NETSTRING_INCOMPLETE, NULL, 0 },
	{ "65536:x", NETSTRING_INCOMPLETE, NULL, 0 },
	{ "3:a b;", NETSTRING_NO_COMMA, NULL, 6 },
	{ "0:x", NETSTRING_NO_COMMA, NULL, 3 },
	{ ":,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "x", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "-1:", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "+7:mymap k,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ " 7:mymap k,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "007:mymap k,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "00:,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "7x:mymap k,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "7,", NETSTRING_BAD_LENGTH, NULL, 0 },
	{ "65537", NETSTRING_BAD_LENGTH, NULL, 0 }, /* before its colon has come */
	{ "99999999999999999999999:", NETSTRING_BAD_LENGTH, NULL, 0 },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].in);
		char *in = exact_bytes(cases[i].in, n);
		struct netstring got = { .data = NULL };

		if (netstring_parse(in, n, &got) != cases[i].result)
			fail_msg("%s: another result", cases[i].in);
		assert_int_equal(got.used, cases[i].used);
		if (cases[i].result == NETSTRING_OK) {
			assert_int_equal(got.len, strlen(cases[i].data));
			assert_memory_equal(got.data, cases[i].data, got.len);
		}
		free(in);
	}
}

static void test_longest(void **state)
{
	struct buf out;
	char *bytes = calloc(1, NETSTRING_MAX); /* NULs are bytes as any other */
	struct netstring got;

	assert_non_null(bytes);
	buf_init(&out, BUF_NO_LIMIT);
	netstring_add(&out, bytes, NETSTRING_MAX);
	assert_int_equal(out.len, NETSTRING_MAX_FRAME);
	assert_int_equal(netstring_parse(out.data, out.len - 1, &got), NETSTRING_INCOMPLETE);
	assert_int_equal(netstring_parse(out.data, out.len, &got), NETSTRING_OK);
	assert_int_equal(got.len, NETSTRING_MAX);
	assert_int_equal(got.used, out.len);
	buf_free(&out);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
