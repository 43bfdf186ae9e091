#include "mime/head.h"

#include "exact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* `fields`: the lines kept, one behind the other; `n`: how many fields they are. */
static const struct {
	const char *head, *fields;
	size_t n;
} cases[] = {
	{ "", "", 0 },
	{ "A: b\n", "A: b\n", 1 },
	{ "A: b", "A: b\n", 1 }, /* a missing newline is there */
	{ "A: b\r\nC: d\r\n", "A: b\nC: d\n", 2 },
	{ "A: b\n c\n\td\nE:f\n", "A: b\n c\n\td\nE:f\n", 2 },
	{ "A:\n \n c\n", "A:\n \n c\n", 1 },
	{ " lost\nA: b\n", "A: b\n", 1 },
	{ "A: b\ngarbage\n its continuation\nC: d\n", "A: b\nC: d\n", 2 },
	{ "A : b\nC: d\n", "C: d\n", 1 },
	{ ": b\nC: d\n", "C: d\n", 1 },
	{ "\xfc: b\nC: \xfc\n", "C: \xfc\n", 1 },
	{ "From me\nA: b\n", "From me\nA: b\n", 2 },
	{ ">From me\nA: b\n", "A: b\n", 1 },
};

static void test_split(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].head), n;
		char *head = exact_bytes(cases[i].head, len);
		struct arena arena = { .blocks = NULL };
		const struct mime_header *fields;
		struct buf joined;

		buf_init(&joined, BUF_NO_LIMIT);
		assert_int_equal(head_split(&arena, head, len, 10, &fields, &n), 0);
		assert_int_equal(n, cases[i].n);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(strlen(fields[k].line), fields[k].len);
			buf_add(&joined, fields[k].line, fields[k].len);
		}
		assert_string_equal(joined.data, cases[i].fields);
		buf_free(&joined);
		arena_free(&arena);
		free(head);
	}
}

static void test_limit(void **state)
{
	static const char head[] = "A: b\nC: d\n e\ngarbage\n";
	struct arena arena = { .blocks = NULL };
	const struct mime_header *fields;
	size_t n;

	assert_int_equal(head_split(&arena, head, strlen(head), 2, &fields, &n), 0);
	assert_int_equal(head_split(&arena, head, strlen(head), 1, &fields, &n), -E2BIG);
	arena_free(&arena);
}

static void test_find(void **state)
{
	static const char head[] = "Ab: 1\nA: 2\nab: 3\n";
	struct arena arena = { .blocks = NULL };
	const struct mime_header *fields;
	size_t n;

	assert_int_equal(head_split(&arena, head, strlen(head), 9, &fields, &n), 0);
	assert_string_equal(head_find(fields, n, "aB")->line, "Ab: 1\n");
	assert_string_equal(head_find(fields, n, "a")->line, "A: 2\n");
	assert_null(head_find(fields, n, "abc"));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
