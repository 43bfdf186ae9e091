#include "base/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

static void raises_the_soft_limit(void **state)
{
	struct rlimit was, low, now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	low = (struct rlimit){ .rlim_cur = 32, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_true(descriptors_raise() == (int64_t)was.rlim_max);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_true(now.rlim_cur == was.rlim_max && now.rlim_max == was.rlim_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(raises_the_soft_limit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
