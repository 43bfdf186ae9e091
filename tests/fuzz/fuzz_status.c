#include "ctl/format.h"

#include "fuzz.h"

#include <assert.h>

/* Nothing is appended for a reply that cannot be read, and bars are bounded. */
static void check(format_fn *format, const char *reply, size_t most)
{
	static const struct format_origin origin = { .hostname = "mx", .timestamp = "now" };
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	if (format(reply, &origin, &out))
		assert(out.len > 0 && out.len <= most);
	else
		assert(out.len == 0);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *reply = fuzz_string(data, n);

	check(format_status, reply, 64 + n * 64);
	check(format_barstatus, reply, 256);
	check(format_jsonstatus, reply, 64 + n * 64);
	check(format_load, reply, 1024);
	check(format_hload, reply, 1024);
	check(format_load1, reply, 2048);
	check(format_jsonload1, reply, 1024);
	free(reply);
	return 0;
}
