/* Paths that are the same, or lie in one another. */
#include "pmx/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *path, *folder;
	bool within, same;
} cases[] = {
	{ "/a/b", "/a/b", true, true },       { "/a/b", "/a//b/", true, true },
	{ "/./a/b/.", "/a/./b", true, true }, { "/a/b/c", "/a/b", true, false },
	{ "/a/b", "/a/b/c", false, false },   { "/a/bc", "/a/b", false, false },
	{ "/a/.b", "/a", true, false },       { "/a/.b", "/a/b", false, false },
	{ "/a", "/", true, false },           { "/", "/", true, true },
	{ "/A", "/a", false, false },
};

static void test_compare(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (path_is_within(cases[i].path, cases[i].folder) != cases[i].within ||
		    path_is_same(cases[i].path, cases[i].folder) != cases[i].same)
			fail_msg("%s and %s", cases[i].path, cases[i].folder);
	}
}

static void test_absolute(void **state)
{
	char *kept = path_absolute("/x/y"), *made = path_absolute("pmx.conf");

	assert_string_equal(kept, "/x/y");
	assert_int_equal(made[0], '/');
	assert_string_equal(strrchr(made, '/'), "/pmx.conf");
	free(kept);
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_compare), cmocka_unit_test(test_absolute) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
