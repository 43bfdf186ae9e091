#include "base/procfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TO_21 " S 1 2 2 0 -1 4194560 300 0 0 0 10 5 0 0 20 0 1 0 "

static const struct {
	const char *line;
	int result;
	int64_t start, rss_pages;
} cases[] = {
	{ "4711 (perl)" TO_21 "123456 9000000 321 18446744073709551615 1 1\n", 0, 123456, 321 },
	{ "4711 (a) S 1 (b)" TO_21 "123456 9000000 321 0\n", 0, 123456, 321 }, /* a name that is a trap */
	{ "4711 (perl)" TO_21 "123456 9000000", -EINVAL, 0, 0 },
	{ "4711 (perl", -EINVAL, 0, 0 },
	{ "", -EINVAL, 0, 0 },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct procfs_facts f = { 0 };

		assert_int_equal(procfs_parse(cases[i].line, &f), cases[i].result);
		assert_int_equal(f.start, cases[i].start);
		assert_int_equal(f.rss_pages, cases[i].rss_pages);
		if (cases[i].result == 0) {
			assert_int_equal(f.size, 9000000);
			assert_int_equal(f.threads, 1);
			assert_int_equal(f.parent, 1);
			assert_int_equal(f.state, 'S');
		}
	}
}

static void test_read(void **state)
{
	struct procfs_facts f;

	assert_int_equal(procfs_read(getpid(), &f), 0);
	assert_true(f.start > 0 && procfs_kb(f.rss_pages) > 100);
	assert_int_equal(f.parent, getppid());
	assert_true(f.size > f.rss_pages && f.threads >= 1);
	assert_int_equal(procfs_read(0x7ffffff0, &f), -ESRCH);
}

static void test_children(void **state)
{
	pid_t *children;
	size_t n;
	bool found = false;

	assert_int_equal(procfs_children(getppid(), &children, &n), 0);
	for (size_t i = 0; i < n; i++)
		found = found || children[i] == getpid();
	assert_true(found);
	free(children);
	assert_int_equal(procfs_children(getpid(), &children, &n), 0);
	assert_int_equal(n, 0);
	free(children);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_read),
					    cmocka_unit_test(test_children) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
