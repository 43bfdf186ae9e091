#include "proto/workdir.h"

#include "fuzz.h"

#include <assert.h>

/* Write `item`, and read it back into the same bytes. One empty argument and none look the same on the
 * line, so the bytes are compared, not the structs. */
static void check_again(const struct item *item)
{
	struct item again;
	struct buf first, second;
	char *line;

	buf_init(&first, BUF_NO_LIMIT);
	buf_init(&second, BUF_NO_LIMIT);
	item_write(&first, item->letter, (const char *const *)item->argv, item->argc);
	assert(first.len >= 2 && strchr(first.data, '\n') == first.data + first.len - 1);
	line = fuzz_string(first.data, first.len - 1);
	assert(item_parse(line, &again) == ITEM_OK);
	item_write(&second, again.letter, (const char *const *)again.argv, again.argc);
	assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	free(line);
	buf_free(&second);
	buf_free(&first);
}

static void check_line(const char *bytes, size_t n)
{
	char *line = fuzz_string(bytes, n);
	struct item item;

	if (item_parse(line, &item) == ITEM_OK) {
		assert(item.argc >= 0 && item.argc <= WORKDIR_MAX_ARGS);
		if (item.letter != '\0')
			check_again(&item);
	}
	free(line);
}

/* The input is a whole file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *at = (const char *)data, *end = at + n;

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t len = lf != NULL ? (size_t)(lf - at) : (size_t)(end - at);

		check_line(at, len);
		at += len + (lf != NULL ? 1 : 0);
	}
	return 0;
}
