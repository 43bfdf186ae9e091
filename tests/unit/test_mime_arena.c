#include "mime/arena.h"

#include "exact.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Small and large ones in turn: aligned, zeroed, apart from each other. */
static void test_alloc(void **state)
{
	struct arena a = { .blocks = NULL };
	unsigned char *p[200];

	for (size_t i = 0; i < 200; i++) {
		size_t n = i % 7 == 0 ? 5000 : i;

		p[i] = arena_alloc(&a, n);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)i, n);
	}
	for (size_t i = 1; i < 200; i++)
		assert_int_equal(p[i][0], i);
	arena_free(&a);
}

static void test_copy(void **state)
{
	struct arena a = { .blocks = NULL };
	char *bytes = exact_bytes("a\0b", 3), *copy = arena_copy(&a, bytes, 3);

	assert_memory_equal(copy, "a\0b", 4);
	assert_string_equal(arena_copy(&a, NULL, 0), "");
	free(bytes);
	arena_free(&a);
}

/* An arena may be used again. */
static void test_reuse(void **state)
{
	struct arena a = { .blocks = NULL };

	arena_free(&a);
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
