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
		snapshot_add_frontend(&out, &s.frontend);
		snapshot_add_messages(&out, &s.messages);
		for (size_t i = 0; i < s.n_answers; i++)
			snapshot_add_answers(&out, &s.answers[i]);
		for (size_t i = 0; i < s.n_failures; i++)
			snapshot_add_failure(&out, &s.failures[i]);
		for (size_t i = 0; i < s.n_latency; i++)
			snapshot_add_latency(&out, &s.latency[i]);
		for (size_t i = 0; i < s.n_slots; i++)
			snapshot_add_slot(&out, &s.slots[i]);
		snapshot_add_end(&out);
		assert(snapshot_parse(out.data, &again) == SNAPSHOT_OK);
		assert(again.n_slots == s.n_slots && again.n_latency == s.n_latency);
		assert(again.n_answers == s.n_answers && again.n_failures == s.n_failures);
		buf_clear(&out);
		snapshot_json(&out, &s);
		assert(out.data[0] == '{' && out.data[out.len - 1] == '\n');
		snapshot_free(&again);
		snapshot_free(&s);
		buf_free(&out);
	}
	free(text);
	return 0;
}
