#include "tools/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The packet as `C j=mx {daemon_name}=d`; "" when there is none. */
static const char *said(const struct macros *m, enum milter_command letter)
{
	static char text[512];
	struct milter_packet p;
	struct milter_msg msg;
	struct buf out;
	const char *name, *value;
	size_t used;

	text[0] = '\0';
	buf_init(&out, BUF_NO_LIMIT);
	macros_put(m, &out, letter);
	if (out.len > 0) {
		assert_int_equal(milter_frame(out.data, out.len, MILTER_MAX_DATA, &p, &used),
				 MILTER_FRAME_WHOLE);
		assert_int_equal(used, out.len);
		assert_int_equal(milter_parse(&p, &msg), MILTER_OK);
		strncat(text, &msg.macro.stage, 1);
		while ((name = milter_next(&msg.macro.pairs)) != NULL) {
			value = milter_next(&msg.macro.pairs);
			strcat(strcat(strcat(strcat(text, " "), name), "="), value);
		}
	}
	buf_free(&out);
	return text;
}

static void test_postfix(void **state)
{
	struct macros *m = macros_new(MTA_POSTFIX, NULL, 0);

	macros_set(m, "j", "mx");
	macros_set(m, "daemon_name", "d");
	macros_set(m, "mail_addr", "a@b");
	macros_set(m, "mail_host", NULL);
	assert_string_equal(said(m, MILTER_CONNECT), "C j=mx {daemon_name}=d");
	assert_string_equal(said(m, MILTER_HELO), "H"); /* the letter alone */
	assert_string_equal(said(m, MILTER_MAIL), "M {mail_addr}=a@b");
	assert_string_equal(said(m, MILTER_RCPT), "R");
	macros_set(m, "i", "Q");
	assert_string_equal(said(m, MILTER_RCPT), "R i=Q");
	assert_string_equal(said(m, MILTER_DATA), "T i=Q");
	assert_string_equal(said(m, MILTER_HEADER), "L i=Q");
	assert_string_equal(said(m, MILTER_EOH), "N i=Q");
	assert_string_equal(said(m, MILTER_BODY), "B i=Q");
	assert_string_equal(said(m, MILTER_EOM), "E i=Q");
	macros_set(m, "i", "Q2");
	assert_string_equal(said(m, MILTER_DATA), "T i=Q2");
	macros_free(m);
}

static void test_sendmail(void **state)
{
	struct macros *m = macros_new(MTA_SENDMAIL, NULL, 0);

	macros_set(m, "i", "Q");
	assert_string_equal(said(m, MILTER_MAIL), "M i=Q");
	assert_string_equal(said(m, MILTER_RCPT), "R");
	assert_string_equal(said(m, MILTER_DATA), "");
	assert_string_equal(said(m, MILTER_HEADER), "");
	assert_string_equal(said(m, MILTER_EOM), "E");
	macros_free(m);
}

/* The user's macros replace those of the MTA; what the MTA has at no stage goes with CONNECT. */
static void test_given(void **state)
{
	const struct macro given[] = {
		{ "{j}", "mine" }, { "auth_authen", "joe" }, { "own", "x" }, { "Z", "" }
	};
	struct macros *m = macros_new(MTA_POSTFIX, given, 4);

	macros_set(m, "j", "mx");
	assert_string_equal(said(m, MILTER_CONNECT), "C j=mine {own}=x Z=");
	assert_string_equal(said(m, MILTER_MAIL), "M {auth_authen}=joe");
	macros_free(m);
}

/* A filter's list replaces that of a stage; blanks and commas part, braces do not matter. */
static void test_asked(void **state)
{
	struct macros *m = macros_new(MTA_POSTFIX, NULL, 0);

	macros_set(m, "j", "mx");
	macros_set(m, "v", "Postfix");
	macros_set(m, "i", "Q");
	macros_ask(m, MILTER_AT_CONNECT, " v,{j}  unknown");
	macros_ask(m, MILTER_AT_EOM, "");
	macros_ask(m, MILTER_AT_EOH, "j i");
	macros_ask(m, 99, "j");
	assert_string_equal(said(m, MILTER_CONNECT), "C v=Postfix {j}=mx");
	assert_string_equal(said(m, MILTER_EOM), "E");
	assert_string_equal(said(m, MILTER_BODY), "B");
	assert_string_equal(said(m, MILTER_HEADER), "L j=mx i=Q");
	assert_string_equal(said(m, MILTER_DATA), "T i=Q");
	macros_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_postfix),
		cmocka_unit_test(test_sendmail),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
