/* The port of a milter. */
#include "pmx/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text, *why, *as;
	int number;
} cases[] = {
	{ "inet:3366@127.0.0.1", NULL, "inet:3366@127.0.0.1", 3366 },
	{ "inet:3366@localhost", NULL, "inet:3366@localhost", 3366 },
	{ "inet:3366@mx.example", NULL, "inet:3366@mx.example", 3366 },
	{ "inet:3366@any", NULL, "inet_any:3366", 3366 },
	{ "inet6:3366@::1", NULL, "inet6:3366@::1", 3366 },
	{ "inet6:3366@[::1]", NULL, "inet6:3366@[::1]", 3366 },
	{ "inet6:65535@any", NULL, "inet6_any:65535", 65535 },
	{ "local:/a/b", NULL, "unix:/a/b", 0 },
	{ "unix:b", NULL, "unix:/run/x/b", 0 },
	{ "inet:3366", "names no host: use PORT@HOST, or PORT@any for all addresses", NULL, 0 },
	{ "inet:3366@", "names no host: use PORT@HOST, or PORT@any for all addresses", NULL, 0 },
	{ "inet:0@any", "port is not a number of 1 to 65535", NULL, 0 },
	{ "inet:65536@any", "port is not a number of 1 to 65535", NULL, 0 },
	{ "inet:x@any", "port is not a number of 1 to 65535", NULL, 0 },
	{ "inet:1@::1", "host is not an address of this family", NULL, 0 },
	{ "local:", "names no path", NULL, 0 },
	{ "/a/b", "begins with none of inet:, inet6:, local: and unix:", NULL, 0 },
	{ "", "begins with none of inet:, inet6:, local: and unix:", NULL, 0 },
	{ "inet_any:1", "begins with none of inet:, inet6:, local: and unix:", NULL, 0 },
};

static void test_ports(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port p;
		const char *why = port_parse(cases[i].text, "/run/x", &p);

		if (cases[i].why != NULL) {
			assert_string_equal(why, cases[i].why);
			continue;
		}
		assert_null(why);
		assert_string_equal(p.text, cases[i].as);
		assert_int_equal(p.number, cases[i].number);
		assert_int_equal(p.named, strstr(cases[i].text, "mx.") != NULL);
		assert_int_equal(p.any, strstr(cases[i].text, "any") != NULL);
	}
}

static void test_long_ports(void **state)
{
	char path[PORT_MAX + 1];
	struct port p;

	memset(path, 'x', sizeof(path));
	memcpy(path, "unix:/", 6);
	path[5 + 107] = '\0';
	assert_null(port_parse(path, "/", &p));
	path[5 + 107] = 'x';
	path[5 + 108] = '\0';
	assert_string_equal(port_parse(path, "/", &p), "socket path is longer than 107 bytes");
	path[5 + 108] = 'x';
	path[PORT_MAX] = '\0';
	assert_string_equal(port_parse(path, "/", &p), "is too long");
}

static void test_other_sockets(void **state)
{
	static const char *const texts[][2] = {
		{ "/a", "/a" },
		{ "a", "unix:/run/x/a" },
		{ "a:b", "unix:/run/x/a:b" },
		{ "unix:/a", "unix:/a" },
		{ "unix:a/b", "unix:/run/x/a/b" },
		{ "local:a", "unix:/run/x/a" },
		{ "local:", "local:" },
		{ "", "" },
		{ "inet:1", "inet:1" },
		{ "inet6:1@::1", "inet6:1@::1" },
		{ "inet_any:1", "inet_any:1" },
		{ "inet6_any:1", "inet6_any:1" },
	};
	char out[PORT_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		port_socket_text(texts[i][0], "/run/x", out);
		assert_string_equal(out, texts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ports), cmocka_unit_test(test_long_ports),
					    cmocka_unit_test(test_other_sockets) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
