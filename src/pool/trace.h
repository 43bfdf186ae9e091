/* trace.h - the log of what the pool does, for who wants to see it at work: which worker gets which request
 * (-A), and every event (-d, at debug level). */
#ifndef DEFANG_POOL_TRACE_H
#define DEFANG_POOL_TRACE_H

#include "pool/pool.h"

#include <stdbool.h>

struct trace;

/* Observe the pool from now on. NULL with errno set. */
struct trace *trace_new(struct pool *pool, bool choices, bool events);
void trace_free(struct trace *t); /* after the pool; NULL is allowed */

#endif
