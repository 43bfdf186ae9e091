#include "proto/workdir.h"

#include "exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *line;
	char letter;
	int argc;
	const char *argv[WORKDIR_MAX_ARGS];
} lines[] = {
	{ "", '\0', 0, { NULL } },
	{ "F", 'F', 0, { NULL } },
	{ "I", 'I', 0, { NULL } }, /* client address unknown */
	{ "D ", 'D', 2, { "", "" } },
	{ "B550 5.1.1 No%20such%20user", 'B', 3, { "550", "5.1.1", "No such user" } },
	{ "HX-A v%20w%25", 'H', 2, { "X-A", "v w%" } },
	{ "NX-I 0 top", 'N', 3, { "X-I", "0", "top" } },
	{ "ISubject 1 ", 'I', 3, { "Subject", "1", "" } },
	{ "HX-A\tv", 'H', 2, { "X-A", "v" } },
	{ "HX-A  v", 'H', 3, { "X-A", "", "v" } },
	{ "=mail_addr ", '=', 2, { "mail_addr", "" } },
	{ "R<r@example.com> local ? r", 'R', 4, { "<r@example.com>", "local", "?", "r" } },
	{ "Qa%2", 'Q', 1, { "a%2" } }, /* cut short: must not read past the end */
	{ " x", ' ', 1, { "x" } },
	{ "Ha\rb", 'H', 1, { "a\rb" } },
	{ "Z1 2 3 4 5 6 7 8", 'Z', 8, { "1", "2", "3", "4", "5", "6", "7", "8" } },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *line = exact_string(lines[i].line);
		struct item item;

		assert_int_equal(item_parse(line, &item), ITEM_OK);
		assert_int_equal(item.letter, lines[i].letter);
		assert_int_equal(item.argc, lines[i].argc);
		for (int a = 0; a < item.argc; a++)
			assert_string_equal(item.argv[a], lines[i].argv[a]);
		free(line);
	}
}

static void test_too_many(void **state)
{
	char *line = exact_string("Z1 2 3 4 5 6 7 8 ");
	struct item item = { .letter = 'x' };

	assert_int_equal(item_parse(line, &item), ITEM_TOO_MANY_ARGS);
	assert_int_equal(item.letter, 'x');
	free(line);
}

/* The example of the protocol page. */
static void test_write(void **state)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	item_write1(&out, COMMAND_ID, "ivdDi00");
	item_write1(&out, COMMAND_SENDER, "<\"a b\"@example.org>");
	item_write_macro(&out, "_", "client.example [192.0.2.7]");
	item_write_macro(&out, "mail_addr", "");
	item_write1(&out, COMMAND_CLIENT_IP, NULL);
	item_write(&out, COMMAND_RECIPIENT, (const char *const[]){ "<r@x>", "local", NULL, "r" }, 4);
	item_write(&out, COMMAND_END, NULL, 0);
	assert_string_equal(out.data, "iivdDi00\n"
				      "S<%22a%20b%22@example.org>\n"
				      "=_ client.example%20[192.0.2.7]\n"
				      "=mail_addr \n"
				      "I\n"
				      "R<r@x> local  r\n"
				      "F\n");
	buf_free(&out);
}

/* No argument can end its line or start a new word. */
static void test_round_trip(void **state)
{
	const char *const args[] = { "X-Name", "a b\tc\nF\r\"'\\%41", "", "\x80\xff" };
	struct item item;
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	item_write(&out, RESULT_ADD_HEADER, args, 4);
	assert_int_equal(strcspn(out.data, "\n"), out.len - 1);
	out.data[out.len - 1] = '\0';
	assert_int_equal(item_parse(out.data, &item), ITEM_OK);
	assert_int_equal(item.argc, 4);
	for (int i = 0; i < 4; i++)
		assert_string_equal(item.argv[i], args[i]);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
