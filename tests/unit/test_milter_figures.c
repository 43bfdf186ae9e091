#include "milter/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_sessions(void **state)
{
	struct figures f = { 0 };

	for (int i = 0; i < 3; i++)
		figures_session(&f, 1);
	figures_session(&f, -1);
	figures_session(&f, -1);
	figures_session(&f, 1);
	assert_int_equal(figures_read(&f.sessions), 2);
	assert_int_equal(figures_read(&f.sessions_peak), 3);
	assert_int_equal(figures_read(&f.sessions_total), 4);
}

static void test_latency(void **state)
{
	struct figures_latency l = { 0 };

	figures_latency(&l, 0);
	figures_latency(&l, 7);
	figures_latency(&l, 70000);
	assert_int_equal(figures_read(&l.finished), 3);
	assert_int_equal(figures_read(&l.sum_ms), 70007);
	assert_int_equal(figures_read(&l.ranges[latency_range(0)]), 1);
	assert_int_equal(figures_read(&l.ranges[latency_range(7)]), 1);
	assert_int_equal(figures_read(&l.ranges[LATENCY_RANGES - 1]), 1);
}

static void test_sum(void **state)
{
	static struct figures total, one;

	figures_count(&one.fates[FATE_LOST], 2);
	figures_count(&one.answers[PHASE_EOM][VERDICT_DISCARD], 3);
	figures_latency(&one.controller, 5);
	figures_sum(&total, &one);
	figures_sum(&total, &one);
	assert_int_equal(figures_read(&total.fates[FATE_LOST]), 4);
	assert_int_equal(figures_read(&total.answers[PHASE_EOM][VERDICT_DISCARD]), 6);
	assert_int_equal(figures_read(&total.controller.sum_ms), 10);
	assert_int_equal(figures_read(&total.sessions), 0);
}

/* Every fate, failure and stage has a name of its own, fit for a key of the status. */
static void assert_names(const char *(*name)(int i), int from, int n)
{
	for (int i = from; i < n; i++) {
		assert_int_equal(strspn(name(i), "abcdefghijklmnopqrstuvwxyz-"), strlen(name(i)));
		assert_true(name(i)[0] != '\0');
		for (int k = from; k < i; k++)
			assert_string_not_equal(name(i), name(k));
	}
}

static const char *fate(int i)
{
	return fate_name((enum fate)i);
}

static const char *failure(int i)
{
	return fate_failure_name((enum failure)i);
}

static const char *phase(int i)
{
	return phase_name((enum phase)i);
}

static void test_names(void **state)
{
	assert_names(fate, 0, FATES);
	assert_names(failure, FAILURE_NONE + 1, FAILURES);
	assert_names(phase, 0, PHASES);
	assert_string_equal(fate_failure_name(FAILURE_NONE), "");
	assert_int_equal(phase_of(MILTER_EOM), PHASE_EOM);
	assert_int_equal(phase_of(MILTER_QUIT), PHASES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
