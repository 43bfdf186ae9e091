/* Lines of pmx.conf. */
#include "pmx/conf_line.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S CONF_LINE_SETTING
#define BAD(text) CONF_LINE_BAD, NULL, text

static const struct {
	const char *line;
	enum conf_line_kind kind;
	const char *key, *value; /* of a bad line: a part of what is wrong */
} cases[] = {
	{ "", CONF_LINE_BLANK, NULL, NULL },
	{ " \t\r", CONF_LINE_BLANK, NULL, NULL },
	{ "# a = b", CONF_LINE_BLANK, NULL, NULL },
	{ "  # a = b", CONF_LINE_BLANK, NULL, NULL },
	{ "a = b", S, "a", "b" },
	{ "a=b", S, "a", "b" },
	{ "  a\t=\tb  \r", S, "a", "b" },
	{ "a = b c", S, "a", "b c" },
	{ "a = b=c", S, "a", "b=c" },
	{ "a = b # c", S, "a", "b" },
	{ "a = b#c", S, "a", "b#c" },
	{ "a = \"b # c\" # d", S, "a", "b # c" },
	{ "a = \" b \"", S, "a", " b " },
	{ "a = \"\"", S, "a", "" },
	{ "a = \"\\\"\\\\\"", S, "a", "\"\\" },
	{ "a = \"b", BAD("closing quote is missing") },
	{ "a = \"b\\", BAD("backslash") },
	{ "a = \"b\\n\"", BAD("backslash") },
	{ "a = \"b\" c", BAD("follows the closing quote") },
	{ "a =", BAD("value is missing") },
	{ "a = # c", BAD("value is missing") },
	{ "= b", BAD("key is missing") },
	{ "a", BAD("neither") },
	{ "<milter A>", CONF_LINE_OPEN, NULL, "A" },
	{ "<MILTER  Filter::Name-1.x_y > # c", CONF_LINE_OPEN, NULL, "Filter::Name-1.x_y" },
	{ "</milter>", CONF_LINE_CLOSE, NULL, "" },
	{ "</Milter >", CONF_LINE_CLOSE, NULL, "" },
	{ "</milter A>", BAD("takes no name") },
	{ "<milter>", BAD("a name has") },
	{ "<milter .a>", BAD("a name has") },
	{ "<milter a/b>", BAD("a name has") },
	{ "<milter a b>", BAD("a name has") },
	{ "<milter a", BAD("`>' is missing") },
	{ "<", BAD("`>' is missing") },
	{ "<>", BAD("unknown block") },
	{ "<policy a>", BAD("unknown block") },
	{ "!include a/*.conf", CONF_LINE_INCLUDE, NULL, "a/*.conf" },
	{ "!include  a b # c", CONF_LINE_INCLUDE, NULL, "a b" },
	{ "!include", BAD("needs a file") },
	{ "!included a", BAD("unknown directive") },
	{ "!", BAD("unknown directive") },
};

static void test_lines(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = exact_string(cases[i].line);
		struct conf_line line;

		conf_line_parse(text, &line);
		if (line.kind != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].line, line.kind);
		if (cases[i].key != NULL)
			assert_string_equal(line.key, cases[i].key);
		if (line.kind == CONF_LINE_BAD)
			assert_non_null(strstr(line.value, cases[i].value));
		else if (cases[i].value != NULL)
			assert_string_equal(line.value, cases[i].value);
		free(text);
	}
}

static void test_length_of_names(void **state)
{
	char name[CONF_LINE_MAX_NAME + 2];

	memset(name, 'a', sizeof(name));
	name[CONF_LINE_MAX_NAME] = '\0';
	assert_true(conf_line_is_name(name));
	name[CONF_LINE_MAX_NAME] = 'a';
	name[CONF_LINE_MAX_NAME + 1] = '\0';
	assert_false(conf_line_is_name(name));
	assert_false(conf_line_is_name("\xc3\xa4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines),
					    cmocka_unit_test(test_length_of_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
