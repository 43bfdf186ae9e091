#include "base/number.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	int64_t least, most;
	int rc;
	int64_t value;
} cases[] = {
	{ "0", 0, 10, 0, 0 },
	{ "10", 0, 10, 0, 10 },
	{ "11", 0, 10, -ERANGE, 0 },
	{ "-1", 0, 10, -ERANGE, 0 },
	{ "-5", -5, 10, 0, -5 },
	{ "+7", 0, 10, 0, 7 },
	{ "007", 0, 10, 0, 7 },
	{ "9223372036854775807", 0, INT64_MAX, 0, INT64_MAX },
	{ "-9223372036854775808", INT64_MIN, 0, 0, INT64_MIN },
	{ "9223372036854775808", INT64_MIN, INT64_MAX, -ERANGE, 0 },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX, -ERANGE, 0 },
	{ "99999999999999999999999999", 0, 10, -ERANGE, 0 },
	{ "99999999999999999999999999x", 0, 10, -EINVAL, 0 },
	{ "", 0, 10, -EINVAL, 0 },
	{ "+", 0, 10, -EINVAL, 0 },
	{ "-", 0, 10, -EINVAL, 0 },
	{ "+-1", 0, 10, -EINVAL, 0 },
	{ " 1", 0, 10, -EINVAL, 0 },
	{ "1 ", 0, 10, -EINVAL, 0 },
	{ "1\n", 0, 10, -EINVAL, 0 },
	{ "1.0", 0, 10, -EINVAL, 0 },
	{ "0x1", 0, 10, -EINVAL, 0 },
	{ "1k", 0, 10, -EINVAL, 0 },
	{ "ten", 0, 10, -EINVAL, 0 },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *exact = strdup(cases[i].text);
		int64_t value = 4711;

		print_message("# %s\n", cases[i].text);
		assert_int_equal(number_parse(exact, cases[i].least, cases[i].most, &value), cases[i].rc);
		assert_true(value == (cases[i].rc == 0 ? cases[i].value : 4711));
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
