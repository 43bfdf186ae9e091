/* load.h - some messages many times over several connections: throughput, latency, what became of each. */
#ifndef DEFANG_TOOLS_LOAD_H
#define DEFANG_TOOLS_LOAD_H

#include "base/buf.h"
#include "base/loop.h"
#include "tools/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load {
	unsigned count, concurrency, per_connection; /* as asked for */
	uint64_t outcomes[OUTCOMES];
	uint64_t errors;    /* messages that got no verdict */
	char *first_error;  /* what it was; NULL: none */
	int64_t elapsed_us; /* all messages */
	/* Microseconds, of the decided messages, sorted: from the connection's start for its first message,
	 * from the decision before for the others. */
	int64_t *latency;
	size_t n_latency;
};

/* Run it; the connections take the scripts (at least one) in turn. 0, or -ENOMEM. Free either way. */
int load_run(struct loop *loop, const struct script *scripts, size_t n_scripts, unsigned count,
	     unsigned concurrency, unsigned per_connection, struct load *out);
void load_free(struct load *l);

/* The latency that `percent` of the messages did not exceed (nearest rank), in microseconds; 0 for none. */
int64_t load_percentile(const struct load *l, double percent);

void load_text(struct buf *out, const struct load *l);
void load_json(struct buf *out, const struct load *l);

#endif
