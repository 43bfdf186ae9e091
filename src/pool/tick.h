/* tick.h - periodic work of the filter (-X, -P): N timers, each of which has a worker run `tick K` and, an
 * interval after that has ended, again. A tick is never queued: without a free worker it is skipped. */
#ifndef DEFANG_POOL_TICK_H
#define DEFANG_POOL_TICK_H

#include "base/loop.h"
#include "pool/pool.h"

#include <stdint.h>

struct ticks;

/* `n` timers, the first ticks of which come an interval from now. NULL with errno set. */
struct ticks *ticks_new(struct loop *loop, struct pool *pool, int n, int64_t interval_ms);

/* No further ticks. NULL is allowed. */
void ticks_stop(struct ticks *t);
void ticks_free(struct ticks *t); /* before the pool; NULL is allowed */

#endif
