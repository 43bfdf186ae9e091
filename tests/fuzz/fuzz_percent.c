#include "proto/percent.h"

#include "fuzz.h"

#include <assert.h>

/* decode(encode(x)) is x. */
static void check_encode(const uint8_t *data, size_t n)
{
	char *s = fuzz_bytes(data, n);
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	percent_encode(&out, s, n);
	for (size_t i = 0; i < out.len; i++)
		assert(out.data[i] > ' ' && out.data[i] < 127);
	if (n > 0) {
		assert(percent_decode_n(out.data, out.len) == n);
		assert(memcmp(out.data, s, n) == 0);
	}
	buf_free(&out);
	free(s);
}

/* What was decoded does not grow, and comes back through its code. */
static void check_decode(const uint8_t *data, size_t n)
{
	char *s = fuzz_string(data, n);
	size_t len = percent_decode_n(s, n);
	struct buf out;

	assert(len <= n && s[len] == '\0');
	buf_init(&out, BUF_NO_LIMIT);
	percent_encode(&out, s, len);
	if (len > 0) {
		assert(percent_decode_n(out.data, out.len) == len);
		assert(memcmp(out.data, s, len) == 0);
	}
	buf_free(&out);
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	check_encode(data, n);
	check_decode(data, n);
	return 0;
}
