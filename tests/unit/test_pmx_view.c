/* What the status shows, as text and as JSON, and its exit status. */
#include "pmx/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The example of the reference: six slots, one retiring, one empty. */
static struct snapshot_slot slots[] = {
	{ 0, "busy", 2301, 10, 40, 1, 1, 412, 5120, 11, 0, "", 1, 1, 1, "scan", "" },
	{ 1, "busy", 2302, 10, 39, 1, 1, 398, 5011, 11, 0, "", 1, 1, 1, "scan", "" },
	{ 2, "idle", 2303, 10, 41, 1, 0, 377, 4480, 10, 0, "", 1, 1, 1, "", "" },
	{ 3, "retiring", 2290, 10, 30, 1, 1, 500, 3996, 8, 1, "recycle", 1, 1, 7, "scan", "" },
	{ 4, "idle", 2317, 10, 46, 1, 0, 12, 2201, 5, 0, "", 1, 1, 1, "", "" },
	{ 5, "stopped", -1, -1, -1, 1, 0, 3, 410, 1, 0, "", -1, -1, 3120, "", "" },
	{ 6, "stopped", -1, -1, -1, 1, 0, 0, 0, 0, 0, "", -1, -1, 9999, "", "" },
};
static int64_t sizes[] = { 150156083, 148792934, 147534643, 158754406, 145542349, -1, -1 };
static struct instance running = { .name = (char *)(uintptr_t) "Policy",
				   .has_state = true,
				   .state = { .port = (char *)(uintptr_t) "inet:3366@127.0.0.1" },
				   .front = 2231,
				   .mux = 2229,
				   .is = INSTANCE_RUNNING };

static struct view example(const struct instance *i)
{
	return (struct view){
		.instance = i,
		.configured = true,
		.enabled = true,
		.config_changed = 0,
		.phase_s = 41,
		.uptime_s = 86400,
		.front_size = 98304 * 1024,
		.front_threads = 9,
		.mux_size = 142711193,
		.mux_procs = 5,
		.mux_answered = true,
		.front_answered = true,
		.waited_s = 5,
		.pool = { .pool = { 10, 20, 6, 46, 0, 18342, 0, 0, 0, 1, 86402, 0 },
			  .slots = slots,
			  .n_slots = 7 },
		.front = { .frontend = { .sessions = 4 } },
		.slot_sizes = sizes,
	};
}

static void check_text(const struct view *v, const char *expected)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	view_text(v, &out);
	assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void test_running(void **state)
{
	struct view v = example(&running);

	check_text(&v, "milter Policy: running\n"
		       "    pid=2231 mux=2229 port=inet:3366@127.0.0.1 vsz=136.1 threads=9 procs=5\n"
		       "    interp=1/1 seq=41 waiting=0 flags=0x0 conns=4 queue=0/0\n"
		       "    slots=6/20 (1 retiring) req=3 msg=18342\n"
		       "    slot#0:   pid=2301   vsz=143.2  acc=412/5120/11 req=1\n"
		       "    slot#1:   pid=2302   vsz=141.9  acc=398/5011/11 req=1\n"
		       "    slot#2:   pid=2303   vsz=140.7  acc=377/4480/10 req=0\n"
		       "    slot#3:   pid=2290   vsz=151.4  acc=500/3996/8 req=1*\n"
		       "    slot#4:   pid=2317   vsz=138.8  acc=12/2201/5 req=0\n"
		       "    slot#5:   pid=-      vsz=-      acc=0/410/1 req=0\n");
	assert_int_equal(view_requests(&v), 3);
	assert_int_equal(view_retiring(&v), 1);
	assert_int_equal(view_answerer(&v)->number, 2);
}

