#include "proto/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_range(void **state)
{
	static const struct {
		int64_t ms;
		int64_t bound;
	} cases[] = {
		{ -1, 1 },        { 0, 1 },
		{ 1, 1 },         { 2, 2 },
		{ 3, 5 },         { 5, 5 },
		{ 100, 100 },     { 101, 200 },
		{ 60000, 60000 }, { 60001, LATENCY_NO_BOUND },
		{ 21, 30 },       { INT64_MAX, LATENCY_NO_BOUND },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(latency_bound(latency_range(cases[i].ms)), cases[i].bound);
}

static void test_bounds_grow(void **state)
{
	for (int i = 1; i < LATENCY_RANGES - 1; i++)
		assert_true(latency_bound(i) > latency_bound(i - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_bounds_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
