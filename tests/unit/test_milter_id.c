#include "milter/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void is_time_and_counter_in_base_60(void **state)
{
	struct id_source from;
	char id[ID_SIZE];

	id_source_init(&from, 0, 1);
	id_make(&from, 1795225158, id);
	assert_string_equal(id, "ivdDi00");
	id_make(&from, 1795225158, id);
	assert_string_equal(id, "ivdDi01");
	id_make(&from, 59, id);
	assert_string_equal(id, "0000X02");
}

static void counter_starts_anew(void **state)
{
	struct id_source from;
	char id[ID_SIZE];

	id_source_init(&from, 0, 1);
	from.next = 3599;
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

/* A prime number of sources, which does not divide the counter's range. */
static void sources_have_nothing_in_common(void **state)
{
	struct id_source from[7];
	char seen[3600] = { 0 }, id[ID_SIZE];

	for (uint32_t i = 0; i < 7; i++)
		id_source_init(&from[i], i, 7);
	for (int n = 0; n < 3600 / 7 * 7; n++) {
		assert_true(from[n % 7].next < 3600);
		assert_int_equal(seen[from[n % 7].next]++, 0);
		id_make(&from[n % 7], 0, id);
	}
	for (uint32_t i = 0; i < 7; i++) { /* after which each goes on in its share */
		id_make(&from[i], 0, id);
		id_make(&from[i], 0, id);
		assert_int_equal((from[i].next - i) % 7, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_time_and_counter_in_base_60),
		cmocka_unit_test(counter_starts_anew),
		cmocka_unit_test(session_is_pid_loop_and_counter),
		cmocka_unit_test(sources_have_nothing_in_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
