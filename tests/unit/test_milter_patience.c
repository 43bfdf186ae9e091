#include "milter/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct settings settings = {
	.command_timeout_s = 25, .content_timeout_s = 270, .scan_timeout_s = 540, .progress_s = 3
};

static void commands(void **state)
{
	assert_int_equal(patience_command(&settings, 1000), 26000);
}

static void delays(void **state)
{
	static const struct {
		int64_t wanted, now, deadline, delay;
	} cases[] = {
		{ 3000, 0, 25000, 3000 },         { 25000, 0, 25000, 25000 }, { 26000, 0, 25000, 25000 },
		{ 3000, 24000, 25000, 1000 },     /* the question took its time */
		{ 3000, 25000, 25000, 0 },        /* answered in the last moment */
		{ 3000, 25001, 25000, 0 },        /* and just behind it */
		{ 3600000, 10000, 25000, 15000 }, /* the longest that a filter can ask for */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(patience_delay(cases[i].wanted, cases[i].now, cases[i].deadline),
				 cases[i].delay);
}

static void progress(void **state)
{
	struct settings s = settings;

	assert_int_equal(patience_progress(&s), 3000);
	s.progress_s = 135;
	assert_int_equal(patience_progress(&s), 135000);
	s.progress_s = 86400;
	assert_int_equal(patience_progress(&s), 135000);
	s.content_timeout_s = 1;
	assert_int_equal(patience_progress(&s), 500);
}

static void scans(void **state)
{
	static const struct {
		int content_s, scan_s, progress_s;
		uint32_t version;
		bool progress;
		int64_t deadline;
	} cases[] = {
		{ 270, 540, 3, 6, true, 540100 },
		{ 270, 540, 3, 3, true, 540100 },
		{ 270, 540, 3, 2, false, 270100 }, /* the MTA does not know the packet */
		{ 270, 540, 0, 6, false, 270100 }, /* it is not to be sent */
		{ 270, 0, 3, 6, true, 0 },
		{ 270, 0, 3, 2, false, 270100 },
		{ 270, 60, 3, 6, true, 60100 },
		{ 270, 60, 0, 6, false, 60100 }, /* shorter than the MTA would wait */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct settings s = { .content_timeout_s = cases[i].content_s,
					    .scan_timeout_s = cases[i].scan_s,
					    .progress_s = cases[i].progress_s };

		assert_int_equal(patience_allows_progress(&s, cases[i].version), cases[i].progress);
		assert_int_equal(patience_scan(&s, cases[i].version, 100), cases[i].deadline);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(delays),
		cmocka_unit_test(progress),
		cmocka_unit_test(scans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
