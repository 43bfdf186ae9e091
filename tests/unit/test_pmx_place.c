/* Where the files of a milter lie. */
#include "pmx/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state)
{
	struct place p;

	assert_int_equal(place_init(&p, "/run/x", "Filter::Name"), 0);
	assert_string_equal(p.folder, "/run/x/Filter%3A%3AName");
	assert_string_equal(p.front_lock, "/run/x/Filter%3A%3AName/front.lock");
	assert_string_equal(p.mux_socket, "/run/x/Filter%3A%3AName/mux.sock");
	place_free(&p);
	assert_null(p.folder);
}

static void test_decoding(void **state)
{
	static const char *const cases[][2] = {
		{ "Policy", "Policy" },
		{ "Filter%3A%3AName", "Filter::Name" },
		{ "%3A", ":" },
		{ "a%3", "a%3" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *name = strdup(cases[i][0]);

		place_name_decode(name);
		assert_string_equal(name, cases[i][1]);
		free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths), cmocka_unit_test(test_decoding) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
