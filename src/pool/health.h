/* health.h - whether workers start. The pool is degraded from the second worker in a row that ended before
 * its first answer until one answers: while policy holds starts back. Said once in the log, at both ends. */
#ifndef DEFANG_POOL_HEALTH_H
#define DEFANG_POOL_HEALTH_H

#include "base/buf.h"
#include "pool/tail.h"

#include <stdbool.h>

#define HEALTH_WORDS_MAX 1024

/* Begin with all zero. */
struct health {
	bool told;                    /* the log has it that the pool is degraded */
	char words[HEALTH_WORDS_MAX]; /* of the last that did not start, on one line; only the end of many */
};

/* Whether so many failures in a row are a crash loop. */
bool health_is_degraded(int failures);

/* A worker did not start. `words` is what it wrote to its standard error, or NULL; `why` is for when that is
 * nothing. `failures` counts it. */
void health_on_failure(struct health *h, int failures, const struct tail *words, const char *why);

/* One did. */
void health_on_ready(struct health *h);

/* Append the reply to `health`. */
void health_report(const struct health *h, int failures, struct buf *out);

#endif
