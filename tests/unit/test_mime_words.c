#include "mime/words.h"

#include "mime/mime.h"

#include "exact.h"
#include "mime_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
	const char *raw, *text;
} cases[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "=?utf-8?Q?f=C3=BC_x?=.exe", "f\xc3\xbc x.exe" },
	{ "a =?UTF-8?b?Zm9v?= b", "a foo b" },
	{ "=?iso-8859-1?Q?=FC?=", "\xc3\xbc" },
	{ "=?iso-8859-1*de?Q?=FC?=", "\xc3\xbc" },
	{ "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
	{ "=?windows-1258?Q?a.exe?=", "a.exe" }, /* the last letter, too, though an accent might follow */
	{ "=?windows-1255?Q?=F9=EC?=!", "\xd7\xa9\xd7\x9c!" },
	{ "=?us-ascii?Q?a?= \n =?us-ascii?Q?b?=  c", "ab  c" }, /* blanks between words go */
	{ "=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "\\xC3\\xBC" },    /* each word by itself */
	{ "=?utf-8?Q?=FF=C3x?=", "\\xFF\\xC3x" },
	{ "=?x-none?Q?a=FC?=", "a\\xFC" },
	{ "=?\?Q?a?=", "a" },
	{ "f\xfc", "f\\xFC" },
	{ "=?utf-8?Q?a=00b?=", "a\\x00b" },
	{ "=?utf-8?Q?a=ZZ=4?=", "a=ZZ=4" },
	/* no words */
	{ "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
	{ "=?utf-8?Q?\?=", "=?utf-8?Q?\?=" },
	{ "=?utf-8?Q?a", "=?utf-8?Q?a" },
	{ "=?utf-8?Q?a?", "=?utf-8?Q?a?" },
	{ "=?utf-8?Q", "=?utf-8?Q" },
	{ "=?=?=?=?=?=?", "=?=?=?=?=?=?" },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].raw);
		char *raw = exact_bytes(cases[i].raw, n);
		struct buf out;

		buf_init(&out, BUF_NO_LIMIT);
		words_decode(&out, raw, n);
		assert_string_equal(out.data, cases[i].text);
		buf_free(&out);
		free(raw);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
	};

	return cmocka_run_group_tests(tests, mime_set_up, mime_tear_down);
}
