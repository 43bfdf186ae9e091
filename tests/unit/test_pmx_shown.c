/* What programs said, on one line. */
#include "pmx/shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const cases[][2] = {
	{ "", "" },
	{ "\n \n", "" },
	{ "degraded\n", "degraded" },
	{ "one\ntwo\n", "one; two" },
	{ "\033[2Jgone\t\177", "?[2Jgone??" },
	{ "a\rb", "a?b" },
};

static void test_texts(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		shown_add(&out, cases[i][0], strlen(cases[i][0]));
		assert_string_equal(out.data, cases[i][1]);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
