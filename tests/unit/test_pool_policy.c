#include "pool/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct policy_limits limits = {
	.min_workers = 2,
	.max_requests = 10,
	.lifetime_ms = 60000,
	.rss_kb = 50000,
	.idle_ms = 30000,
	.fill_ms = 3000,
	.spacing_ms = 500,
};

static void test_backoff(void **state)
{
	static const struct {
		int failures;
		int64_t ms;
	} cases[] = {
		{ 0, 0 },     { 1, 0 },     { 2, 1000 },  { 3, 2000 },        { 4, 4000 },
		{ 7, 32000 }, { 8, 60000 }, { 9, 60000 }, { 1000000, 60000 },
	};

	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(policy_backoff(cases[i].failures), cases[i].ms);
}

static void test_start_at(void **state)
{
	struct policy_history h;

	policy_history_init(&h);
	assert_true(policy_start_at(&limits, &h) < 0);
	policy_on_start(&h, 10000);
	assert_int_equal(policy_start_at(&limits, &h), 10500);
	policy_on_failure(&h, 10100);
	assert_int_equal(policy_start_at(&limits, &h), 10500); /* one failure costs nothing */
	policy_on_failure(&h, 10200);
	assert_int_equal(policy_start_at(&limits, &h), 11200);
	policy_on_failure(&h, 11300);
	assert_int_equal(policy_start_at(&limits, &h), 13300);
	policy_on_ready(&h);
	assert_int_equal(policy_start_at(&limits, &h), 11300); /* when it last failed: long past by now */
}

static void test_repeat(void **state)
{
	struct policy_history h;

	policy_history_init(&h);
	assert_true(policy_may_repeat(&h));
	policy_on_failure(&h, 10000);
	policy_on_accident(&h);
	assert_true(policy_may_repeat(&h));
	policy_on_failure(&h, 10000);
	policy_on_accident(&h);
	assert_false(policy_may_repeat(&h)); /* once */
	policy_on_ready(&h);
	policy_on_failure(&h, 10000);
	assert_false(policy_may_repeat(&h)); /* no accident */
}

static void test_fill(void **state)
{
	struct policy_history h;

	policy_history_init(&h);
	assert_true(policy_fill_at(&limits, &h, 0) < 0); /* the first at once */
	policy_on_start(&h, 1000);
	assert_int_equal(policy_fill_at(&limits, &h, 1), 4000);
	assert_int_equal(policy_fill_at(&limits, &h, 2), POLICY_NEVER);
	assert_int_equal(policy_fill_at(&limits, &h, 3), POLICY_NEVER);

	/* A shortage begins a pace of its own, but does not prolong one that runs. */
	policy_on_shortage(&limits, &h, 100000);
	assert_int_equal(policy_fill_at(&limits, &h, 1), 103000);
	policy_on_shortage(&limits, &h, 102000);
	assert_int_equal(policy_fill_at(&limits, &h, 1), 103000);
	policy_on_shortage(&limits, &h, 103000);
	assert_int_equal(policy_fill_at(&limits, &h, 1), 106000);
}

