/* report.h - what the pool looks like, as the replies to `status`, `workers` and their kin. Each appends to
 * `out`; none changes anything. Layouts: reference of the request protocol, mimedefang-protocol(7). */
#ifndef DEFANG_POOL_REPORT_H
#define DEFANG_POOL_REPORT_H

#include "base/buf.h"
#include "pool/pool.h"

#include <stdbool.h>

void report_status(const struct pool *p, struct buf *out);

/* A line per worker; with `busy_only` just of those that have a request. Spare slots only while in use. */
void report_workers(const struct pool *p, bool busy_only, struct buf *out);

/* `number` is what the client wrote. */
void report_worker(const struct pool *p, const char *number, struct buf *out);

/* The requests that the socket takes. */
void report_help(bool privileged, struct buf *out);

#endif
