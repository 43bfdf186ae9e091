/* pmx.conf: scopes, includes, and what is said of each mistake. */
#include "conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_scopes(void **state)
{
	struct conf c;

	assert_int_equal(
		fixture_read_text("<milter A>\n timeout = 5\n min_pooled_procs = __DEFAULT__\n</milter>\n"
				  "timeout = 1m\nmin_pooled_procs = 3\nrules = \"__DEFAULT__\"\n<milter "
				  "B>\n</milter>\n",
				  &c),
		0);
	assert_string_equal(c.messages.data, "");
	assert_int_equal(c.n_milters, 2);
	assert_ptr_equal(conf_find(&c, "B"), c.milters[1]);
	assert_null(conf_find(&c, "b"));
	assert_int_equal(conf_number(&c, c.milters[0], KEY_TIMEOUT, 9), 5);
	assert_int_equal(conf_number(&c, c.milters[1], KEY_TIMEOUT, 9), 60);
	assert_int_equal(conf_number(&c, NULL, KEY_TIMEOUT, 9), 60);
	assert_int_equal(conf_number(&c, c.milters[0], KEY_MIN_POOLED_PROCS, 9), 9);
	assert_int_equal(conf_number(&c, c.milters[1], KEY_MIN_POOLED_PROCS, 9), 3);
	assert_string_equal(conf_text(&c, c.milters[1], KEY_RULES, "x"), "__DEFAULT__");
	assert_string_equal(conf_text(&c, NULL, KEY_USER, "x"), "x");
	assert_true(conf_is_enabled(&c, c.milters[0]));
	conf_free(&c);
}

/* Each configuration, and all that is said of it. */
static const struct {
	const char *text, *messages;
} cases[] = {
	{ "", "" },
	{ "x", "pmx.conf:1: neither `key = value' nor a block nor `!include'\n" },
	{ "\nmax_poled_procs = 1\n",
	  "pmx.conf:2: unknown key `max_poled_procs': did you mean `max_pooled_procs'?\n" },
	{ "colour = red", "pmx.conf:1: unknown key `colour'\n" },
	{ "reinit_limit = 3",
	  "pmx.conf:1: warning: `reinit_limit' of PureMessage has no meaning here and is ignored\n" },
	{ "timeout = 2h", "pmx.conf:1: timeout: `2h' is out of range (1s to 1h)\n" },
	{ "timeout = 1\n\ntimeout = 2", "pmx.conf:3: `timeout' was set before, at pmx.conf:1\n" },
	{ "timeout = __DEFAULT__\ntimeout = 2", "pmx.conf:2: `timeout' was set before, at pmx.conf:1\n" },
	{ "timeout = x\ntimeout = 2", "pmx.conf:1: timeout: `x' is not a time: a number and s, m, h or d\n" },
	{ "port = local:x", "pmx.conf:1: `port' is of one milter: it stands in a block\n" },
	{ "<milter A>\nuser = x\n</milter>",
	  "pmx.conf:2: `user' is for all milters: it stands outside of blocks\n" },
	{ "<milter A>\n</milter>\n<milter a>\n</milter>",
	  "pmx.conf:3: milter `a' is there already, as `A' at pmx.conf:1\n" },
	{ "<milter A>\n<milter B>\n</milter>",
	  "pmx.conf:2: a block within a block: </milter> is missing for `A' of line 1\n" },
	{ "</milter>", "pmx.conf:1: </milter> without <milter NAME>\n" },
	{ "\n<milter A>\n", "pmx.conf:2: </milter> is missing for `A'\n" },
	{ "!include none", "pmx.conf:1: !include none: No such file or directory\n" },
	{ "!include pmx.conf", "pmx.conf:1: !include pmx.conf: the file includes itself\n" },
	{ "!include *none", "" },
	{ "<milter A>\n!include *x\n</milter>", "pmx.conf:2: !include within a block\n" },
	{ "a\001 = 1", "pmx.conf:1: the line has a control character\n" },
	{ "a\303\244 = 1", "pmx.conf:1: unknown key `a?\?'\n" },
	{ "x\ntimeout = 0\ny = 1", /* all errors in one run */
	  "pmx.conf:1: neither `key = value' nor a block nor `!include'\n"
	  "pmx.conf:2: timeout: `0' is out of range (1s to 1h)\n"
	  "pmx.conf:3: unknown key `y'\n" },
};

