/* The worst of several exit statuses. */
#include "pmx/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_worse(void **state)
{
	assert_int_equal(status_worse(STATUS_OK, STATUS_OK), STATUS_OK);
	assert_int_equal(status_worse(STATUS_OK, STATUS_FAILED), STATUS_FAILED);
	assert_int_equal(status_worse(STATUS_FAILED, STATUS_NOT_INSTALLED), STATUS_NOT_INSTALLED);
	assert_int_equal(status_worse(STATUS_NOT_CONFIGURED, STATUS_NOT_INSTALLED), STATUS_NOT_CONFIGURED);
	assert_int_equal(status_worse(STATUS_NOT_CONFIGURED, STATUS_NOT_PERMITTED), STATUS_NOT_PERMITTED);
	assert_int_equal(status_worse(STATUS_INTERRUPTED, STATUS_FAILED), STATUS_INTERRUPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_worse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
