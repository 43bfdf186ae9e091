#include "base/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH107                                                                                              \
	"/aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjj" \
	"jjjkkkkkk"

static const struct {
	const char *text;
	enum address_default host;
	enum address_error error;
	const char *shown; /* path, or address and port */
	bool wildcard;
} cases[] = {
	{ "/run/a.sock", ADDRESS_LOOPBACK, ADDRESS_OK, "/run/a.sock", false },
	{ "unix:/run/a.sock", ADDRESS_LOOPBACK, ADDRESS_OK, "/run/a.sock", false },
	{ "local:/run/a.sock", ADDRESS_LOOPBACK, ADDRESS_OK, "/run/a.sock", false },
	{ "relative", ADDRESS_LOOPBACK, ADDRESS_OK, "relative", false },
	{ "unix:relative", ADDRESS_LOOPBACK, ADDRESS_OK, "relative", false },
	{ "INET:25", ADDRESS_LOOPBACK, ADDRESS_OK, "INET:25", false },
	{ "tcp:25", ADDRESS_LOOPBACK, ADDRESS_OK, "tcp:25", false },
	{ "tcp:25", ADDRESS_WILDCARD, ADDRESS_BAD_KIND, NULL, false },
	{ "INET:25", ADDRESS_WILDCARD, ADDRESS_BAD_KIND, NULL, false },
	{ ":25", ADDRESS_WILDCARD, ADDRESS_BAD_KIND, NULL, false },
	{ "relative", ADDRESS_WILDCARD, ADDRESS_OK, "relative", false },
	{ "/a:b", ADDRESS_WILDCARD, ADDRESS_OK, "/a:b", false },
	{ "local:a:b", ADDRESS_WILDCARD, ADDRESS_OK, "a:b", false },
	{ "", ADDRESS_LOOPBACK, ADDRESS_EMPTY, NULL, false },
	{ "unix:", ADDRESS_LOOPBACK, ADDRESS_EMPTY, NULL, false },
	{ "local:", ADDRESS_LOOPBACK, ADDRESS_EMPTY, NULL, false },
	{ PATH107, ADDRESS_LOOPBACK, ADDRESS_OK, PATH107, false },
	{ "unix:" PATH107, ADDRESS_LOOPBACK, ADDRESS_OK, PATH107, false },
	{ PATH107 "x", ADDRESS_LOOPBACK, ADDRESS_PATH_TOO_LONG, NULL, false },

	{ "inet:10025", ADDRESS_LOOPBACK, ADDRESS_OK, "127.0.0.1 10025", false },
	{ "inet:10025", ADDRESS_WILDCARD, ADDRESS_OK, "0.0.0.0 10025", true },
	{ "inet6:10025", ADDRESS_LOOPBACK, ADDRESS_OK, "::1 10025", false },
	{ "inet6:10025", ADDRESS_WILDCARD, ADDRESS_OK, ":: 10025", true },
	{ "inet:1@localhost", ADDRESS_WILDCARD, ADDRESS_OK, "127.0.0.1 1", false },
	{ "inet6:1@localhost", ADDRESS_WILDCARD, ADDRESS_OK, "::1 1", false },
	{ "inet:65535@192.0.2.1", ADDRESS_LOOPBACK, ADDRESS_OK, "192.0.2.1 65535", false },
	{ "inet:7@[192.0.2.1]", ADDRESS_LOOPBACK, ADDRESS_OK, "192.0.2.1 7", false },
	{ "inet:7@0.0.0.0", ADDRESS_WILDCARD, ADDRESS_OK, "0.0.0.0 7", false },
	{ "inet6:7@2001:db8::1", ADDRESS_LOOPBACK, ADDRESS_OK, "2001:db8::1 7", false },
	{ "inet6:7@[2001:db8::1]", ADDRESS_LOOPBACK, ADDRESS_OK, "2001:db8::1 7", false },
	{ "inet_any:7", ADDRESS_LOOPBACK, ADDRESS_OK, "0.0.0.0 7", false },
	{ "inet6_any:7", ADDRESS_LOOPBACK, ADDRESS_OK, ":: 7", false },

	{ "inet:", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:@localhost", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:0", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:65536", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:-1", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:+25", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet: 25", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:25x", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:000025", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:smtp", ADDRESS_LOOPBACK, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:25@", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@[]", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@[", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet6:25@[::1", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@mail.example", ADDRESS_LOOPBACK, ADDRESS_NAMED_HOST, NULL, false },
	{ "inet6:25@mx-1", ADDRESS_WILDCARD, ADDRESS_NAMED_HOST, NULL, false },
	{ "inet:25@a.long.name.of.a.host.that.is.longer.than.any.numeric.address", ADDRESS_WILDCARD,
	  ADDRESS_NAMED_HOST, NULL, false },
	{ "inet:x@mail.example", ADDRESS_WILDCARD, ADDRESS_BAD_PORT, NULL, false },
	{ "inet:25@1.2.3.400", ADDRESS_WILDCARD, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@.example", ADDRESS_WILDCARD, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@-x", ADDRESS_WILDCARD, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@a b", ADDRESS_WILDCARD, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@::1", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet6:25@127.0.0.1", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet:25@1.2.3.4@5", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet6:25@" PATH107, ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
	{ "inet_any:25@127.0.0.1", ADDRESS_LOOPBACK, ADDRESS_BAD_HOST, NULL, false },
};

static void show(const struct address *a, char *out, size_t n)
{
	char host[INET6_ADDRSTRLEN];

	if (address_is_unix(a)) {
		snprintf(out, n, "%s", a->un.sun_path);
		return;
	}
	if (a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
	snprintf(out, n, "%s %d", host, ntohs(a->in.sin_port));
}

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a, before;
		char *exact = strdup(cases[i].text), shown[128];

		memset(&a, 0x55, sizeof(a));
		before = a;
		print_message("# %s\n", cases[i].text);
		assert_int_equal(address_parse(exact, cases[i].host, &a), cases[i].error);
		if (cases[i].error == ADDRESS_OK) {
			show(&a, shown, sizeof(shown));
			assert_string_equal(shown, cases[i].shown);
			assert_int_equal(a.wildcard, cases[i].wildcard);
			assert_true(a.len > 0 && a.len <= sizeof(struct sockaddr_un));
		} else {
			assert_memory_equal(&a, &before, sizeof(a));
		}
		free(exact);
	}
}

static void test_every_error_has_a_text(void **state)
{
	for (int e = ADDRESS_OK; e <= ADDRESS_BAD_KIND; e++)
		assert_true(strlen(address_error_text((enum address_error)e)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_error_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
