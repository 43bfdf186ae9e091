#include "proto/facts.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *reply;
	bool taken;
	const char *left;
	struct facts facts;
} cases[] = {
	{ "ok\nfacts worker=3 queued_ms=0 run_ms=12\n", true, "ok\n", { 3, 0, 12 } },
	{ "error: x\nfacts run_ms=9223372036854775807\n", true, "error: x\n", { -1, -1, INT64_MAX } },
	{ "ok\nfacts colour=red word worker=1 =\n", true, "ok\n", { 1, -1, -1 } },
	{ "ok\nfacts worker=x queued_ms=-5 run_ms=99999999999999999999\n", true, "ok\n", { -1, -1, -1 } },
	{ "ok\nfacts worker= queued_ms=5x run_ms=7\n", true, "ok\n", { -1, -1, 7 } },
	{ "ok\nfacts \n", true, "ok\n", { -1, -1, -1 } },
	{ "\nfacts worker=1\n", true, "\n", { 1, -1, -1 } },
	{ "ok\n", false, "ok\n", { -1, -1, -1 } },
	{ "ok", false, "ok", { -1, -1, -1 } },
	{ "", false, "", { -1, -1, -1 } },
	{ "facts worker=1\n", false, "facts worker=1\n", { -1, -1, -1 } },
	{ "ok\nfacts\n", false, "ok\nfacts\n", { -1, -1, -1 } },
	{ "ok\nfacts worker=1", false, "ok\nfacts worker=1", { -1, -1, -1 } },
	{ "ok\nfacts worker=1\nmore\n", false, "ok\nfacts worker=1\nmore\n", { -1, -1, -1 } },
	{ "ok\nok\n", false, "ok\nok\n", { -1, -1, -1 } },
};

static void test_take(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *reply = exact_string(cases[i].reply);
		struct facts facts = { 7, 7, 7 };

		print_message("# case %zu\n", i);
		assert_int_equal(facts_take(reply, &facts), cases[i].taken);
		assert_string_equal(reply, cases[i].left);
		assert_memory_equal(&facts, &cases[i].facts, sizeof(facts));
		free(reply);
	}
}

static void test_round_trip(void **state)
{
	static const struct facts facts = { 0, 1500, 30 };
	struct facts read;
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	buf_adds(&out, "ok\n");
	facts_add(&out, &facts);
	assert_true(facts_take(out.data, &read));
	assert_memory_equal(&facts, &read, sizeof(read));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
