#include "milter/ahead.h"

#include "fuzz.h"

#include <assert.h>
#include <stdbool.h>

/* However the bytes arrive, all at once or in two pieces, the answer is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t half = n > 0 ? data[0] % n : 0, passed = 0, passed_twice = 0;
	char *all = fuzz_bytes(data, n), *part = fuzz_bytes(data, half);
	bool is_abort = ahead_is_abort(all, n, &passed);

	assert(passed <= n);
	if (ahead_is_abort(part, half, &passed_twice))
		assert(is_abort);
	assert(passed_twice <= half && passed_twice <= passed);
	assert(ahead_is_abort(all, n, &passed_twice) == is_abort);
	assert(passed_twice == passed);
	free(all);
	free(part);
	return 0;
}
