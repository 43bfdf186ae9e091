#include "milter/body.h"

#include "fuzz.h"

#include <assert.h>

/* The body in two pieces, cut at `cut`. */
static void convert(const uint8_t *data, size_t n, size_t cut, bool strip_cr, struct body *b, struct buf *out)
{
	char *first = fuzz_bytes(data, cut), *second = fuzz_bytes(data + cut, n - cut);

	*b = (struct body){ .strip_cr = strip_cr };
	body_convert(b, first, cut, out);
	body_convert(b, second, n - cut, out);
	body_end(b);
	free(second);
	free(first);
}

/* The result does not depend on where the pieces are cut; with strip_cr it has no CR. */
static void check(const uint8_t *data, size_t n, size_t cut, bool strip_cr)
{
	struct body b, again;
	struct buf whole, pieces;

	buf_init(&whole, BUF_NO_LIMIT);
	buf_init(&pieces, BUF_NO_LIMIT);
	convert(data, n, n, strip_cr, &b, &whole);
	convert(data, n, cut, strip_cr, &again, &pieces);
	assert(whole.len <= n && whole.len == pieces.len && memcmp(whole.data, pieces.data, whole.len) == 0);
	assert(b.suspicious == again.suspicious);
	assert(!strip_cr || memchr(whole.data, '\r', whole.len) == NULL);
	buf_free(&pieces);
	buf_free(&whole);
}

/* The first byte says where to cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t cut;

	if (n < 1)
		return 0;
	cut = data[0] % n;
	check(data + 1, n - 1, cut, false);
	check(data + 1, n - 1, cut, true);
	return 0;
}
