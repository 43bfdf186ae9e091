#include "pool/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *line;
	enum job_class class;
	const char *tag, *queue_id;
} cases[] = {
	{ "scan Q1 /dir", JOB_CLASS_SCAN, "scan Q1", "Q1" },
	{ "scan Q%0A1 /dir", JOB_CLASS_SCAN, "scan Q 1", "Q?1" },
	{ "scan", JOB_CLASS_OTHER, "scan", "" },
	{ "scanner x", JOB_CLASS_OTHER, "scanner x", "" },
	{ "relayok 192.0.2.1 host 1 2 3 Q1", JOB_CLASS_RELAYOK, "relayok 192.0.2.1", "" },
	{ "helook 192.0.2.1 host helo 1 2 3 Q1", JOB_CLASS_OTHER, "helook 192.0.2.1", "" },
	{ "senderok <a@b> ip name helo dir Q2 SIZE=9", JOB_CLASS_SENDEROK, "senderok <a@b>", "Q2" },
	{ "senderok <a@b>", JOB_CLASS_SENDEROK, "senderok <a@b>", "" },
	{ "recipok %3Cr%3E s ip name first helo dir Q3 ? ? ?", JOB_CLASS_RECIPOK, "recipok <r>", "Q3" },
	{ "", JOB_CLASS_OTHER, "", "" },
};

static void test_job(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *copy = strdup(cases[i].line);
		size_t len = strlen(cases[i].line);
		struct request request;
		struct job *job;

		assert_int_equal(request_parse(copy, &request), REQUEST_OK);
		job = job_new(cases[i].line, &request, NULL, NULL);
		print_message("%s\n", cases[i].line);
		assert_int_equal(job->class, cases[i].class);
		assert_string_equal(job->queue_id, cases[i].queue_id);
		assert_string_equal(job->tag, cases[i].tag);
		assert_int_equal(job->len, len + 1);
		assert_memory_equal(job->line, cases[i].line, len);
		assert_int_equal(job->line[len], '\n');
		job_free(job);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_job) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
