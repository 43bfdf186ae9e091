#include "pool/tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_few(void **state)
{
	struct tail t = { 0 };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	tail_join(&t, "; ", &out);
	assert_string_equal(out.data, "");
	tail_add(&t, "one");
	tail_add(&t, "");
	tail_add(&t, "t\two\r");
	assert_string_equal(tail_line(&t, 0), "t wo ");
	assert_string_equal(tail_line(&t, 1), "one");
	assert_null(tail_line(&t, 2));
	assert_null(tail_line(&t, TAIL_LINES));
	tail_join(&t, "; ", &out);
	assert_string_equal(out.data, "one; t wo ");
	buf_free(&out);
	tail_free(&t);
}

static void test_many(void **state)
{
	struct tail t = { 0 };
	char line[TAIL_MAX_LINE + 100];

	for (int i = 0; i < 3 * TAIL_LINES + 1; i++) {
		snprintf(line, sizeof(line), "%d", i);
		tail_add(&t, line);
	}
	assert_string_equal(tail_line(&t, 0), "60");
	assert_string_equal(tail_line(&t, TAIL_LINES - 1), "41");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	tail_add(&t, line);
	assert_int_equal(strlen(tail_line(&t, 0)), TAIL_MAX_LINE);
	tail_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_few), cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
