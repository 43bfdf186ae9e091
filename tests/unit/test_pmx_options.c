/* Command lines. */
#include "pmx/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WORDS 8

static const struct {
	const char *words[MAX_WORDS];
	const char *error; /* NULL: none */
	enum command command;
	const char *names; /* joined */
} cases[] = {
	{ { "start" }, NULL, COMMAND_START, "" },
	{ { "-c", "f", "start", "a", "b", "a" }, NULL, COMMAND_START, "a b" },
	{ { "-cf", "start" }, NULL, COMMAND_START, "" },
	{ { "stop", "--", "-x" }, NULL, COMMAND_STOP, "-x" },
	{ { "restart", "--timeout", "5", "--escalate", "a" }, NULL, COMMAND_RESTART, "a" },
	{ { "restart", "--timeout=5" }, NULL, COMMAND_RESTART, "" },
	{ { "status", "--json", "--all" }, NULL, COMMAND_STATUS, "" },
	{ { "check" }, NULL, COMMAND_CHECK, "" },
	{ { "mta", "postfix" }, NULL, COMMAND_MTA, "postfix" },
	{ { "help" }, NULL, COMMAND_HELP, "" },
	{ { "--help" }, NULL, COMMAND_HELP, "" },
	{ { "--version" }, NULL, COMMAND_VERSION, "" },
	{ { NULL }, "a command is missing", 0, "" },
	{ { "-c" }, "-c needs a file", 0, "" },
	{ { "stat" }, "unknown command 'stat': did you mean 'start'?", 0, "" },
	{ { "reload" }, "unknown command 'reload'", 0, "" },
	{ { "start", "-INT" }, "unknown option '-INT'", 0, "" },
	{ { "start", "--json" }, "--json does not go with 'start'", 0, "" },
	{ { "status", "--no-wait" }, "--no-wait does not go with 'status'", 0, "" },
	{ { "restart", "--no-wait" }, NULL, COMMAND_RESTART, "" },
	{ { "start", "--no-wait", "a" }, NULL, COMMAND_START, "a" },
	{ { "start", "--escalate" }, "--escalate does not go with 'start'", 0, "" },
	{ { "start", "--fast" }, "unknown option '--fast'", 0, "" },
	{ { "start", "--quiet=1" }, "--quiet takes no value", 0, "" },
	{ { "stop", "--timeout" }, "--timeout needs a value", 0, "" },
	{ { "stop", "--timeout", "x" }, "--timeout: 'x' is not a number of seconds (0 to 86400)", 0, "" },
	{ { "stop", "--timeout", "-1" }, "--timeout: '-1' is not a number of seconds (0 to 86400)", 0, "" },
	{ { "check", "a" }, "unexpected 'a' behind 'check'", 0, "" },
	{ { "mta" }, "'mta' needs the name of a mail server: postfix or sendmail", 0, "" },
	{ { "mta", "exim" }, "unknown mail server 'exim': postfix or sendmail", 0, "" },
	{ { "stop", "-HUP", "-INT" }, "more than one signal", 0, "" },
	{ { "stop", "-USR1" },
	  "'-USR1' does not stop a milter: use -HUP, -TERM, -INT, -QUIT or -KILL",
	  0,
	  "" },
	{ { "stop", "-c" }, "-c needs a file", 0, "" },
};

static bool parse(const char *const words[], struct options *o, struct buf *error)
{
	char *argv[MAX_WORDS + 2] = { (char *)(uintptr_t) "pmx-milter" };
	int argc = 1;

	while (argc <= MAX_WORDS && words[argc - 1] != NULL) {
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
		argc++;
	}
	return options_parse(argc, argv, o, error);
}

static void test_command_lines(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options o;
		struct buf error, names;

		buf_init(&error, BUF_NO_LIMIT);
		buf_init(&names, BUF_NO_LIMIT);
		assert_int_equal(parse(cases[i].words, &o, &error), cases[i].error == NULL);
		assert_string_equal(error.data, cases[i].error != NULL ? cases[i].error : "");
		if (cases[i].error == NULL) {
			assert_int_equal(o.command, cases[i].command);
			for (int j = 0; j < o.n_names; j++)
				buf_addf(&names, "%s%s", j > 0 ? " " : "", o.names[j]);
			assert_string_equal(names.data, cases[i].names);
		}
		options_free(&o);
		buf_free(&error);
		buf_free(&names);
	}
}

static void test_signals(void **state)
{
	static const struct {
		const char *word, *name;
		enum ending ending;
	} signals[] = {
		{ "-HUP", "HUP", END_GRACEFUL },
		{ "-SIGHUP", "HUP", END_GRACEFUL },
		{ "-hup", "HUP", END_GRACEFUL },
		{ "-1", "HUP", END_GRACEFUL },
		{ "-SigTerm", "TERM", END_GRACEFUL },
		{ "-15", "TERM", END_GRACEFUL },
		{ "-INT", "INT", END_ABORT },
		{ "-2", "INT", END_ABORT },
		{ "-quit", "QUIT", END_ABORT },
		{ "-3", "QUIT", END_ABORT },
		{ "-KILL", "KILL", END_KILL },
		{ "-9", "KILL", END_KILL },
		{ NULL, "HUP", END_GRACEFUL },
		{ "-10", NULL, 0 },
		{ "-0", NULL, 0 },
		{ "-SIG", NULL, 0 },
		{ "-", NULL, 0 },
		{ "-1x", NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		const char *words[] = { "stop", signals[i].word, NULL };
		struct options o;
		struct buf error;

		buf_init(&error, BUF_NO_LIMIT);
		if (parse(words, &o, &error) != (signals[i].name != NULL))
			fail_msg("%s: %s", signals[i].word, error.data);
		if (signals[i].name != NULL) {
			assert_string_equal(o.signal, signals[i].name);
			assert_int_equal(o.ending, signals[i].ending);
		}
		options_free(&o);
		buf_free(&error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_command_lines),
					    cmocka_unit_test(test_signals) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
