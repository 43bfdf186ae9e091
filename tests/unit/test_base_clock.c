#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void test_mono_goes_on(void **state)
{
	int64_t us = clock_mono_us(), ms = clock_mono_ms();

	assert_true(ms >= us / 1000);
	while (clock_mono_us() == us) /* it moves within a microsecond */
		;
	assert_true(clock_mono_us() > us);
	assert_true(clock_mono_ms() >= ms);
}

static void test_wall_is_the_epoch_in_ms(void **state)
{
	int64_t before = (int64_t)time(NULL), wall = clock_wall_ms();

	assert_true(wall / 1000 >= before - 1); /* time() is the coarser clock */
	assert_true(wall / 1000 <= before + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mono_goes_on),
		cmocka_unit_test(test_wall_is_the_epoch_in_ms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
