#include "proto/notify.h"

#include "fuzz.h"

#include <assert.h>

/* Whatever a tag holds, the message stays one printable line. */
static void check_tag(const char *tag)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	notify_add_tag(&out, 1, tag);
	assert((out.len == 0) == (tag[0] == '\0'));
	assert(out.len <= strlen("S 1 ") + NOTIFY_MAX_TEXT + 1);
	for (size_t i = 0; i + 1 < out.len; i++)
		assert(out.data[i] >= 32 && out.data[i] <= 126);
	assert(out.len == 0 || out.data[out.len - 1] == '\n');
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *bytes = fuzz_bytes(data, n), *tag = fuzz_string(data, n);
	uint32_t set = 0;

	if (notify_subscription_parse(bytes, n, &set))
		assert((set & ~NOTIFY_ALL) == 0);
	else
		assert(set == 0 && (n == 0 || bytes[0] != '?'));
	check_tag(tag);
	free(bytes);
	free(tag);
	return 0;
}
