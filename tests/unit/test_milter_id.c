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

static void session_is_pid_loop_and_counter(void **state)
{
	struct session_ids from = { .pid = 4194304, .loop = 61 };
	char id[SESSION_ID_SIZE];

	id_make_session(&from, id);
	assert_string_equal(id, "jp541100000");
	id_make_session(&from, id);
	assert_string_equal(id, "jp541100001");
	from.next = 60 * 60 - 1;
	id_make_session(&from, id);
	assert_string_equal(id, "jp5411000XX");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_time_and_counter_in_base_60),
		cmocka_unit_test(counter_starts_anew),
		cmocka_unit_test(session_is_pid_loop_and_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
