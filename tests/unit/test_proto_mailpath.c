#include "proto/mailpath.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *path, *domain;
} domains[] = {
	{ "<a@b.example>", "b.example" },
	{ "a@b.example", "b.example" },
	{ "<a@b.example> SIZE=9 x@y", "b.example" },
	{ "a@b.example x@y", "b.example" },
	{ "<a b@c.example>", "c.example" }, /* mail servers pass this on */
	{ "<\"a@b\"@c.example>", "c.example" },
	{ "<\"a>b\"@c.example>", "c.example" },
	{ "<\"a\\\"@b\"@c.example>", "c.example" },
	{ "<a\\@b@c.example>", "c.example" },
	{ "<@a,@b:c@d.example>", "d.example" },
	{ "<a@[192.0.2.1]>", "[192.0.2.1]" },
	{ "@b", "b" },
	{ "<a@b", "b" },
	{ "", NULL },
	{ "<>", NULL },
	{ "postmaster", NULL },
	{ "<a@>", NULL },
	{ "a@", NULL },
	{ "\"a@b", NULL }, /* the quote never ends */
	{ "a\\", NULL },
};

static void test_domain(void **state)
{
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		char *path = exact_string(domains[i].path);
		size_t len = 0;
		const char *domain = mailpath_domain(path, &len);

		if (domains[i].domain == NULL) {
			assert_null(domain);
		} else {
			assert_non_null(domain);
			assert_int_equal(len, strlen(domains[i].domain));
			assert_memory_equal(domain, domains[i].domain, len);
		}
		free(path);
	}
}

static const struct {
	const char *text, *ip;
} addresses[] = {
	{ "192.0.2.7", "192.0.2.7" },
	{ "::ffff:192.0.2.7", "192.0.2.7" },
	{ "::192.0.2.7", "192.0.2.7" },
	{ "IPv6:::ffff:192.0.2.7", "192.0.2.7" },
	{ "::1", "::1" },
	{ "::", "::" },
	{ "IPv6:0:0:0:0:0:0:0:1", "::1" },
	{ "ipv6:2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* one zero group is not shortened */
	{ "2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "", NULL },
	{ "IPv6:", NULL },
	{ "192.0.2", NULL },
	{ "192.0.2.256", NULL },
	{ " 192.0.2.7", NULL },
	{ "mx.example", NULL },
	{ "::1%lo", NULL },
};

static void test_client_ip(void **state)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char *text = exact_string(addresses[i].text);
		char *out = memcpy(malloc(46), "untouched", 10);
		int rc = mailpath_client_ip(text, out);

		assert_int_equal(rc, addresses[i].ip != NULL ? 0 : -1);
		assert_string_equal(out, addresses[i].ip != NULL ? addresses[i].ip : "untouched");
		free(out);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_client_ip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
