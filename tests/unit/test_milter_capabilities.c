#include "milter/capabilities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_is_a_table(void **state)
{
	struct buf out;
	int lines = 0;

	buf_init(&out, BUF_NO_LIMIT);
	capabilities_list(&out);
	assert_memory_equal(out.data, "SMFI_VERSION                   6 (", 34);
	for (char *line = strtok(out.data, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
		assert_int_equal(strcspn(line, " ") <= 30, 1);
		assert_int_equal(line[30], ' ');
		if (lines > 0)
			assert_int_equal(strlen(line), 32);
	}
	assert_int_equal(lines, 13);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_is_a_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
