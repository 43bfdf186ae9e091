/* Command lines out of blocks: the default of each key is not to pass it. */
#include "pmx/plan.h"

#include "conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRONT                                                                               \
	"mimedefang -p inet:3366@127.0.0.1 -m /run/pmx/A/mux.sock -P /run/pmx/A/front.pid " \
	"-o /run/pmx/A/front.lock -U pmx6 -z /var/spool/MIMEDefang"
#define FRONT_END " --status /run/pmx/A/front.sock --grace 86400"
#define MUX                                                                                              \
	"mimedefang-multiplexor -s /run/pmx/A/mux.sock -p /run/pmx/A/mux.pid -o /run/pmx/A/mux.lock -U " \
	"pmx6 "                                                                                          \
	"-z /var/spool/MIMEDefang"

/* A line for the block, and what it adds to both command lines. */
static const struct {
	const char *line, *front, *mux;
} cases[] = {
	{ "", "", "" },
	{ "rules = r", "", " -F etc/r" },
	{ "rules = /r", "", " -F /r" },
	{ "filter = /f", "", " -f /f" },
	{ "max_pooled_procs = 3", "", " -x 3" },
	{ "max_pooled_procs = __DEFAULT__", "", "" },
	{ "concurrency_limit = 4", "", " -x 4" },
	{ "min_pooled_procs = 1", "", " -m 1" },
	{ "pooled_proc_idle_limit = 5m", "", " -i 300" },
	{ "pooled_proc_connect_limit = 7", "", " -r 7" },
	{ "pooled_proc_connect_limit = 0", "", " -r 1000000000" },
	{ "request_queue_size = 8", " -q", " -q 8" },
	{ "request_queue_size = 0", "", " -q 0" },
	{ "request_queue_size = 8\nconcurrency_limit_action = tempfail", "", " -q 0" },
	{ "request_queue_size = 8\nconcurrency_limit_action = wait", " -q", " -q 8" },
	{ "request_queue_timeout = 1m", "", " -Q 60" },
	{ "timeout = 2m", "", " -b 120" },
	{ "command_timeout = 5", "", " -c 5" },
	{ "listen_queue_size = 9", " -b 9", " -I 9" },
	{ "worker_start_interval = 0", "", " -w 1" },
	{ "worker_start_interval = 2", "", " -w 2" },
	{ "worker_min_interval = 2", "", " -W 2" },
	{ "worker_max_rss = 16M", "", " -R 16384" },
	{ "worker_max_rss = 0", "", " -R 0" },
	{ "worker_max_memory = 1G", "", " -M 1048576" },
	{ "preload_interpreters = yes", "", " -E" },
	{ "preload_interpreters = no", "", "" },
	{ "debug_level = 0", "", "" },
	{ "debug_level = 1", "", " -l" },
	{ "debug_level = 2", "", " -l -d" },
	{ "status_port = inet:1", "", " -a inet:1" },
	{ "notify_port = /n", "", " -O /n" },
	{ "map_port = /m", "", " -N /m" },
	{ "map_port = local:m", "", " -N unix:/run/pmx/m" },
	{ "tick_interval = 1h", "", " -X 3600" },
	{ "parallel_ticks = 2", "", " -P 2" },
	{ "status_interval = 5", "", " -L 5" },
	{ "checks = relay", " -r", "" },
	{ "checks = helo sender recipient", " -H -s -t", "" },
	{ "checks = \"\"", "", "" },
};

static void check_args(const struct plan *p, void (*make)(const struct plan *p, struct args *out),
		       const char *expected)
{
	struct args args = { .n = 0 };
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	make(p, &args);
	assert_false(args.failed);
	for (size_t i = 0; i < args.n; i++)
		buf_addf(&line, "%s%s", i > 0 ? " " : "", args.v[i]);
	assert_string_equal(line.data, expected);
	assert_null(args.v[args.n]);
	args_free(&args);
	buf_free(&line);
}

static int read_block(const char *global, const char *line, struct conf *c, struct plan *p)
{
	char text[1024];
	const struct fixture_file files[] = { { "etc/pmx.conf", text }, { NULL, NULL } };

	snprintf(text, sizeof(text), "%s<milter A>\nport = inet:3366@127.0.0.1\n%s\n</milter>\n", global,
		 line);
	assert_int_equal(fixture_read(files, c), 0);
	return plan_init(p, c, c->milters[0]);
}

