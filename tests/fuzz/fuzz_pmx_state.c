#include "pmx/state.h"

#include "fuzz.h"

#include <assert.h>

/* What was read is written in a way that is read as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = fuzz_string(data, n), *again;
	struct state s, t;
	struct buf first, second;

	if (state_parse(text, &s) == 0) {
		buf_init(&first, BUF_NO_LIMIT);
		buf_init(&second, BUF_NO_LIMIT);
		state_format(&s, &first);
		again = fuzz_string(first.data, first.len);
		assert(state_parse(again, &t) == 0);
		state_format(&t, &second);
		assert(strcmp(first.data, second.data) == 0);
		state_free(&s);
		state_free(&t);
		buf_free(&first);
		buf_free(&second);
		free(again);
	}
	free(text);
	return 0;
}
