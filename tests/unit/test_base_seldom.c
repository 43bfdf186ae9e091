#include "base/seldom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void tells_once_in_a_while(void **state)
{
	static const struct {
		int64_t now;
		bool due;
		int64_t n;
	} cases[] = {
		{ 0, true, 1 }, /* the first, also at the beginning of time */
		{ 0, false, 0 },     { 59999, false, 0 },
		{ 60000, true, 3 }, /* with those that were not told */
		{ 60001, false, 0 }, { 500000, true, 2 },
		{ 560000, true, 1 },
	};
	struct seldom s = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = 0;

		assert_int_equal(seldom_due(&s, cases[i].now, 60000, &n), cases[i].due);
		assert_int_equal(n, cases[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tells_once_in_a_while) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
