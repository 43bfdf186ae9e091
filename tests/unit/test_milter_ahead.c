#include "milter/ahead.h"

#include "proto/milter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define BARE(letter) "\0\0\0\1" letter
#define MACRO "\0\0\0\6DMi\0x\0"
#define CASE(text, abort, passed)                         \
	{                                                 \
		text, sizeof(text) - 1, (abort), (passed) \
	}

static const struct {
	const char *in;
	size_t n;
	bool is_abort;
	size_t passed;
} cases[] = {
	CASE("", false, 0),
	CASE("\0\0", false, 0),
	CASE(BARE("A"), true, 0),
	CASE("\0\0\0\5Adata", true, 0),
	CASE("\0\0\0\5Adat", false, 0), /* not all of it is here */
	CASE(BARE("Q"), false, 0),
	CASE(BARE("E") BARE("A"), false, 0), /* the turn of the first comes first */
	CASE(MACRO, false, 10),
	CASE(MACRO BARE("A"), true, 10),
	CASE(MACRO MACRO BARE("A"), true, 20),
	CASE(MACRO MACRO BARE("M"), false, 20),
	CASE(MACRO "\0\0\0\1", false, 10),
	CASE("\0\0\0\0A", false, 0), /* no packet at all */
	CASE("\377\0\0\0A", false, 0),
};

/* A copy of exact size, so that the sanitizer sees an over-read. */
static bool look(const char *in, size_t n, size_t *passed)
{
	char *copy = malloc(n + 1);
	bool is_abort;

	memcpy(copy + 1, in, n);
	is_abort = ahead_is_abort(copy + 1, n, passed);
	free(copy);
	return is_abort;
}

static void finds_an_abort(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t passed = 0;

		assert_int_equal(look(cases[i].in, cases[i].n, &passed), cases[i].is_abort);
		assert_int_equal(passed, cases[i].passed);
	}
}

static void says_the_same_byte_by_byte(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t passed = 0;
		bool is_abort = false;

		for (size_t n = 0; n <= cases[i].n; n++) {
			size_t before = passed;

			assert_false(is_abort);
			is_abort = look(cases[i].in, n, &passed);
			assert_true(passed >= before);
		}
		assert_int_equal(is_abort, cases[i].is_abort);
		assert_int_equal(passed, cases[i].passed);
	}
}

/* What was looked at once may since have turned into anything: it is not looked at again. */
static void looks_at_macros_once(void **state)
{
	char in[] = MACRO MACRO BARE("A");
	size_t passed = 0;

	assert_false(ahead_is_abort(in, 20, &passed));
	assert_int_equal(passed, 20);
	memset(in, 'x', 20);
	assert_true(ahead_is_abort(in, sizeof(in) - 1, &passed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_an_abort),
		cmocka_unit_test(says_the_same_byte_by_byte),
		cmocka_unit_test(looks_at_macros_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
