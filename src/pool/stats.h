/* stats.h - what happens in the pool, as records for a file or syslog, and its state in the log from time to
 * time. A disk that refuses records costs records, and is logged; nothing else. */
#ifndef DEFANG_POOL_STATS_H
#define DEFANG_POOL_STATS_H

#include "pool/pool.h"

struct stats;

/* Begin to observe `p`, as the settings say; the file is opened. 0 and *out, or -errno. */
int stats_open(struct loop *loop, struct pool *p, const struct settings *settings, struct stats **out);

/* Write what is buffered and close; not before the pool has fallen silent. NULL is allowed. */
void stats_close(struct stats *s);

/* Open the file anew: it has been renamed. When that fails, records are dropped until it succeeds. */
void stats_reopen(struct stats *s);

#endif
