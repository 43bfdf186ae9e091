/* exact.h - copies of exactly the size of their content, so that the address sanitizer sees a read or a
 * write past the end. free() them. */
#ifndef DEFANG_TESTS_EXACT_H
#define DEFANG_TESTS_EXACT_H

#include <stdlib.h>
#include <string.h>

static inline char *exact_bytes(const char *bytes, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	return memcpy(copy, bytes, n);
}

static inline char *exact_string(const char *s)
{
	return exact_bytes(s, strlen(s) + 1);
}

#endif
