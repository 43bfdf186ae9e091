#include "milter/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void is_time_and_counter_in_base_60(void **state)
{
	struct id_source from = { 0 };
	char id[ID_SIZE];

	id_make(&from, 1795225158, id);
	assert_string_equal(id, "ivdDi00");
	id_make(&from, 1795225158, id);
	assert_string_equal(id, "ivdDi01");
	id_make(&from, 59, id);
	assert_string_equal(id, "0000X02");
}

static void counter_starts_anew(void **state)
{
	struct id_source from = { .next = 3599 };
	char id[ID_SIZE];

	id_make(&from, 0, id);
	assert_string_equal(id, "00000XX");
	id_make(&from, 0, id);
	assert_string_equal(id, "0000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_time_and_counter_in_base_60),
		cmocka_unit_test(counter_starts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
