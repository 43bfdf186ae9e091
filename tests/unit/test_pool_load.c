#include "pool/load.h"

#include "proto/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define HOUR 3600
#define NOON (INT64_C(490000) * HOUR)

static struct load_time at(int64_t s)
{
	return (struct load_time){ .mono_s = 1000 + s, .wall_s = NOON + s };
}

/* Scans that end at these seconds, with so many busy workers and durations. */
static const struct {
	int64_t s;
	int busy;
	int64_t ms;
} scans[] = { { 0, 1, 100 }, { 0, 3, 300 }, { 9, 2, 50 }, { 60, 4, 10 }, { 700, 1, 7 } };

/* What a window of seconds shows of them later. */
static const struct {
	int64_t now;
	int seconds;
	unsigned long finished, busy;
	int64_t ms;
} windows[] = {
	{ 0, 10, 2, 4, 400 },  { 9, 10, 3, 6, 450 },   { 10, 10, 1, 2, 50 },     { 18, 10, 1, 2, 50 },
	{ 19, 10, 0, 0, 0 },   { 59, 60, 3, 6, 450 },  { 60, 60, 2, 6, 60 },     { 60, 300, 4, 10, 460 },
	{ 60, 1, 1, 4, 10 },   { 61, 1, 0, 0, 0 },     { 599, 600, 4, 10, 460 }, { 600, 600, 2, 6, 60 },
	{ 700, 600, 1, 1, 7 }, { 5000, 600, 0, 0, 0 },
};

static void test_seconds(void **state)
{
	for (size_t i = 0; i < LENGTH(windows); i++) {
		struct load *l = load_new(4);
		struct load_sums s;

		for (size_t k = 0; k < LENGTH(scans) && scans[k].s <= windows[i].now; k++)
			load_on_finish(l, JOB_CLASS_SCAN, scans[k].busy, scans[k].ms, at(scans[k].s));
		print_message("# %d seconds at %d\n", windows[i].seconds, (int)windows[i].now);
		s = load_seconds(l, JOB_CLASS_SCAN, windows[i].seconds, at(windows[i].now));
		assert_int_equal(s.finished, windows[i].finished);
		assert_int_equal(s.busy, windows[i].busy);
		assert_int_equal(s.run_ms, windows[i].ms);
		s = load_seconds(l, JOB_CLASS_RECIPOK, windows[i].seconds, at(windows[i].now));
		assert_int_equal(s.finished, 0);
		load_free(l);
	}
}

static void test_churn(void **state)
{
	struct load *l = load_new(4);
	struct load_churn c;

	load_on_start(l, at(0));
	load_on_start(l, at(5));
	load_on_reap(l, at(6));
	c = load_churn(l, 10, at(9));
	assert_int_equal(c.started, 2);
	assert_int_equal(c.reaped, 1);
	c = load_churn(l, 10, at(10));
	assert_int_equal(c.started, 1);
	c = load_churn(l, 10, at(16));
	assert_int_equal(c.started, 0);
	assert_int_equal(c.reaped, 0);
	load_free(l);
}

static void test_hours(void **state)
{
	static const struct {
		int64_t now;
		int hours;
		unsigned long finished;
		int64_t seconds;
	} cases[] = {
		{ 10, 1, 1, 0 },         /* one request: no time between first and last */
		{ HOUR - 1, 1, 2, 100 }, /* the whole hour, whatever the minute */
		{ HOUR, 1, 0, 0 },
		{ HOUR, 4, 2, 100 },
		{ 4 * HOUR - 1, 4, 3, 2 * HOUR - 10 },
		{ 4 * HOUR, 4, 1, 0 },
		{ 23 * HOUR, 24, 3, 2 * HOUR - 10 },
		{ 24 * HOUR, 24, 1, 0 },
	};
	static const int64_t times[] = { 10, 110, 2 * HOUR };

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct load *l = load_new(4);
		struct load_sums s;

		for (size_t k = 0; k < LENGTH(times) && times[k] <= cases[i].now; k++)
			load_on_finish(l, JOB_CLASS_SENDEROK, 1, 5, at(times[k]));
		print_message("# %d hours at %d\n", cases[i].hours, (int)cases[i].now);
		s = load_hours(l, JOB_CLASS_SENDEROK, cases[i].hours, at(cases[i].now));
		assert_int_equal(s.finished, cases[i].finished);
		assert_int_equal(s.last_s - s.first_s, cases[i].seconds);
		load_free(l);
	}
}

static void test_means(void **state)
{
	struct load_sums none = { 0 }, some = { .finished = 4, .busy = 6, .run_ms = 10 };

	assert_true(load_mean_busy(&none, 1.0) == 1.0);
	assert_true(load_mean_ms(&none) == 0.0);
	assert_true(load_mean_busy(&some, 1.0) == 1.5);
	assert_true(load_mean_ms(&some) == 2.5);
}

static void test_histogram(void **state)
{
	struct load *l = load_new(3);

	load_on_busy(l, 1);
	load_on_busy(l, 1);
	load_on_busy(l, 3);
	load_on_busy(l, 7); /* retiring workers may be busy besides */
	load_on_busy(l, 0);
	assert_int_equal(load_histogram(l, 1), 3);
	assert_int_equal(load_histogram(l, 2), 0);
	assert_int_equal(load_histogram(l, 3), 2);
	load_free(l);
}

static void test_latency(void **state)
{
	static const struct {
		int64_t ms;
		int64_t bound;
	} cases[] = {
		{ 0, 1 },     { 1, 1 },     { 2, 2 },         { 3, 5 },
		{ 100, 100 }, { 101, 200 }, { 60000, 60000 }, { 60001, LATENCY_NO_BOUND },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct load *l = load_new(1);

		load_on_finish(l, JOB_CLASS_RELAYOK, 1, cases[i].ms, at(0));
		load_on_finish(l, JOB_CLASS_OTHER, 1, cases[i].ms, at(0));
		for (int k = 0; k < LATENCY_RANGES; k++)
			assert_int_equal(load_latency(l, JOB_CLASS_RELAYOK, k),
					 latency_bound(k) == cases[i].bound);
		load_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds),   cmocka_unit_test(test_churn),
		cmocka_unit_test(test_hours),     cmocka_unit_test(test_means),
		cmocka_unit_test(test_histogram), cmocka_unit_test(test_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
