#include "base/procfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
	}
}

static void test_read(void **state)
{
	struct procfs_facts f;

	assert_int_equal(procfs_read(getpid(), &f), 0);
	assert_true(f.start > 0 && procfs_kb(f.rss_pages) > 100);
	assert_int_equal(procfs_read(0x7ffffff0, &f), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_read) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
