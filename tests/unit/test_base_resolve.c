#include "base/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A name that needs no network. */
static void test_finds_localhost(void **state)
{
	struct address a;

	assert_int_equal(resolve_address("inet:10025@localhost", &a), 0);
	assert_int_equal(a.sa.sa_family, AF_INET);
	assert_int_equal(a.len, sizeof(a.in));
	assert_int_equal(a.in.sin_port, htons(10025));
	assert_int_equal(ntohl(a.in.sin_addr.s_addr) >> 24, 127);
	assert_false(a.wildcard);
}

static void test_keeps_out_on_failure(void **state)
{
	struct address a = { .len = 7 };

	assert_int_not_equal(resolve_address("inet:25@.", &a), 0);
	assert_int_equal(a.len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_localhost),
		cmocka_unit_test(test_keeps_out_on_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
