/* load_report.h - the load figures as replies. Formats: those of MIMEDefang; numbers parted by single spaces,
 * reals with six decimals. mimedefang-protocol(7) explains each place. */
#ifndef DEFANG_POOL_LOAD_REPORT_H
#define DEFANG_POOL_LOAD_REPORT_H

#include "base/buf.h"
#include "pool/pool.h"

void load_report_windows(const struct pool *p, enum job_class class, struct buf *out); /* load.. */
void load_report_hours(const struct pool *p, enum job_class class, struct buf *out);   /* hload.. */
void load_report_interval(const struct pool *p, const char *seconds, struct buf *out); /* load1 */
void load_report_histogram(const struct pool *p, struct buf *out);                     /* histo */

#endif
