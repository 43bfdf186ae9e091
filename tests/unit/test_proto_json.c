#include "proto/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
	const char *text, *json;
} cases[] = {
	{ "", "\"\"" },
	{ NULL, "null" },
	{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
	{ "a\r\n\t\x01\x7f", "\"a\\u000d\\u000a\\u0009\\u0001\x7f\"" },
	{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
	{ "\xe4", "\"\\u00e4\"" },            /* Latin-1 */
	{ "\xc3", "\"\\u00c3\"" },            /* cut short */
	{ "\xe2\x82", "\"\\u00e2\\u0082\"" }, /* the same */
	{ "\xc0\xaf", "\"\\u00c0\\u00af\"" }, /* overlong */
	{ "\xe0\x80\xaf", "\"\\u00e0\\u0080\\u00af\"" },
	{ "\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\"" }, /* a surrogate */
	{ "\xf4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\"" },
	{ "\xff\x80", "\"\\u00ff\\u0080\"" },
};

static void test_text(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out;
		struct json j = { .out = &out };

		buf_init(&out, BUF_NO_LIMIT);
		json_text(&j, NULL, cases[i].text);
		assert_string_equal(out.data, cases[i].json);
		buf_free(&out);
	}
}

static void test_nesting(void **state)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, BUF_NO_LIMIT);
	json_object(&j, NULL);
	json_int(&j, "n", -1);
	json_array(&j, "empty");
	json_end_array(&j);
	json_array(&j, "list");
	json_text(&j, NULL, "a");
	json_bool(&j, NULL, true);
	json_object(&j, NULL);
	json_end_object(&j);
	json_end_array(&j);
	json_real(&j, "r", 1.5);
	json_end_object(&j);
	assert_string_equal(out.data,
			    "{\"n\": -1, \"empty\": [], \"list\": [\"a\", true, {}], \"r\": 1.500}");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