/* The successor of a worker that works on: no slot of the pool's before it is ready. */
static void test_successor(void **state)
{
	struct snapshot_slot two[] = {
		{ 9, "idle", 2301, 10, 1, 1, 0, 5, 5, 1, 0, "", 1, 1, 1, "", "" },
		{ 10, "starting", 2302, 10, 2, 1, 0, 0, 0, 1, 0, "", 1, 1, 3, "", "" },
	};
	struct view v = example(&running);
	struct buf out;

	v.pool.slots = two;
	v.pool.n_slots = 2;
	buf_init(&out, BUF_NO_LIMIT);
	view_text(&v, &out);
	assert_non_null(strstr(out.data, "slot#9:   pid=2301"));
	assert_null(strstr(out.data, "slot#10"));
	buf_clear(&out);
	view_json(&v, 1, "t", &out);
	assert_non_null(strstr(out.data, "\"live\": 1,"));
	assert_non_null(strstr(out.data,
			       "\"successors\": [{\"pid\": 2302, \"since\": 3}], \"slots\": [{\"slot\": 9,"));
	assert_null(strstr(out.data, "\"slot\": 10"));
	two[1].number = 8; /* a start of the ordinary kind */
	buf_clear(&out);
	view_text(&v, &out);
	assert_non_null(strstr(out.data, "slot#8:   pid=2302"));
	buf_free(&out);
}

static void test_states(void **state)
{
	struct instance i = running;
	struct view v = example(&i);

	v.front_answered = false;
	assert_string_equal(view_silent(&v), "front end");
	v.front_answered = true;
	assert_null(view_silent(&v));
	v.mux_answered = false;
	assert_string_equal(view_silent(&v), "controller");
	v.mux_size = v.mux_procs = v.front_threads = VIEW_NONE;
	check_text(&v, "milter Policy: running, but the controller did not answer within 5s\n"
		       "    pid=2231 mux=2229 port=inet:3366@127.0.0.1 flags=0x8 conns=4\n");
	i.is = INSTANCE_STOPPING;
	v.front.frontend.sessions = 1;
	check_text(&v, "milter Policy: stopping (1 connection left, 41s)\n"
		       "    pid=2231 mux=2229 port=inet:3366@127.0.0.1 flags=0xa conns=1\n");
	v.front_answered = false;
	i.front = 0;
	i.is = INSTANCE_NO_FRONT;
	check_text(&v, "milter Policy: degraded (front-end is gone, controller 2229 still runs)\n"
		       "    mux=2229 port=inet:3366@127.0.0.1 flags=0xc\n");
	i.front = 2231;
	i.mux = 0;
	i.is = INSTANCE_NO_MUX;
	check_text(&v, "milter Policy: degraded (controller is gone, front-end 2231 still runs)\n"
		       "    pid=2231 port=inet:3366@127.0.0.1 flags=0x8\n");
	i.front = 0;
	i.is = INSTANCE_DEAD;
	check_text(&v, "milter Policy: dead (stale pid file)\n");
	i.is = INSTANCE_STOPPED;
	check_text(&v, "milter Policy: not running\n");
	v.enabled = false;
	check_text(&v, "milter Policy: not running (disabled)\n");
	i.is = INSTANCE_UNKNOWN;
	check_text(&v, "milter Policy: unknown (no access to its files)\n");
}

static void test_flags(void **state)
{
	struct view v = example(&running);

	assert_int_equal(view_flags(&v), 0);
	v.pool.pool.degraded = 1;
	assert_int_equal(view_flags(&v), VIEW_DEGRADED);
	v.two_starts = true;
	assert_int_equal(view_flags(&v), VIEW_DEGRADED | VIEW_TWO_STARTS);
}

