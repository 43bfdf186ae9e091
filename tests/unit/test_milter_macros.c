#include "milter/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void store(struct macros *m, char letter, const char *bytes, size_t n, bool fits)
{
	assert_int_equal(macros_store(m, letter, (struct milter_strings){ bytes, bytes + n }), fits);
}

#define STORE(m, letter, bytes) store(m, letter, bytes, sizeof(bytes) - 1, true)

static void looks_up_from_the_latest_stage(void **state)
{
	struct macros m;

	macros_init(&m);
	STORE(&m, 'C', "j\0mx\0{daemon_name}\0d\0");
	STORE(&m, 'M', "i\0Q1\0{mail_addr}\0\0");
	assert_string_equal(macros_get(&m, "j"), "mx");
	assert_string_equal(macros_get(&m, "{j}"), "mx");
	assert_string_equal(macros_get(&m, "daemon_name"), "d");
	assert_string_equal(macros_get(&m, "mail_addr"), "");
	assert_null(macros_get(&m, "mail"));
	assert_null(macros_get(&m, "daemon_name2"));
	STORE(&m, 'E', "i\0Q2\0");
	assert_string_equal(macros_get(&m, "i"), "Q2");
	STORE(&m, 'N', "i\0Q3\0"); /* the end of headers is before the end of message */
	assert_string_equal(macros_get(&m, "i"), "Q2");
	macros_free(&m);
}

static void replaces_and_forgets(void **state)
{
	struct macros m;

	macros_init(&m);
	STORE(&m, 'C', "j\0one\0_\0x\0");
	STORE(&m, 'C', "j\0two\0");
	assert_null(macros_get(&m, "_"));
	STORE(&m, 'M', "i\0Q\0");
	STORE(&m, 'R', "{rcpt_addr}\0r\0");
	macros_forget_after(&m, 'M');
	assert_string_equal(macros_get(&m, "i"), "Q");
	assert_null(macros_get(&m, "rcpt_addr"));
	macros_forget(&m);
	assert_null(macros_get(&m, "j"));
	macros_free(&m);
}

static void takes_odd_packets(void **state)
{
	struct macros m;

	macros_init(&m);
	STORE(&m, 'C', "j\0mx\0last\0");
	assert_string_equal(macros_get(&m, "last"), "");
	STORE(&m, 'C', "");
	assert_null(macros_get(&m, "j"));
	STORE(&m, 'L', "i\0Q\0"); /* no set of its own */
	STORE(&m, 'x', "i\0Q\0");
	assert_null(macros_get(&m, "i"));
	STORE(&m, 'H', "{}\0empty\0{\0brace\0");
	assert_string_equal(macros_get(&m, "{"), "brace");
	macros_free(&m);
}

static void drops_what_is_too_long(void **state)
{
	size_t n = MACROS_MAX_BYTES + 10;
	char *bytes = malloc(n);
	struct macros m;

	macros_init(&m);
	memset(bytes, 'x', n);
	memcpy(bytes, "a\0b\0c", 6);
	bytes[n - 1] = '\0';
	store(&m, 'C', bytes, n, false);
	assert_string_equal(macros_get(&m, "a"), "b");
	assert_null(macros_get(&m, "c"));
	free(bytes);
	macros_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_up_from_the_latest_stage),
		cmocka_unit_test(replaces_and_forgets),
		cmocka_unit_test(takes_odd_packets),
		cmocka_unit_test(drops_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
