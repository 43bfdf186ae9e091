/* The lines for a mail server. */
#include "pmx/mta.h"

#include "conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "run_dir = /run/x\n"
			   "<milter A>\nport = inet:3366@127.0.0.1\n</milter>\n"
			   "<milter B>\nport = inet6:3367@[::1]\n</milter>\n"
			   "<milter C>\nport = local:c.sock\nenabled = no\n</milter>\n"
			   "<milter D>\nport = inet:3368@any\n</milter>\n"
			   "<milter E>\nport = unix:/a/b\n</milter>\n"
			   "<milter F>\nport = inet6:3369@::1\n</milter>\n"
			   "<milter G>\nport = inet6:3370@any\n</milter>\n"
			   "<milter H>\nport = inet6:3371@localhost\n</milter>\n";

static void check(enum mta which, const char *expected)
{
	struct conf c;
	struct buf out;

	assert_int_equal(fixture_read_text(text, &c), 0);
	buf_init(&out, BUF_NO_LIMIT);
	mta_lines(&c, which, &out);
	assert_string_equal(out.data, expected);
	buf_free(&out);
	conf_free(&c);
}

static void test_postfix(void **state)
{
	check(MTA_POSTFIX,
	      "# main.cf\n"
	      "# smtpd has to reach the sockets: it needs the milters' group, and umask = 007 in pmx.conf;\n"
	      "# where master.cf has it in a chroot it sees only what is below queue_directory.\n"
	      "smtpd_milters =\n"
	      "    # A\n    inet:127.0.0.1:3366\n"
	      "    # B\n    inet:[::1]:3367\n"
	      "    # C (disabled)\n    # unix:/run/x/c.sock\n"
	      "    # D\n    inet:127.0.0.1:3368\n"
	      "    # E\n    unix:/a/b\n"
	      "    # F\n    inet:[::1]:3369\n"
	      "    # G\n    inet:[::1]:3370\n"
	      "    # H\n    inet:[localhost]:3371\n"
	      "milter_default_action = tempfail\nmilter_content_timeout = 300s\n");
}

static void test_sendmail(void **state)
{
	check(MTA_SENDMAIL,
	      "dnl sendmail.mc\n"
	      "INPUT_MAIL_FILTER(`A', `S=inet:3366@127.0.0.1, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "INPUT_MAIL_FILTER(`B', `S=inet6:3367@::1, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "dnl disabled: INPUT_MAIL_FILTER(`C', `S=unix:/run/x/c.sock, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "INPUT_MAIL_FILTER(`D', `S=inet:3368@127.0.0.1, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "INPUT_MAIL_FILTER(`E', `S=unix:/a/b, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "INPUT_MAIL_FILTER(`F', `S=inet6:3369@::1, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "INPUT_MAIL_FILTER(`G', `S=inet6:3370@::1, F=T, T=S:60s;R:60s;E:5m')dnl\n"
	      "INPUT_MAIL_FILTER(`H', `S=inet6:3371@localhost, F=T, T=S:60s;R:60s;E:5m')dnl\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_postfix), cmocka_unit_test(test_sendmail) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
