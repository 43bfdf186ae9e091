#include "proto/notify.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *line;
	const char *wanted; /* of BFRSUYZ; NULL when it is no subscription */
} subscriptions[] = {
	{ "?RF", "FR" },      { "?*", "BFRSUYZ" }, { "?", "" },    { "?Z?Y\r", "YZ" }, { "?fr", "" },
	{ "?A*", "BFRSUYZ" }, { "?@[\xff", "" },   { "RF", NULL }, { " ?RF", NULL },   { "", NULL },
};

static void test_subscriptions(void **state)
{
	static const char all[] = "BFRSUYZ";

	for (size_t i = 0; i < sizeof(subscriptions) / sizeof(subscriptions[0]); i++) {
		size_t n = strlen(subscriptions[i].line);
		char *line = exact_bytes(subscriptions[i].line, n);
		char wanted[sizeof(all)] = "", *end = wanted;
		uint32_t set = 0;

		assert_int_equal(notify_subscription_parse(line, n, &set), subscriptions[i].wanted != NULL);
		for (size_t k = 0; k < sizeof(all) - 1; k++) {
			if (notify_wants(set, (enum notify_kind)all[k]))
				*end++ = all[k];
		}
		assert_string_equal(wanted, subscriptions[i].wanted == NULL ? "" : subscriptions[i].wanted);
		free(line);
	}
}

static void test_long_subscription(void **state)
{
	char line[300];
	uint32_t set;

	memset(line, 'x', sizeof(line));
	line[0] = '?';
	line[NOTIFY_MAX_SUBSCRIPTION - 1] = 'R';
	line[NOTIFY_MAX_SUBSCRIPTION] = 'F';
	assert_true(notify_subscription_parse(line, sizeof(line), &set));
	assert_true(notify_wants(set, NOTIFY_REREAD));
	assert_false(notify_wants(set, NOTIFY_FREE));
}

static void test_messages(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	notify_add(&out, NOTIFY_BUSY_TIMEOUT);
	notify_add(&out, NOTIFY_REREAD);
	notify_add_error(&out, "Reread failed: syntax\nerror");
	notify_add_free(&out, 12);
	notify_add_state(&out, 3, "Idle", "Busy");
	notify_add_tag(&out, 0, "scan Q1");
	notify_add_tag(&out, 1, "");
	notify_add_tag(&out, 1, "a\nZ\x7f\t\xff b");
	assert_string_equal(out.data, "B\nR\nE Reread failed: syntax error\nF 12\nS 3 StateChange Idle -> "
				      "Busy\nS 0 scan Q1\nS 1 a Z    b\n");
	buf_free(&out);
}

static void test_long_tag(void **state)
{
	char tag[NOTIFY_MAX_TEXT + 2];
	struct buf out;

	memset(tag, 'x', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	buf_init(&out, BUF_NO_LIMIT);
	notify_add_tag(&out, 7, tag);
	assert_int_equal(out.len, strlen("S 7 ") + NOTIFY_MAX_TEXT + 1);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subscriptions),
		cmocka_unit_test(test_long_subscription),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_long_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
