#include "base/descriptors.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static void test_standard(void **state)
{
	int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), next;

	assert_true(kept >= 3);
	close(STDIN_FILENO);
	assert_int_equal(descriptors_prepare(), 0);
	assert_int_not_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(next > STDERR_FILENO);
	close(next);
	dup2(kept, STDIN_FILENO);
	close(kept);
}

static void test_limit(void **state)
{
	struct rlimit before, limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 20;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(descriptors_limit(), 20);
	assert_int_equal(descriptors_prepare(), 0);
	assert_true(descriptors_limit() == (int64_t)before.rlim_max);
	assert_true(descriptors_raise() == (int64_t)before.rlim_max);
	descriptors_limit_restore();
	assert_int_equal(descriptors_limit(), 20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit), /* first: the former limit is noted once */
		cmocka_unit_test(test_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