static void test_keys(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf c;
		struct plan p;
		char expected[1024];

		assert_int_equal(read_block("", cases[i].line, &c, &p), 0);
		snprintf(expected, sizeof(expected), FRONT FRONT_END "%s", cases[i].front);
		check_args(&p, plan_front_args, expected);
		snprintf(expected, sizeof(expected), MUX "%s", cases[i].mux);
		check_args(&p, plan_mux_args, expected);
		plan_free(&p);
		conf_free(&c);
	}
}

static void test_global_keys(void **state)
{
	struct conf c;
	struct plan p;

	assert_int_equal(
		read_block("umask = 027\nlog_to = syslog:local3\nuser = u\nspool_dir = /s\n", "", &c, &p), 0);
	assert_true(p.group);
	check_args(&p, plan_mux_args,
		   "mimedefang-multiplexor -s /run/pmx/A/mux.sock -p /run/pmx/A/mux.pid -o "
		   "/run/pmx/A/mux.lock -U u -z /s "
		   "-S local3 -G");
	plan_free(&p);
	conf_free(&c);

	assert_int_equal(read_block("log_dir = /l\nlog_to = file\nstdout = out\nstderr = /e\n", "", &c, &p),
			 0);
	assert_string_equal(p.log_file, "/l/file");
	assert_string_equal(p.out_file, "/l/out");
	assert_string_equal(p.err_file, "/e");
	check_args(&p, plan_mux_args, MUX " -D");
	plan_free(&p);
	conf_free(&c);
}

static void test_defaults(void **state)
{
	struct conf c;
	struct plan p;

	assert_int_equal(read_block("", "", &c, &p), 0);
	assert_string_equal(p.user, "pmx6"); /* R3 */
	assert_string_equal(p.err_file, "/var/log/pmx/A.err");
	assert_true(p.err_is_default);
	assert_null(p.log_file);
	assert_null(p.out_file);
	assert_null(p.rules);
	assert_false(p.spool_made);
	assert_int_equal(p.start_timeout_s, 30);
	assert_int_equal(p.stop_timeout_s, 300);
	assert_int_equal(p.abort_timeout_s, 15);
	assert_int_equal(p.kill_timeout_s, 5);
	assert_false(p.escalate);
	assert_false(p.group);
	assert_null(p.filter);
	assert_string_equal(p.spool, "/var/spool/MIMEDefang");
	assert_int_equal(p.max_workers, 2);
	plan_free(&p);
	conf_free(&c);

	assert_int_equal(read_block("stop_timeout=0\nstop_escalate=yes\n",
				    "start_timeout=1m\nabort_timeout=2\nkill_timeout=3", &c, &p),
			 0);
	assert_int_equal(p.start_timeout_s, 60);
	assert_int_equal(p.stop_timeout_s, 0);
	assert_int_equal(p.abort_timeout_s, 2);
	assert_int_equal(p.kill_timeout_s, 3);
	assert_true(p.escalate);
	plan_free(&p);
	conf_free(&c);
}

static void test_spool_of_several(void **state)
{
	struct conf c;
	struct plan p;

	assert_int_equal(read_block("spool_dir = /s\n<milter B>\nport = local:b\nspool_dir = /t\n</milter>\n",
				    "", &c, &p),
			 0);
	plan_free(&p);
	assert_int_equal(plan_init(&p, &c, c.milters[1]), 0);
	assert_string_equal(p.spool, "/s/A");
	assert_true(p.spool_made);
	plan_free(&p);
	assert_int_equal(plan_init(&p, &c, c.milters[0]), 0);
	assert_string_equal(p.spool, "/t");
	assert_string_equal(p.port.text, "unix:/run/pmx/b");
	plan_free(&p);
	conf_free(&c);
}

static void test_digest(void **state)
{
	struct conf c;
	struct plan p;
	char before[17], after[17];

	assert_int_equal(read_block("", "", &c, &p), 0);
	plan_digest(&p, before);
	plan_digest(&p, after);
	assert_string_equal(before, after);
	plan_free(&p);
	conf_free(&c);
	assert_int_equal(read_block("", "max_pooled_procs = 3", &c, &p), 0);
	plan_digest(&p, after);
	assert_string_not_equal(before, after);
	plan_free(&p);
	conf_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_keys), cmocka_unit_test(test_global_keys),
					    cmocka_unit_test(test_defaults),
					    cmocka_unit_test(test_spool_of_several),
					    cmocka_unit_test(test_digest) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
