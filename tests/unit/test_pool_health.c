#include "pool/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_report(const struct health *h, int failures, const char *want)
{
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	health_report(h, failures, &text);
	assert_string_equal(text.data, want);
	buf_free(&text);
}

static void test_course(void **state)
{
	struct health h = { .told = false };
	struct tail words = { .next = 0 };

	assert_report(&h, 0, "ok\n");
	health_on_failure(&h, 1, NULL, "exited normally with status 1");
	assert_false(h.told);
	assert_report(&h, 1, "ok\n"); /* may be chance */
	health_on_failure(&h, 2, &words, "exited normally with status 1");
	assert_true(h.told);
	assert_report(&h, 2, "degraded: 2 workers in a row did not start: exited normally with status 1\n");
	tail_add(&words, "Can't locate Foo.pm");
	tail_add(&words, "at filter line 7.");
	health_on_failure(&h, 3, &words, "exited normally with status 2");
	assert_report(&h, 3,
		      "degraded: 3 workers in a row did not start: Can't locate Foo.pm; at filter line 7.\n");
	health_on_ready(&h);
	assert_false(h.told);
	assert_report(&h, 0, "ok\n");
	tail_free(&words);
}

/* The end of many words is kept. */
static void test_many_words(void **state)
{
	struct health h = { .told = false };
	struct tail words = { .next = 0 };
	char line[TAIL_MAX_LINE + 1] = "";

	memset(line, 'x', TAIL_MAX_LINE);
	tail_add(&words, line);
	tail_add(&words, line);
	tail_add(&words, "the end");
	health_on_failure(&h, 2, &words, "");
	assert_int_equal(strlen(h.words), HEALTH_WORDS_MAX - 1);
	assert_string_equal(h.words + HEALTH_WORDS_MAX - 1 - 10, "x; the end");
	tail_free(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_course),
					    cmocka_unit_test(test_many_words) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
