/* The state file: what is written is read; what is damaged is refused. */
#include "pmx/state.h"

#include "exact.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_round_trip(void **state)
{
	struct state s = { .name = NULL }, back;
	struct buf text;
	char *copy;

	state_set(&s.name, "Filter::Name");
	state_set(&s.port, "local:/a b%'");
	state_set(&s.phase, "running");
	s.front_pid = 4711;
	s.listen_ino = INT64_MAX;
	s.kill_timeout_s = 5;
	buf_init(&text, BUF_NO_LIMIT);
	state_format(&s, &text);
	copy = exact_string(text.data);
	assert_int_equal(state_parse(copy, &back), 0);
	assert_string_equal(back.name, "Filter::Name");
	assert_string_equal(back.port, "local:/a b%'");
	assert_string_equal(back.phase, "running");
	assert_string_equal(back.signal, "");
	assert_int_equal(back.front_pid, 4711);
	assert_int_equal(back.mux_pid, 0);
	assert_true(back.listen_ino == INT64_MAX);
	assert_int_equal(back.kill_timeout_s, 5);
	state_free(&s);
	state_free(&back);
	buf_free(&text);
	free(copy);
}

static const struct {
	const char *text;
	int result;
} cases[] = {
	{ "format=1\n", 0 },
	{ "format=1\nfront_pid=1\nlater=x\n", 0 },
	{ "", -EINVAL },
	{ "format=2\n", -EINVAL },
	{ "name=A\n", -EINVAL },
	{ "format=1\ngarbage\n", -EINVAL },
	{ "format=1\nfront_pid=\n", -EINVAL },
	{ "format=1\nfront_pid=-1\n", -EINVAL },
	{ "format=1\nfront_pid=99999999999999999999\n", -EINVAL },
	{ "format=1\nname=A\nfront_pid=x\n", -EINVAL },
	{ "format=1\nport=local:%1B%5B2J\n", -EINVAL },
	{ "format=1\nport=local:%0Amilter B: running\n", -EINVAL },
};

static void test_damage(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = exact_string(cases[i].text);
		struct state s;
		int rc = state_parse(text, &s);

		if (rc != cases[i].result)
			fail_msg("%s: %d", cases[i].text, rc);
		if (rc == 0)
			state_free(&s);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip),
					    cmocka_unit_test(test_damage) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
