/* snapshot_report.h - the reply to `snapshot`; its form is in proto/snapshot.h. */
#ifndef DEFANG_POOL_SNAPSHOT_REPORT_H
#define DEFANG_POOL_SNAPSHOT_REPORT_H

#include "base/buf.h"
#include "pool/pool.h"

void snapshot_report(const struct pool *p, struct buf *out);

#endif
