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

/* Since the beginning. */
struct meter_totals {
	int64_t peak;       /* most processes alive at a time */
	int64_t deaths;     /* workers that ended without having been told to */
	int64_t limit_hits; /* requests that no worker was free for, and none could be started at once */
};

/* Of a slot, whoever was in it. */
struct meter_slot {
	int64_t accepted;  /* requests given to a worker in it */
	int64_t processes; /* workers started in it, or moved to it */
};

struct meter_totals meter_totals(const struct meter *m);
struct meter_slot meter_slot(const struct meter *m, int i);

#endif
