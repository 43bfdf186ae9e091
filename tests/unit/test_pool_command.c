#include "base/loop.h"
#include "pool/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REFUSED "error: Attempt to use privileged command on unprivileged socket\n"

/* Against a pool of three workers, none of which has been started. */
static const struct {
	const char *line;
	bool privileged;
	enum command_result result;
	const char *reply;
} cases[] = {
	{ "free", true, COMMAND_ANSWERED, "3\n" },
	{ "free", false, COMMAND_ANSWERED, "3\n" },
	{ "status", true, COMMAND_ANSWERED, "SSS 0 0 5 0 0\n" },
	{ "msgs", true, COMMAND_ANSWERED, "0\n" },
	{ "workers", true, COMMAND_ANSWERED, "0 S ago=0\n1 S ago=0\n2 S ago=0\n" },
	{ "slaves", false, COMMAND_ANSWERED, "0 S ago=0\n1 S ago=0\n2 S ago=0\n" },
	{ "busyworkers", true, COMMAND_ANSWERED, "" },
	{ "workerinfo 5", true, COMMAND_ANSWERED,
	  "Worker 5\nState Stopped\nPID -1\nNumRequests 0\nNumScans 0\nAge -1\nFirstReqAge -1\n"
	  "LastStateChangeAge 0\nStatusTag \n" },
	{ "workerinfo 6", true, COMMAND_ANSWERED, "error: Worker number out of range\n" },
	{ "slaveinfo 1x", true, COMMAND_ANSWERED, "error: Invalid worker number\n" },
	{ "load", true, COMMAND_ANSWERED,
	  "0 0 0 0 1.000000 1.000000 1.000000 1.000000 0.000000 0.000000 0.000000 0.000000 0 0 0 0 0 0 0 0 "
	  "0 0 3 0 0 0 5 0 0\n" },
	{ "load-recipok", false, COMMAND_ANSWERED,
	  "0 0 0 0 1.000000 1.000000 1.000000 1.000000 0.000000 0.000000 0.000000 0.000000 0 0 0 0 0 0 0 0 "
	  "0 0 3 0 0 0 5 0 0\n" },
	{ "load1 60", true, COMMAND_ANSWERED,
	  "0 0.000000 0.000000 0 0.000000 0.000000 0 0.000000 0.000000 0 0.000000 0.000000 "
	  "0 0 3 0 0 0 5 0 0 60 0 0 0 0\n" },
	{ "load1 9", true, COMMAND_ANSWERED, "error: Invalid 'back' amount (must be 10-600)\n" },
	{ "load1 601", true, COMMAND_ANSWERED, "error: Invalid 'back' amount (must be 10-600)\n" },
	{ "load1 x", true, COMMAND_ANSWERED, "error: Invalid 'back' amount (must be 10-600)\n" },
	{ "load1", true, COMMAND_WORKER, "" },
	{ "hload-senderok", true, COMMAND_ANSWERED,
	  "0 0 0 0 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000 0 0 0 0\n" },
	{ "histo", false, COMMAND_ANSWERED, "   1 0\n   2 0\n   3 0\n" },
	{ "health", true, COMMAND_ANSWERED, "ok\n" },
	{ "health", false, COMMAND_ANSWERED, "ok\n" },
	{ "tick", true, COMMAND_ANSWERED, "error: External agents may not invoke 'tick'\n" },
	{ "tick 0", true, COMMAND_WORKER, "" },
	{ "foo_no_such_command", true, COMMAND_ANSWERED, "error: Unknown command\n" },
	{ "foo_no_such_command", false, COMMAND_ANSWERED, "error: Unknown command\n" },
	{ "reread", true, COMMAND_REREAD, "" },
	{ "reread -n", true, COMMAND_CHECK, "" },
	{ "reread -n", false, COMMAND_ANSWERED, REFUSED },
	{ "reread x", true, COMMAND_ANSWERED, "error: Invalid option of reread (must be -n)\n" },
	{ "reread", false, COMMAND_ANSWERED, REFUSED },
	{ "scan Q dir", true, COMMAND_WORKER, "" },
	{ "scan Q dir", false, COMMAND_ANSWERED, REFUSED },
	{ "relayok ip name", true, COMMAND_WORKER, "" },
	{ "ping", true, COMMAND_WORKER, "" },
	{ "ping", false, COMMAND_ANSWERED, REFUSED },
	{ "", true, COMMAND_WORKER, "" },
	{ "", false, COMMAND_ANSWERED, REFUSED },
	{ "free ", true, COMMAND_WORKER, "" },
	{ " free", true, COMMAND_WORKER, "" },
	{ "FREE", true, COMMAND_WORKER, "" },
	{ "workerinfo", true, COMMAND_WORKER, "" },
};

struct fixture {
	struct settings settings;
	struct loop *loop;
	struct pool *pool;
};

static void set_up(struct fixture *f)
{
	f->settings = (struct settings){ .max_workers = 3, .queue_limit = 5, .max_requests = 1 };
	f->loop = loop_new();
	f->pool = pool_new(f->loop, &f->settings);
	assert_non_null(f->pool);
}

static void tear_down(struct fixture *f)
{
	pool_free(f->pool);
	loop_free(f->loop);
}

static void test_requests(void **state)
{
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *line = strdup(cases[i].line);
		struct request request;
		struct buf reply;

		print_message("# %s\n", cases[i].line);
		buf_init(&reply, BUF_NO_LIMIT);
		assert_int_equal(request_parse(line, &request), REQUEST_OK);
		assert_int_equal(command_run(f.pool, cases[i].privileged, &request, &reply), cases[i].result);
		assert_string_equal(reply.data, cases[i].reply);
		buf_free(&reply);
		free(line);
	}
	tear_down(&f);
}

static void test_help(void **state)
{
	struct fixture f;
	struct request request;
	struct buf reply;
	char line[] = "help";

	set_up(&f);
	buf_init(&reply, BUF_NO_LIMIT);
	assert_int_equal(request_parse(line, &request), REQUEST_OK);
	command_run(f.pool, true, &request, &reply);
	for (size_t i = 0; i < request_table_len; i++) {
		if (request_table[i].help != NULL)
			assert_non_null(strstr(reply.data, request_table[i].help));
	}
	assert_non_null(strstr(reply.data, "\nreread           -- "));
	buf_clear(&reply);
	command_run(f.pool, false, &request, &reply);
	assert_null(strstr(reply.data, "reread"));
	assert_null(strstr(reply.data, "scan "));
	buf_free(&reply);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_requests), cmocka_unit_test(test_help) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
