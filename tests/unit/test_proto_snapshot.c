#include "proto/snapshot.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEAD "snapshot version=1\n"

static const struct {
	const char *text;
	enum snapshot_error error;
	size_t n_slots;
} cases[] = {
	{ HEAD "\n", SNAPSHOT_OK, 0 },
	{ HEAD "pool workers=2\nslot number=0\nslot number=1\n\n", SNAPSHOT_OK, 2 },
	{ "snapshot version=1 more=1\nslot number=0\n\nslot number=1\n", SNAPSHOT_OK,
	  1 }, /* what is behind */
	{ HEAD "weather fine=1\nslot\nslot colour=red number=0 word =\n\n", SNAPSHOT_OK, 1 },
	{ HEAD "frontend sessions=x\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "messages accept=\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "answers stage=eom continue=1 reject=many\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "failure cause=spool count=-\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ "", SNAPSHOT_UNKNOWN, 0 },
	{ "\n", SNAPSHOT_UNKNOWN, 0 },
	{ "error: Unknown command\n", SNAPSHOT_UNKNOWN, 0 },
	{ "snapshot version=2\n\n", SNAPSHOT_UNKNOWN, 0 },
	{ "snapshot version=\n\n", SNAPSHOT_UNKNOWN, 0 },
	{ "snapshot version=1", SNAPSHOT_UNKNOWN, 0 },
	{ HEAD, SNAPSHOT_CUT_SHORT, 0 },
	{ HEAD "slot number=0\nslot number=1", SNAPSHOT_CUT_SHORT, 0 },
	{ HEAD "slot number=x\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "slot number=\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "slot number=99999999999999999999\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "latency ranges=1:2,3\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "latency ranges=1:2,x:1\n\n", SNAPSHOT_BAD_VALUE, 0 },
	{ HEAD "latency ranges=1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1\n\n",
	  SNAPSHOT_BAD_VALUE, 0 },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = exact_string(cases[i].text);
		struct snapshot s;

		print_message("# %s\n", cases[i].text);
		assert_int_equal(snapshot_parse(text, &s), cases[i].error);
		if (cases[i].error == SNAPSHOT_OK) {
			assert_int_equal(s.n_slots, cases[i].n_slots);
			snapshot_free(&s);
		}
		free(text);
	}
}

static void test_limit(void **state)
{
	struct snapshot s;
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	snapshot_add_head(&text);
	for (int i = 0; i <= SNAPSHOT_MAX_SLOTS; i++)
		buf_adds(&text, "slot number=1\n");
	snapshot_add_end(&text);
	assert_int_equal(snapshot_parse(text.data, &s), SNAPSHOT_TOO_MANY);
	buf_free(&text);
}

/* What has been written reads as it was. */
static void test_round_trip(void **state)
{
	static const struct snapshot_pool pool = { 2, 4, 3, 12, 1, 300, 0, 5, 7, 2, 3600, 1 };
	static const struct snapshot_latency latency = {
		.class = "scan",
		.finished = 9,
		.run_ms = 1234,
		.n_ranges = 2,
		.ranges = { { 10, 5 }, { SNAPSHOT_NONE, 4 } },
	};
	static const struct snapshot_slot slot = {
		.number = 3,
		.state = "retiring",
		.pid = 4711,
		.start = 123456,
		.seq = 12,
		.generation = 1,
		.in_flight = 1,
		.accepted = 5,
		.slot_accepted = 50,
		.slot_processes = 6,
		.retiring = 1,
		.why = "New generation -- forcing reread of filter rules",
		.rss_kb = SNAPSHOT_NONE,
		.age_s = 60,
		.changed_s = 0,
		.class = "",
		.tag = "scan a=%b \\ \"c\"",
	};
	struct snapshot s;
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	snapshot_add_head(&text);
	snapshot_add_pool(&text, &pool);
	snapshot_add_latency(&text, &latency);
	snapshot_add_slot(&text, &slot);
	snapshot_add_end(&text);
	assert_int_equal(snapshot_parse(text.data, &s), SNAPSHOT_OK);
	assert_memory_equal(&s.pool, &pool, sizeof(pool));
	assert_int_equal(s.n_latency, 1);
	assert_memory_equal(&s.latency[0], &latency, sizeof(latency));
	assert_int_equal(s.n_slots, 1);
	assert_memory_equal(&s.slots[0], &slot, sizeof(slot));
	snapshot_free(&s);
	buf_free(&text);
}