/* Fields of a worker: serial (0: no jitter), outdated, requests, first request, idle since. */
static void test_judge(void **state)
{
	static const struct {
		const char *what;
		struct policy_worker worker;
		struct policy_situation around; /* running, busy, waiting */
		int failures;
		int64_t now;
		enum policy_reason reason;
		bool needs_successor;
		int64_t next;
	} cases[] = {
		{ "fresh, above the minimum",
		  { 0, 0, 0, -1, 1000 },
		  { 3, 0, 0 },
		  0,
		  1000,
		  POLICY_KEEP,
		  0,
		  31000 },
		{ "fresh, at the minimum",
		  { 0, 0, 0, -1, 1000 },
		  { 2, 0, 0 },
		  0,
		  1000,
		  POLICY_KEEP,
		  0,
		  POLICY_NEVER },
		{ "idle long enough", { 0, 0, 0, -1, 1000 }, { 3, 0, 0 }, 0, 31000, POLICY_IDLE, 0, 0 },
		{ "a millisecond short",
		  { 0, 0, 0, -1, 1000 },
		  { 3, 0, 0 },
		  0,
		  30999,
		  POLICY_KEEP,
		  0,
		  31000 },
		{ "idle, but of the minimum",
		  { 0, 0, 0, -1, 1000 },
		  { 2, 0, 0 },
		  0,
		  99000,
		  POLICY_KEEP,
		  0,
		  POLICY_NEVER },
		{ "not idle at all",
		  { 0, 0, 0, -1, -1 },
		  { 3, 1, 0 },
		  0,
		  99000,
		  POLICY_KEEP,
		  0,
		  POLICY_NEVER },
		{ "worn, others rest", { 0, 0, 10, 500, 1000 }, { 3, 0, 0 }, 0, 1000, POLICY_WORN, 0, 0 },
		{ "worn, at the minimum", { 0, 0, 10, 500, 1000 }, { 2, 0, 0 }, 0, 1000, POLICY_WORN, 1, 0 },
		{ "worn, others work", { 0, 0, 10, 500, 1000 }, { 3, 1, 0 }, 0, 1000, POLICY_WORN, 1, 0 },
		{ "worn, at work itself", { 0, 0, 10, 500, -1 }, { 3, 1, 0 }, 0, 1000, POLICY_WORN, 1, 0 },
		{ "worn, but needed",
		  { 0, 0, 10, 500, 1000 },
		  { 1, 0, 1 },
		  0,
		  1000,
		  POLICY_KEEP,
		  0,
		  POLICY_NEVER },
		{ "needed, yet worn out", { 0, 0, 30, 500, 1000 }, { 1, 0, 1 }, 0, 1000, POLICY_WORN, 1, 0 },
		{ "aged, even of the minimum",
		  { 0, 0, 3, 500, 1000 },
		  { 1, 0, 0 },
		  0,
		  60501,
		  POLICY_AGED,
		  1,
		  0 },
		{ "as old as it may be",
		  { 0, 0, 3, 500, 1000 },
		  { 1, 0, 0 },
		  0,
		  60500,
		  POLICY_KEEP,
		  0,
		  60501 },
		{ "the sooner of two", { 0, 0, 3, 500, 1000 }, { 3, 0, 0 }, 0, 1000, POLICY_KEEP, 0, 31000 },
		{ "as big as it may be",
		  { 0, 0, 1, 500, 1000, 50000 },
		  { 3, 0, 0 },
		  0,
		  1000,
		  POLICY_KEEP,
		  0,
		  31000 },
		{ "too big, others rest",
		  { 0, 0, 1, 500, 1000, 50001 },
		  { 3, 0, 0 },
		  0,
		  1000,
		  POLICY_SWOLLEN,
		  0,
		  0 },
		{ "too big, at work itself",
		  { 0, 0, 1, 500, -1, 50001 },
		  { 3, 1, 0 },
		  0,
		  1000,
		  POLICY_SWOLLEN,
		  1,
		  0 },
		{ "too big, though needed",
		  { 0, 0, 1, 500, -1, 50001 },
		  { 3, 3, 5 },
		  0,
		  1000,
		  POLICY_SWOLLEN,
		  1,
		  0 },
		{ "outdated", { 0, 1, 0, -1, 1000 }, { 3, 0, 0 }, 0, 1000, POLICY_OUTDATED, 1, 0 },
		{ "outdated, though needed",
		  { 0, 1, 0, -1, 1000 },
		  { 3, 0, 5 },
		  0,
		  1000,
		  POLICY_OUTDATED,
		  1,
		  0 },
		{ "worn, none would follow",
		  { 0, 0, 99, 500, 1000 },
		  { 3, 0, 0 },
		  1,
		  1000,
		  POLICY_KEEP,
		  0,
		  POLICY_NEVER },
		{ "worn, but not alone", { 0, 0, 99, 500, 1000 }, { 2, 0, 0 }, 1, 1000, POLICY_WORN, 1, 0 },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct policy_history h;
		struct policy_verdict v;

		policy_history_init(&h);
		h.failures = cases[i].failures;
		print_message("# %s\n", cases[i].what);
		v = policy_judge(&limits, &h, &cases[i].worker, &cases[i].around, cases[i].now);
		assert_int_equal(v.reason, cases[i].reason);
		assert_int_equal(v.needs_successor, cases[i].needs_successor);
		if (v.reason == POLICY_KEEP)
			assert_int_equal(v.next_ms, cases[i].next);
	}
}

