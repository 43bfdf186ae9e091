#include "tools/load.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_percentile(void **state)
{
	int64_t hundred[100], one[] = { 7 };
	struct load l = { .latency = hundred, .n_latency = 100 };
	struct load single = { .latency = one, .n_latency = 1 }, none = { 0 };

	for (int i = 0; i < 100; i++)
		hundred[i] = i + 1;
	assert_int_equal(load_percentile(&l, 50), 50);
	assert_int_equal(load_percentile(&l, 90), 90);
	assert_int_equal(load_percentile(&l, 99), 99);
	assert_int_equal(load_percentile(&l, 100), 100);
	assert_int_equal(load_percentile(&l, 0), 1);
	assert_int_equal(load_percentile(&single, 50), 7);
	assert_int_equal(load_percentile(&single, 99), 7);
	assert_int_equal(load_percentile(&none, 50), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
