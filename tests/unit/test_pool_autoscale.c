#include "pool/autoscale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct autoscale_limits limits = {
	.min_workers = 1,
	.max_workers = 4,
	.scale_out = 0.80,
	.scale_in = 0.30,
	.weight = 0.25,
	.out_cooldown_ms = 5000,
	.in_cooldown_ms = 30000,
};

/* One check each, from an average and times of the last start and end, at 100 s. */
static const struct {
	double average;
	int64_t out_ms, in_ms;
	struct autoscale_counts counts;
	enum autoscale_choice choice;
	double then;
} cases[] = {
	{ 0.0, 0, 0, { 0, 0, 0 }, AUTOSCALE_KEEP, 0.0 },  /* nothing runs: a reading of 0 */
	{ 0.0, 0, 0, { 2, 2, 0 }, AUTOSCALE_KEEP, 0.25 }, /* not yet */
	{ 0.8, 0, 0, { 2, 2, 0 }, AUTOSCALE_OUT, 0.85 },
	{ 0.8, 0, 0, { 4, 4, 0 }, AUTOSCALE_KEEP, 0.85 },     /* at the maximum */
	{ 0.8, 95000, 0, { 2, 2, 0 }, AUTOSCALE_KEEP, 0.85 }, /* just started one: 5 s is not more than 5 s */
	{ 0.8, 94999, 0, { 2, 2, 0 }, AUTOSCALE_OUT, 0.85 },
	{ 0.8, 0, 100000, { 2, 2, 0 }, AUTOSCALE_OUT, 0.85 }, /* an end does not hold a start up */
	{ 0.8, 0, 0, { 2, 1, 1 }, AUTOSCALE_KEEP, 0.725 },    /* between the thresholds */
	{ 0.2, 0, 0, { 2, 0, 2 }, AUTOSCALE_IN, 0.15 },
	{ 0.2, 0, 0, { 1, 0, 1 }, AUTOSCALE_KEEP, 0.15 }, /* at the minimum */
	{ 0.2, 0, 0, { 2, 0, 0 }, AUTOSCALE_KEEP, 0.15 }, /* none is idle */
	{ 0.2, 70000, 0, { 2, 0, 2 }, AUTOSCALE_KEEP, 0.15 },
	{ 0.2, 0, 70000, { 2, 0, 2 }, AUTOSCALE_KEEP, 0.15 },
	{ 0.2, 69999, 69999, { 2, 0, 2 }, AUTOSCALE_IN, 0.15 },
};

static void test_checks(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct autoscale a = {
			.average = cases[i].average,
			.out_ms = cases[i].out_ms,
			.in_ms = cases[i].in_ms,
		};

		print_message("# case %zu\n", i);
		assert_int_equal(autoscale_check(&limits, &a, &cases[i].counts, 100000), cases[i].choice);
		assert_int_equal((int)(a.average * 10000 + 0.5), (int)(cases[i].then * 10000 + 0.5));
		assert_int_equal(a.in_ms, cases[i].choice == AUTOSCALE_IN ? 100000 : cases[i].in_ms);
	}
}

/* A burst and its end, checked every 15 s: out step by step, then in, one each half minute at most. */
static void test_run(void **state)
{
	struct autoscale_counts c = { .running = 1, .busy = 1 };
	struct autoscale a;
	int64_t now = 0, last_in = -1;
	int ins = 0;

	autoscale_init(&a);
	for (; now < 300000 && c.running < 4; now += 15000) {
		if (autoscale_check(&limits, &a, &c, now) == AUTOSCALE_OUT) {
			autoscale_on_start(&a, now);
			c.busy = ++c.running;
		}
	}
	assert_int_equal(c.running, 4);
	c.busy = 0;
	for (c.idle = c.running; now < 900000; now += 15000) {
		if (autoscale_check(&limits, &a, &c, now) != AUTOSCALE_IN)
			continue;
		assert_true(last_in < 0 || now - last_in > 30000);
		last_in = now;
		c.idle = --c.running;
		ins++;
	}
	assert_int_equal(c.running, 1);
	assert_int_equal(ins, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_checks), cmocka_unit_test(test_run) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