static void test_messages(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf c;
		int rc = fixture_read_text(cases[i].text, &c);
		bool warned = strstr(cases[i].messages, "warning") != NULL;

		assert_string_equal(c.messages.data, cases[i].messages);
		assert_int_equal(rc, cases[i].messages[0] == '\0' || warned ? 0 : -EINVAL);
		conf_free(&c);
	}
}

static void test_includes(void **state)
{
	static const struct fixture_file files[] = {
		{ "/etc/pmx.conf", "!include a.conf\n!include *.inc\n" },
		{ "/etc/a.conf", "<milter A>\n</milter>\n" },
		{ "/etc/b.inc", "timeout = 7\nx\n" },
		{ "/etc/c.inc", "timeout = 7\n<milter C>\n" },
		{ NULL, NULL },
	};
	struct conf c;

	assert_int_equal(fixture_read(files, &c), -EINVAL);
	assert_string_equal(c.messages.data,
			    "/etc/b.inc:2: neither `key = value' nor a block nor `!include'\n"
			    "/etc/c.inc:1: `timeout' was set before, at /etc/b.inc:1\n"
			    "/etc/c.inc:2: </milter> is missing for `C'\n");
	assert_int_equal(c.n_files, 4);
	assert_int_equal(c.n_milters, 2);
	assert_int_equal(conf_number(&c, NULL, KEY_TIMEOUT, 9), 7);
	conf_free(&c);
}

static void test_depth(void **state)
{
	static const struct fixture_file files[] = {
		{ "0", "!include 1" }, { "1", "!include 2" }, { "2", "!include 3" }, { "3", "!include 4" },
		{ "4", "!include 5" }, { "5", "!include 6" }, { "6", "!include 7" }, { "7", "!include 8" },
		{ "8", "" },           { NULL, NULL },
	};
	struct conf c;

	assert_int_equal(fixture_read(files, &c), -EINVAL);
	assert_string_equal(c.messages.data, "7:1: !include 8: files are included more than 8 deep\n");
	conf_free(&c);
	assert_int_equal(fixture_read(files + 1, &c), 0);
	conf_free(&c);
}

static void test_limits(void **state)
{
	char *text = calloc(1, 300000);
	struct conf c;

	memset(text, 'a', CONF_MAX_LINE + 1);
	fixture_read_text(text, &c);
	assert_string_equal(c.messages.data, "pmx.conf:1: the line is too long (4096 bytes)\n");
	conf_free(&c);

	for (int i = 0; i < 150; i++)
		memcpy(text + 2 * i, "x\n", 3);
	fixture_read_text(text, &c);
	assert_int_equal(c.n_errors, 150);
	assert_non_null(strstr(c.messages.data, "pmx.conf:100:"));
	assert_null(strstr(c.messages.data, "pmx.conf:101:"));
	assert_non_null(strstr(c.messages.data, "\nand 50 more\n"));
	conf_free(&c);

	*text = '\0';
	for (int i = 0, n = 0; i <= CONF_MAX_MILTERS; i++)
		n += snprintf(text + n, 40, "<milter m%d>\n</milter>\n", i);
	fixture_read_text(text, &c);
	assert_int_equal(c.n_milters, CONF_MAX_MILTERS);
	assert_non_null(strstr(c.messages.data, "pmx.conf:2001: more than 1000 milters\n"));
	conf_free(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scopes), cmocka_unit_test(test_messages),
					    cmocka_unit_test(test_includes), cmocka_unit_test(test_depth),
					    cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
