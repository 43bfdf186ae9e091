#include "pool/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define AT INT64_C(1795224339005)
#define NONE .total = -1, .requests = -1

static const struct {
	struct record record;
	const char *text;
} cases[] = {
	{ { AT, "StartWorker", 0, 1, 0, NONE, .reason = "Bringing workers up to minWorkers (2)" },
	  "1795224339.005 StartWorker worker=0 nworkers=1 nbusy=0 "
	  "reason=\"Bringing workers up to minWorkers (2)\"" },
	{ { AT, "StartFilter", 3, 4, 2, NONE }, "1795224339.005 StartFilter worker=3 nworkers=4 nbusy=2" },
	{ { AT, "EndFilter", 3, 4, 1, .total = 7, .requests = -1 },
	  "1795224339.005 EndFilter worker=3 nworkers=4 nbusy=1 numRequests=7" },
	{ { AT, "KillWorker", 3, 4, 1, .total = -1, .requests = 7, .age_s = 60, .reason = "Busy timeout" },
	  "1795224339.005 KillWorker worker=3 nworkers=4 nbusy=1 req=7 age=60 reason=\"Busy timeout\"" },
	{ { AT, "StartWorker", 0, 1, 0, NONE, .reason = "'x\ny' \"\\\001\177\xe4" },
	  "1795224339.005 StartWorker worker=0 nworkers=1 nbusy=0 reason=\"'x\\ny' \\\"\\\\??\xe4\"" },
};

static void test_records(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		record_add(&cases[i].record, &out);
		assert_string_equal(out.data, cases[i].text);
		buf_free(&out);
	}
}

static void test_date(void **state)
{
	struct buf out;

	setenv("TZ", "UTC+2", 1); /* west of Greenwich */
	tzset();
	buf_init(&out, BUF_NO_LIMIT);
	record_add_date(&cases[0].record, &out);
	assert_string_equal(out.data, "2026/11/20:23:25:39 ");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_records), cmocka_unit_test(test_date) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
