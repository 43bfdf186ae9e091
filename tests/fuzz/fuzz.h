/* fuzz.h - what the fuzz targets share. A target checks properties of its parser by assert(), on copies of
 * exact size, so that the address sanitizer sees a read past the end. */
#ifndef DEFANG_TESTS_FUZZ_H
#define DEFANG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* `n` bytes and a NUL, to free(). */
static inline char *fuzz_string(const void *bytes, size_t n)
{
	char *s = malloc(n + 1);

	if (s == NULL)
		abort();
	if (n > 0)
		memcpy(s, bytes, n);
	s[n] = '\0';
	return s;
}

/* `n` bytes and nothing behind them, to free(). */
static inline char *fuzz_bytes(const void *bytes, size_t n)
{
	char *s = malloc(n > 0 ? n : 1);

	if (s == NULL)
		abort();
	if (n > 0)
		memcpy(s, bytes, n);
	return s;
}

#endif
