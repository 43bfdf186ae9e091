#include "ctl/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	format_fn *format;
	const char *reply, *text; /* NULL: not readable */
} cases[] = {
	{ format_status, "BISKR 2 5 0 0 11\n",
	  "Max workers: 5\nWorker 0: busy\nWorker 1: idle\nWorker 2: stopped\nWorker 3: killed\n"
	  "Worker 4: unknown state 'R'\n" },
	{ format_status, "error: No free workers\n", NULL },
	{ format_status, "", NULL },
	{ format_status, "\n", NULL },
	{ format_status, "BB 1 2", NULL },
	{ format_status, "I x\n", NULL },
	{ format_barstatus, "BBS 2 2 0 0 2\n", "  2/3 BB. 2\n" },
	{ format_barstatus, "BBS 2 2 4 0 2\n", "  2/3 BB.    0/4 .... 2\n" },
	{ format_barstatus, "BBB 3 2 4 2 2\n", "  3/3 BBB    2/4 QQ.. 3\n" },
	{ format_barstatus, "BBBBBBBBBBBBBBBBBBBBBBBBBBIIIIIIIIIIIIII 0 2 100 0 2\n",
	  " 26/40 BBBBBBBBBBBBBBBBB........    0/100 .................... 0\n" },
	{ format_barstatus, "what\n", NULL },
};

static void test_format(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		print_message("%s\n", cases[i].reply);
		buf_init(&out, BUF_NO_LIMIT);
		assert_int_equal(cases[i].format(cases[i].reply, &out), cases[i].text != NULL);
		assert_string_equal(out.data, cases[i].text != NULL ? cases[i].text : "");
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_format) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