static void test_json(void **state)
{
	struct instance stopped = { .name = (char *)(uintptr_t) "Out\"bound", .is = INSTANCE_STOPPED };
	struct view views[] = { example(&running),
				{ .instance = &stopped, .configured = true, .config_changed = VIEW_NONE } };
	struct buf out;

	views[0].pool.n_slots = 0;
	views[0].front_answered = false;
	buf_init(&out, BUF_NO_LIMIT);
	view_json(views, 2, "2024-05-01T10:15:30Z", &out);
	assert_string_equal(
		out.data,
		"{\"format\": 1, \"time\": \"2024-05-01T10:15:30Z\", \"milters\": [{\"name\": \"Policy\", "
		"\"state\": \"running\", "
		"\"enabled\": true, \"configured\": true, \"config_changed\": false, \"port\": "
		"\"inet:3366@127.0.0.1\", "
		"\"pid\": 2231, \"uptime\": 86400, \"flags\": 0, \"frontend\": {\"pid\": 2231, \"vsz_kib\": "
		"98304, \"threads\": 9, "
		"\"connections\": null}, \"master\": {\"pid\": 2229, \"vsz_kib\": 139366, \"procs\": 5, "
		"\"uptime\": 86402}, "
		"\"answered_by\": null, \"interp\": {\"ready\": 0, \"max\": 1}, \"seq\": 0, \"waiting\": 0, "
		"\"queue\": {\"length\": 0, \"max\": 0}, \"pool\": {\"enabled\": true, \"peak\": 6, \"max\": "
		"20, "
		"\"active_max\": 10, \"live\": 0, \"retiring\": 0, \"req\": 0, \"msg\": 18342, "
		"\"activations\": 46, "
		"\"limit_reached\": 0}, \"successors\": [], \"slots\": [], \"error\": \"the front end did "
		"not answer\"}, {\"name\": \"Out\\\"bound\", "
		"\"state\": \"stopped\", "
		"\"enabled\": false, "
		"\"configured\": true, \"config_changed\": null}]}\n");
	buf_clear(&out);
	view_json(NULL, 0, "t", &out);
	assert_string_equal(out.data, "{\"format\": 1, \"time\": \"t\", \"milters\": []}\n");
	buf_free(&out);
}

static void test_exit_status(void **state)
{
	static const struct {
		enum instance_state a, b;
		size_t down;
		enum status status;
	} cases[] = {
		{ INSTANCE_RUNNING, INSTANCE_RUNNING, 0, STATUS_OK },
		{ INSTANCE_RUNNING, INSTANCE_STOPPING, 0, STATUS_OK },
		{ INSTANCE_RUNNING, INSTANCE_STOPPED, 0, STATUS_OK },
		{ INSTANCE_RUNNING, INSTANCE_STOPPED, 1, STATUS_SOME_RUN },
		{ INSTANCE_RUNNING, INSTANCE_NO_MUX, 0, STATUS_SOME_RUN },
		{ INSTANCE_NO_FRONT, INSTANCE_STOPPED, 0, STATUS_SOME_RUN },
		{ INSTANCE_STOPPED, INSTANCE_STOPPED, 1, STATUS_NONE_RUNS },
		{ INSTANCE_DEAD, INSTANCE_STOPPED, 1, STATUS_FAILED },
		{ INSTANCE_UNKNOWN, INSTANCE_RUNNING, 0, STATUS_NOT_PERMITTED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct instance a = { .is = cases[i].a }, b = { .is = cases[i].b };
		struct view views[] = { { .instance = &a, .mux_answered = true, .front_answered = true },
					{ .instance = &b, .mux_answered = true, .front_answered = true } };

		assert_int_equal(view_status(views, 2, cases[i].down), cases[i].status);
		views[0].front_answered = views[1].mux_answered = false;
		if (cases[i].a == INSTANCE_RUNNING || cases[i].b == INSTANCE_RUNNING)
			assert_int_equal(view_status(views, 2, cases[i].down), STATUS_NOT_PERMITTED);
	}
	assert_int_equal(view_status(NULL, 0, 0), STATUS_NONE_RUNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running), cmocka_unit_test(test_successor),
		cmocka_unit_test(test_states),  cmocka_unit_test(test_flags),
		cmocka_unit_test(test_json),    cmocka_unit_test(test_exit_status)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
