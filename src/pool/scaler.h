/* scaler.h - has the pool grow and shrink with its load, as autoscale.h decides, every now and then. */
#ifndef DEFANG_POOL_SCALER_H
#define DEFANG_POOL_SCALER_H

#include "base/buf.h"
#include "pool/pool.h"

struct scaler;

/* Of `p`, which it begins to observe; does nothing without -k. NULL with errno set. */
struct scaler *scaler_new(struct loop *loop, struct pool *p, const struct settings *settings);
void scaler_free(struct scaler *s); /* not before the pool has fallen silent; NULL is allowed */

/* Append the reply to `autoscale`. */
void scaler_report(const struct scaler *s, struct buf *out);

#endif
