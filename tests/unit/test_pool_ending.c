#include "pool/ending.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	enum ending how;
	int64_t term_ms, kill_ms;
} cases[] = {
	{ ENDING_GENTLE, 10000, 20000 },
	{ ENDING_FORCED, 0, 10000 },
	{ ENDING_SHUTDOWN, 1000, 3000 },
	{ ENDING_LOST, 1000, 11000 },
};

static void test_each(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ending_plan p = ENDING_NO_PLAN;
		int64_t now = 5000;

		assert_int_equal(ending_due(&p, INT64_MAX - 1), 0);
		ending_plan(&p, cases[i].how, now);
		assert_int_equal(ending_next(&p), now + cases[i].term_ms);
		assert_int_equal(ending_due(&p, now + cases[i].term_ms - 1), 0);
		assert_int_equal(ending_due(&p, now + cases[i].term_ms), SIGTERM);
		assert_int_equal(ending_due(&p, now + cases[i].kill_ms - 1), 0);
		assert_int_equal(ending_next(&p), now + cases[i].kill_ms);
		assert_int_equal(ending_due(&p, now + cases[i].kill_ms), SIGKILL);
		assert_int_equal(ending_next(&p), ENDING_NEVER);
		assert_int_equal(ending_due(&p, INT64_MAX - 1), 0);
	}
}

static void test_at_once(void **state)
{
	struct ending_plan p = ENDING_NO_PLAN;

	ending_plan(&p, ENDING_AT_ONCE, 5000);
	assert_int_equal(ending_due(&p, 5000), SIGKILL);
	assert_int_equal(ending_next(&p), ENDING_NEVER);
}

static void test_hastened(void **state)
{
	struct ending_plan p = ENDING_NO_PLAN;

	ending_plan(&p, ENDING_GENTLE, 0);
	ending_plan(&p, ENDING_SHUTDOWN,
		    8500); /* its SIGTERM comes sooner than 10000, its SIGKILL than 20000 */
	assert_int_equal(ending_due(&p, 9499), 0);
	assert_int_equal(ending_due(&p, 9500), SIGTERM);
	ending_plan(&p, ENDING_GENTLE, 9600); /* prolongs nothing */
	assert_int_equal(ending_due(&p, 11500), SIGKILL);
}

/* The loop was busy for long: what is due last is all that matters. */
static void test_late(void **state)
{
	struct ending_plan p = ENDING_NO_PLAN;

	ending_plan(&p, ENDING_GENTLE, 0);
	assert_int_equal(ending_due(&p, 60000), SIGKILL);
	assert_int_equal(ending_due(&p, 60000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_hastened),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
