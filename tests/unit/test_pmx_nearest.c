/* Mistyped words: how far from the right one, and whether that is near. */
#include "pmx/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *a, *b;
	size_t distance;
	int near;
} cases[] = {
	{ "port", "port", 0, 1 },
	{ "prot", "port", 1, 1 }, /* two that changed places */
	{ "por", "port", 1, 1 },
	{ "ports", "port", 1, 1 },
	{ "max_poled_procs", "max_pooled_procs", 1, 1 },
	{ "maxpooledprocs", "max_pooled_procs", 2, 1 },
	{ "x", "port", 4, 0 },
	{ "", "port", 4, 0 },
	{ "timeot", "timeout", 1, 1 },
	{ "ab", "cd", 2, 0 },
};

static void test_distances(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(nearest_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(nearest_distance(cases[i].b, cases[i].a), cases[i].distance);
		assert_int_equal(nearest_is_near(cases[i].a, cases[i].distance), cases[i].near);
	}
}

static void test_long_word(void **state)
{
	char word[NEAREST_MAX + 2];

	memset(word, 'x', sizeof(word));
	word[NEAREST_MAX] = '\0';
	assert_int_equal(nearest_distance(word, "port"), NEAREST_MAX);
	word[NEAREST_MAX] = 'x';
	word[NEAREST_MAX + 1] = '\0';
	assert_int_equal(nearest_distance(word, word), NEAREST_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_distances),
					    cmocka_unit_test(test_long_word) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
