#include "proto/snapshot.h"

#include "fuzz.h"

#include <assert.h>

/* What can be read can be written, and then reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = fuzz_string(data, n);
	struct snapshot s, again;
	struct buf out;

	if (snapshot_parse(text, &s) == SNAPSHOT_OK) {
		assert(s.n_slots <= SNAPSHOT_MAX_SLOTS && s.n_latency <= SNAPSHOT_CLASSES);
		buf_init(&out, BUF_NO_LIMIT);
		snapshot_add_head(&out);
		snapshot_add_pool(&out, &s.pool);
		for (size_t i = 0; i < s.n_latency; i++)
			snapshot_add_latency(&out, &s.latency[i]);
		for (size_t i = 0; i < s.n_slots; i++)
			snapshot_add_slot(&out, &s.slots[i]);
		snapshot_add_end(&out);
		assert(snapshot_parse(out.data, &again) == SNAPSHOT_OK);
		assert(again.n_slots == s.n_slots && again.n_latency == s.n_latency);
		snapshot_free(&again);
		snapshot_free(&s);
		buf_free(&out);
	}
	free(text);
	return 0;
}