/* More of a list than there is room for is passed over. */
static void test_long_lists(void **state)
{
	struct snapshot s;
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	snapshot_add_head(&text);
	for (int i = 0; i < 40; i++)
		buf_addf(&text, "latency class=c%d\nanswers stage=s%d\nfailure cause=f%d count=%d\n", i, i, i,
			 i);
	snapshot_add_end(&text);
	assert_int_equal(snapshot_parse(text.data, &s), SNAPSHOT_OK);
	assert_int_equal(s.n_latency, SNAPSHOT_CLASSES);
	assert_int_equal(s.n_answers, SNAPSHOT_STAGES);
	assert_int_equal(s.n_failures, SNAPSHOT_FAILURES);
	assert_string_equal(s.failures[SNAPSHOT_FAILURES - 1].cause, "f31");
	assert_int_equal(s.failures[SNAPSHOT_FAILURES - 1].count, SNAPSHOT_FAILURES - 1);
	snapshot_free(&s);
	buf_free(&text);
}

static const struct snapshot_frontend frontend = {
	.version = "0.1.0",
	.state = "serving",
	.pid = 4711,
	.start = 99,
	.uptime_s = 3,
	.loops = 2,
	.sessions = 1,
	.sessions_peak = 4,
	.sessions_total = 50,
	.sessions_refused = 0,
	.sessions_limit = 900,
	.asked = 7,
	.withdrawn = 1,
	.fds = 20,
	.fds_limit = SNAPSHOT_NONE,
};
static const struct snapshot_messages messages = { 1, 2, 3, 4, 5, 6 };
static const struct snapshot_answers answers = { "eom", 10, 20, 30, 40, 50 };
static const struct snapshot_failure failure = { "results-missing", 9 };

static void add_front(struct buf *text)
{
	snapshot_add_head(text);
	snapshot_add_frontend(text, &frontend);
	snapshot_add_messages(text, &messages);
	snapshot_add_answers(text, &answers);
	snapshot_add_failure(text, &failure);
	snapshot_add_end(text);
}

static void test_front_round_trip(void **state)
{
	struct snapshot s;
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	add_front(&text);
	assert_int_equal(snapshot_parse(text.data, &s), SNAPSHOT_OK);
	assert_memory_equal(&s.frontend, &frontend, sizeof(frontend));
	assert_memory_equal(&s.messages, &messages, sizeof(messages));
	assert_int_equal(s.n_answers, 1);
	assert_memory_equal(&s.answers[0], &answers, sizeof(answers));
	assert_int_equal(s.n_failures, 1);
	assert_memory_equal(&s.failures[0], &failure, sizeof(failure));
	assert_int_equal(s.pool.workers, SNAPSHOT_NONE);
	snapshot_free(&s);
	buf_free(&text);
}

static void assert_json(const char *lines, const char *expected)
{
	char *text = exact_string(lines);
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	snapshot_json_of_text(&out, text);
	assert_string_equal(out.data, expected);
	buf_free(&out);
	free(text);
}

static void test_json(void **state)
{
	struct buf text;

	assert_json(HEAD "\n", "{\"version\": 1}\n");
	assert_json("nonsense\n", "");
	assert_json(HEAD "latency class=scan finished=2 run_ms=9 ranges=5:2,inf:0\n\n",
		    "{\"version\": 1, \"latency\": [{\"class\": \"scan\", \"finished\": 2, \"run_ms\": 9, "
		    "\"ranges\": [{\"bound_ms\": 5, \"count\": 2}, {\"bound_ms\": null, \"count\": 0}]}]}\n");
	buf_init(&text, BUF_NO_LIMIT);
	add_front(&text);
	assert_json(
		text.data,
		"{\"version\": 1, \"frontend\": {\"version\": \"0.1.0\", \"state\": \"serving\", "
		"\"pid\": 4711, \"start\": 99, \"uptime_s\": 3, \"loops\": 2, \"sessions\": 1, "
		"\"sessions_peak\": 4, \"sessions_total\": 50, \"sessions_refused\": 0, \"sessions_limit\": "
		"900, \"asked\": 7, "
		"\"withdrawn\": 1, \"fds\": 20, \"fds_limit\": null}, \"messages\": {\"accept\": 1, "
		"\"reject\": 2, \"tempfail\": 3, \"discard\": 4, \"aborted\": 5, \"lost\": 6}, \"answers\": "
		"[{\"stage\": \"eom\", \"continue\": 10, \"reject\": 20, \"tempfail\": 30, \"accept\": 40, "
		"\"discard\": 50}], \"failures\": [{\"cause\": \"results-missing\", \"count\": 9}]}\n");
	buf_free(&text);
}

static void test_cut(void **state)
{
	char text[] = HEAD "slot state=abcdefghijklmnopqrstuvwxyz pid=1\n\n";
	struct snapshot s;

	assert_int_equal(snapshot_parse(text, &s), SNAPSHOT_OK);
	assert_string_equal(s.slots[0].state, "abcdefghijklmno");
	assert_int_equal(s.slots[0].pid, 1);
	assert_int_equal(s.slots[0].rss_kb, SNAPSHOT_NONE);
	assert_int_equal(s.pool.workers, SNAPSHOT_NONE);
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_front_round_trip),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