/* After how many requests a worker is worn. */
static int64_t worn_after(int64_t max_requests, unsigned serial)
{
	const struct policy_limits l = { .max_requests = max_requests, .idle_ms = 1000 };
	const struct policy_situation around = { .running = 1 };
	struct policy_worker w = { .serial = serial, .first_request_ms = -1 };
	struct policy_history h;

	policy_history_init(&h);
	while (policy_judge(&l, &h, &w, &around, 0).reason == POLICY_KEEP)
		w.requests++;
	return w.requests;
}

static void test_jitter(void **state)
{
	int64_t least = 500, most = 0;

	for (unsigned serial = 0; serial < 200; serial++) {
		int64_t n = worn_after(500, serial);

		assert_int_equal(n, worn_after(500, serial));
		assert_in_range(n, 450, 500);
		least = n < least ? n : least;
		most = n > most ? n : most;
		assert_int_equal(worn_after(9, serial), 9); /* a tenth of it is less than one */
		assert_int_equal(worn_after(1, serial), 1);
	}
	assert_in_range(most - least, 45, 50); /* they do differ */
}

static void test_text(void **state)
{
	const struct policy_worker w = { .requests = 12, .rss_kb = 70000 };
	char text[POLICY_TEXT_MAX];

	policy_text(&limits, &w, POLICY_SWOLLEN, text);
	assert_string_equal(text, "Worker uses 70000 kB of memory");
	policy_text(&limits, &w, POLICY_WORN, text);
	assert_string_equal(text, "Worker has processed 12 requests");
	policy_text(&limits, &w, POLICY_AGED, text);
	assert_string_equal(text, "Worker has exceeded maximum lifetime of 60 seconds");
	policy_text(&limits, &w, POLICY_IDLE, text);
	assert_string_equal(text, "Idle timeout");
	policy_text(&limits, &w, POLICY_OUTDATED, text);
	assert_string_equal(text, "New generation -- forcing reread of filter rules");
}

static void test_replacements(void **state)
{
	assert_int_equal(policy_replacements(1), 1);
	assert_int_equal(policy_replacements(19), 1);
	assert_int_equal(policy_replacements(20), 2);
	assert_int_equal(policy_replacements(250), 25);
}

#define UNSET JOB_CLASS_UNSET
#define OTHER JOB_CLASS_OTHER
#define SCAN JOB_CLASS_SCAN
#define RELAYOK JOB_CLASS_RELAYOK

static void test_choose(void **state)
{
	static const struct {
		const char *what;
		struct policy_choice idle[4];
		size_t n;
		enum job_class wanted;
		size_t chosen;
	} cases[] = {
		{ "the only one", { { 5, SCAN } }, 1, RELAYOK, 0 },
		{ "the same work", { { 1, RELAYOK }, { 2, SCAN } }, 2, SCAN, 1 },
		{ "the same work before none", { { 1, UNSET }, { 2, SCAN } }, 2, SCAN, 1 },
		{ "none yet, if older", { { 2, SCAN }, { 1, UNSET } }, 2, SCAN, 1 },
		{ "none yet, but younger", { { 2, SCAN }, { 3, UNSET } }, 2, SCAN, 0 },
		{ "the oldest of the same work", { { 3, SCAN }, { 1, SCAN }, { 2, SCAN } }, 3, SCAN, 1 },
		{ "no match: the oldest", { { 3, SCAN }, { 1, SCAN }, { 2, SCAN } }, 3, RELAYOK, 1 },
		{ "other work: the one idle longest",
		  { { 1, UNSET }, { 3, UNSET }, { 2, UNSET } },
		  3,
		  OTHER,
		  2 },
		{ "other work keeps off specialists",
		  { { 1, SCAN }, { 3, UNSET }, { 2, SCAN } },
		  3,
		  OTHER,
		  1 },
		{ "one that leaves comes last", { { 1, SCAN, true }, { 2, RELAYOK } }, 2, SCAN, 1 },
		{ "unless all leave", { { 1, RELAYOK, true }, { 2, SCAN, true } }, 2, SCAN, 1 },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		print_message("# %s\n", cases[i].what);
		assert_int_equal(policy_choose(cases[i].idle, cases[i].n, cases[i].wanted), cases[i].chosen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff), cmocka_unit_test(test_start_at),
		cmocka_unit_test(test_repeat),  cmocka_unit_test(test_fill),
		cmocka_unit_test(test_judge),   cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_text),    cmocka_unit_test(test_replacements),
		cmocka_unit_test(test_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
