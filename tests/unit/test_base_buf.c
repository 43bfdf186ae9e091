#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_empty_is_a_string(void **state)
{
	struct buf b;

	buf_init(&b, 10);
	assert_string_equal(b.data, "");
	assert_int_equal(b.len, 0);
	buf_clear(&b);
	buf_free(&b);
	assert_string_equal(b.data, "");
}

static void test_appends(void **state)
{
	struct buf b;

	buf_init(&b, BUF_NO_LIMIT);
	buf_add(&b, "ab\0c", 4);
	buf_adds(&b, "de");
	buf_addc(&b, 'f');
	buf_addf(&b, "%d-%s", 42, "x");
	buf_addf(&b, "%s", "");
	buf_add(&b, NULL, 0);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.data, "ab\0cdef42-x", 12);
	buf_free(&b);
}

static void test_integers_are_big_endian(void **state)
{
	struct buf b;

	buf_init(&b, 6);
	buf_add_u16(&b, 0x0102);
	buf_add_u32(&b, 0xfffefd03);
	assert_int_equal(buf_error(&b), 0);
	assert_memory_equal(b.data, "\x01\x02\xff\xfe\xfd\x03", 7);
	buf_free(&b);
}

static void test_both_ends_are_dropped(void **state)
{
	struct buf b;

	buf_init(&b, BUF_NO_LIMIT);
	buf_truncate(&b, 0);
	buf_adds(&b, "abcdef");
	buf_consume(&b, 1);
	buf_truncate(&b, 5);
	assert_string_equal(b.data, "bcdef");
	buf_truncate(&b, 2);
	assert_string_equal(b.data, "bc");
	assert_int_equal(b.len, 2);
	buf_adds(&b, "x");
	assert_string_equal(b.data, "bcx");
	buf_free(&b);
}

static void test_limit_is_exact_and_sticks(void **state)
{
	struct buf b;

	buf_init(&b, 3);
	buf_adds(&b, "abc");
	assert_int_equal(buf_error(&b), 0);
	buf_addc(&b, 'd');
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	assert_string_equal(b.data, "abc");
	buf_consume(&b, 2);
	buf_addc(&b, 'e'); /* would fit now, but the error sticks */
	buf_addf(&b, "f");
	assert_string_equal(b.data, "c");
	assert_null(buf_reserve(&b, 1));
	buf_clear(&b);
	buf_adds(&b, "xyz");
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(b.data, "xyz");
	buf_free(&b);
}

/* Into what is allocated, to its last byte, and where more has to be. */
static void test_formats_of_all_lengths(void **state)
{
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int held = 0; held < 70; held++) {
		for (int n = 0; n < 300; n++) {
			struct buf b;

			buf_init(&b, BUF_NO_LIMIT);
			buf_add(&b, text, (size_t)held);
			buf_addf(&b, "%.*s", n, text);
			assert_int_equal(buf_error(&b), 0);
			assert_int_equal(b.len, held + n);
			assert_string_equal(b.data, text + sizeof(text) - 1 - (held + n));
			buf_free(&b);
		}
	}
}

static void test_failed_format_adds_nothing(void **state)
{
	struct buf b;

	buf_init(&b, 5);
	buf_adds(&b, "ab");
	buf_addf(&b, "%s", "cdef");
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	assert_int_equal(b.len, 2);
	assert_string_equal(b.data, "ab");
	buf_free(&b);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.limit, 5);
}

static void test_reserve_and_extend(void **state)
{
	struct buf b;
	char *p;

	buf_init(&b, BUF_NO_LIMIT);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	buf_clear(&b);
	p = buf_reserve(&b, 1000);
	assert_non_null(p);
	memset(p, 'x', 1000);
	buf_extend(&b, 999);
	assert_int_equal(strlen(b.data), 999);
	buf_free(&b);
}

static void test_grows_by_many_small_appends(void **state)
{
	struct buf b;

	buf_init(&b, 100000);
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, (char)('a' + i % 26));
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.len, 100000);
	assert_true(b.room <= 100001);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_consume(&b, 99999);
	assert_int_equal(b.len, 1);
	buf_consume(&b, 1);
	assert_string_equal(b.data, "");
	buf_free(&b);
}

static void test_take(void **state)
{
	struct buf b;
	char *s;

	buf_init(&b, 4);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_adds(&b, "abcd");
	s = buf_take(&b);
	assert_string_equal(s, "abcd");
	free(s);
	assert_int_equal(b.len, 0);
	buf_adds(&b, "abcde");
	assert_null(buf_take(&b));
	assert_int_equal(buf_error(&b), 0);
	buf_adds(&b, "ok");
	assert_string_equal(b.data, "ok");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_is_a_string),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_integers_are_big_endian),
		cmocka_unit_test(test_both_ends_are_dropped),
		cmocka_unit_test(test_limit_is_exact_and_sticks),
		cmocka_unit_test(test_formats_of_all_lengths),
		cmocka_unit_test(test_failed_format_adds_nothing),
		cmocka_unit_test(test_reserve_and_extend),
		cmocka_unit_test(test_grows_by_many_small_appends),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
