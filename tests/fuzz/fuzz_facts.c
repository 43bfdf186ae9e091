#include "proto/facts.h"

#include "fuzz.h"

#include <assert.h>
#include <string.h>

/* Numbers are never below NONE; what is cut off is a whole last line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *reply = fuzz_string(data, n);
	size_t before = strlen(reply);
	struct facts f;

	if (facts_take(reply, &f))
		assert(strlen(reply) < before && strchr(reply, '\n')[1] == '\0');
	else
		assert(strlen(reply) == before);
	assert(f.worker >= FACTS_NONE && f.queued_ms >= FACTS_NONE && f.run_ms >= FACTS_NONE);
	free(reply);
	return 0;
}
