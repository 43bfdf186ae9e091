#include "ctl/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEN_ZEROES "0 0 0 0 0 0 0 0 0 0"
#define LOAD "2 2 2 2 1.000000 1.000000 1.000000 1.000000 250.000000 250.000000 250.000000 250.000000 "
#define LOAD1                                                                                                \
	"2 1.000000 250.000000 1 1.000000 200.000000 0 0.000000 0.000000 1 1.000000 100.000000 2 1 0 0 2 3 " \
	"4 0 9 "

static const struct format_origin origin = { .hostname = "mx\"1", .timestamp = "Sat Nov 21 01:35:07 2026" };

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
	{ format_health, "ok\n", "" },
	{ format_health, "degraded: 2 x: y\n", "Degraded: 2 x: y\n" },
	{ format_health, "error: Unknown command\n", "" },
	{ format_barstatus, "BBS 2 2 0 0 2\n", "  2/3 BB. 2\n" },
	{ format_barstatus, "BBS 2 2 4 0 2\n", "  2/3 BB.    0/4 .... 2\n" },
	{ format_barstatus, "BBB 3 2 4 2 2\n", "  3/3 BBB    2/4 QQ.. 3\n" },
	{ format_barstatus, "BBBBBBBBBBBBBBBBBBBBBBBBBBIIIIIIIIIIIIII 0 2 100 0 2\n",
	  " 26/40 BBBBBBBBBBBBBBBBB........    0/100 .................... 0\n" },
	{ format_barstatus, "what\n", NULL },
	{ format_jsonstatus, "BBSIK 2 2 4 0 2\n",
	  "{\"timestamp\": \"Sat Nov 21 01:35:07 2026\",\"hostname\": \"mx\\\"1\",\"Worker0\": \"busy\","
	  "\"Worker1\": \"busy\",\"Worker2\": \"stopped\",\"Worker3\": \"idle\",\"Worker4\": \"killed\"}" },
	{ format_jsonstatus, "BX 2 2 4 0 2\n", NULL },
	{ format_load, LOAD "1 1 1 1 4 4 4 4 0 1 1 0 1 5 0 0 18\n",
	  "  Load              Msgs        Msgs/Sec     Avg ms/Scan   Avg Busy Workers\n"
	  "10 Sec               2            0.20           250.0            1.00\n"
	  " 1 Min               2            0.03           250.0            1.00\n"
	  " 5 Min               2            0.01           250.0            1.00\n"
	  "10 Min               2            0.00           250.0            1.00\n" },
	{ format_load, LOAD "1 1 1 1 4 4 4 4 0 1 1 0 1 5 0 0\n", NULL },     /* one too few */
	{ format_load, LOAD "1 1 1 1 4 4 4 4 0 1 1 0 1 5 0 0 1 1\n", NULL }, /* one too many */
	{ format_load, LOAD "1 1 1 1 4 4 4 4 0 1 1 0 1 5 0 0 nan\n", NULL },
	{ format_load, LOAD "1 1 1 1 4 4 4 4 0 1 1 0 1 5 0 0 1e300\n", NULL },
	{ format_load, "error: No free workers\n", NULL },
	{ format_load, "", NULL },
	{ format_load_relayok, TEN_ZEROES " " TEN_ZEROES " 0 0 0 0 0 0 0 0 0\n",
	  "  Load              Conn        Conn/Sec     Avg ms/Conn   Avg Busy Workers\n"
	  "10 Sec               0            0.00             0.0            0.00\n"
	  " 1 Min               0            0.00             0.0            0.00\n"
	  " 5 Min               0            0.00             0.0            0.00\n"
	  "10 Min               0            0.00             0.0            0.00\n" },
	{ format_hload, LOAD "1 1 1 0\n",
	  "  Load              Msgs        Msgs/Sec     Avg ms/Scan   Avg Busy Workers\n"
	  "    1h               2            2.00           250.0            1.00\n"
	  "    4h               2            2.00           250.0            1.00\n"
	  "   12h               2            2.00           250.0            1.00\n"
	  "   24h               2            0.00           250.0            1.00\n" },
	{ format_hload_senderok, TEN_ZEROES " 0 0 0 0 0 0\n",
	  "  Load              MAIL        MAIL/Sec     Avg ms/MAIL   Avg Busy Workers\n"
	  "    1h               0            0.00             0.0            0.00\n"
	  "    4h               0            0.00             0.0            0.00\n"
	  "   12h               0            0.00             0.0            0.00\n"
	  "   24h               0            0.00             0.0            0.00\n" },
	{ format_hload_recipok, TEN_ZEROES "\n", NULL },
	{ format_load1, LOAD1 "60 1 0 0 1\n",
	  "Statistics for last 60 seconds:\n"
	  "       Cmd             Num           Num/s      AvgWorkers           AvgMS\n"
	  "      Scan               2             0.0             1.0           250.0\n"
	  "   Relayok               1             0.0             1.0           200.0\n"
	  "  Senderok               0             0.0             0.0             0.0\n"
	  "   Recipok               1             0.0             1.0           100.0\n\n"
	  "Current Snapshot:\n"
	  "Workers: busy=2 idle=1 stopped=0 killed=0\n"
	  "Cmds:   scan=1 relayok=0 senderok=0 recipok=1\n"
	  "Queue:  size=4 queued=0\n" },
	{ format_load1, LOAD1 "60 1 0 0\n", NULL },
	{ format_load1, "error: Invalid 'back' amount (must be 10-600)\n", NULL },
	{ format_jsonload1, LOAD1 "60 1 0 0 1\n",
	  "{\"timestamp\": \"Sat Nov 21 01:35:07 2026\",\"hostname\": \"mx\\\"1\",\"busyworkers\":2, "
	  "\"idleworkers\":1, \"stoppedworkers\":0, \"killedworkers\":0,\"scan\":2, \"relayok\":1, "
	  "\"senderok\":0, \"recipok\":1,\"queue_size\":4, \"queued_requests\":0}\n" },
	{ format_jsonload1, "", NULL },
};

static void test_format(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		print_message("# %s\n", cases[i].reply);
		buf_init(&out, BUF_NO_LIMIT);
		assert_int_equal(cases[i].format(cases[i].reply, &origin, &out), cases[i].text != NULL);
		assert_string_equal(out.data, cases[i].text != NULL ? cases[i].text : "");
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_format) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
