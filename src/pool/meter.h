/* meter.h - observes the pool, and keeps what its figures are made of. */
#ifndef DEFANG_POOL_METER_H
#define DEFANG_POOL_METER_H

#include "pool/load.h"

struct pool;
struct meter;

/* Of `p`, which it begins to observe. NULL with errno set. */
struct meter *meter_new(struct pool *p);
void meter_free(struct meter *m); /* not before the pool has fallen silent; NULL is allowed */

const struct load *meter_load(const struct meter *m);
struct load_time meter_now(const struct meter *m);

#endif
