#include "proto/socketmap.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *payload;
	size_t len;
	const char *line; /* NULL: refused */
} requests[] = {
	{ "mymap key1", 10, "map mymap key1" },
	{ "mymap ", 6, "map mymap " },
	{ "m two  words", 12, "map m two%20%20words" },
	{ " key", 4, "map  key" },
	{ "m a%41\n", 7, "map m a%2541%0A" }, /* the worker sees what the mail server sent */
	{ "m a\0b", 5, "map m a%00b" },
	{ "m\xc3\xa4 \xff", 5, "map m%C3%A4 %FF" },
	{ "mymap", 5, NULL },
	{ "", 0, NULL },
};

static void test_requests(void **state)
{
	for (size_t i = 0; i < LENGTH(requests); i++) {
		char *payload = exact_bytes(requests[i].payload, requests[i].len);
		struct buf line;

		buf_init(&line, BUF_NO_LIMIT);
		assert_int_equal(socketmap_request(payload, requests[i].len, &line),
				 requests[i].line != NULL);
		assert_string_equal(line.data, requests[i].line == NULL ? "" : requests[i].line);
		buf_free(&line);
		free(payload);
	}
}

static const struct {
	const char *line, *answer;
} answers[] = {
	{ "OK value%20of%20k\n", "13:OK value of k," },
	{ "NOTFOUND \n", "9:NOTFOUND ," },
	{ "NOTFOUND\n", "8:NOTFOUND," },
	{ "TEMP try%20later\n", "14:TEMP try later," },
	{ "TIMEOUT x\n", "9:TIMEOUT x," },
	{ "PERM no\n", "7:PERM no," },
	{ "garbage reply\n", "13:garbage reply," },
	{
		"\n",
		"0:,",
	},
	{
		"",
		"0:,",
	},
	{ "OK cut", "6:OK cut," },
	{ "OK 100%\n", "7:OK 100%," },
};

static void test_answers(void **state)
{
	for (size_t i = 0; i < LENGTH(answers); i++) {
		size_t n = strlen(answers[i].line);
		char *line = exact_bytes(answers[i].line, n);
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		socketmap_answer(line, n, &out);
		assert_string_equal(out.data, answers[i].answer);
		buf_free(&out);
		free(line);
	}
}

static const struct {
	const char *reply, *answer;
} failures[] = {
	{ "error: No free workers\n", "20:TEMP No free workers," },
	{ "error: Unable to activate worker\n", "30:TEMP Unable to activate worker," },
	{ "ERR Shutting down\n", "18:TEMP Shutting down," },
	{ "odd", "8:TEMP odd," },
};

static void test_failures(void **state)
{
	for (size_t i = 0; i < LENGTH(failures); i++) {
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		socketmap_failure(failures[i].reply, &out);
		assert_string_equal(out.data, failures[i].answer);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
