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
		print_message("# %s\n", cases[i].line);
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

static void test_domain(void **state)
{
	static const struct {
		const char *line, *domain;
	} domains[] = {
		{ "recipok <r@Example.net> <s@b> ip", "Example.net" },
		{ "recipok %3Cr@a.example%3E s ip", "a.example" },
		{ "recipok r@a.example s ip", "a.example" },
		{ "recipok %22x@y%22@a.example s@b ip", "a.example" },
		{ "recipok <postmaster> <s@b> ip", "" },
		{ "recipok", "" },
		{ "senderok <r@a.example> ip", "" },
	};

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		char *copy = strdup(domains[i].line);
		struct request request;
		struct job *job;

		assert_int_equal(request_parse(copy, &request), REQUEST_OK);
		job = job_new(domains[i].line, &request, NULL, NULL);
		assert_string_equal(job->domain, domains[i].domain);
		job_free(job);
		free(copy);
	}
}

static void test_long_domain(void **state)
{
	char line[300] = "recipok r@", copy[300];
	struct request request;
	struct job *job;

	memset(line + 10, 'd', 250);
	memcpy(copy, line, sizeof(copy));
	assert_int_equal(request_parse(copy, &request), REQUEST_OK);
	job = job_new(line, &request, NULL, NULL);
	assert_int_equal(strlen(job->domain), JOB_DOMAIN_MAX - 1);
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_job), cmocka_unit_test(test_domain),
					    cmocka_unit_test(test_long_domain) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
