/* status_report.h - the front end's reply to `snapshot`; its form is in proto/snapshot.h. */
#ifndef DEFANG_MILTER_STATUS_REPORT_H
#define DEFANG_MILTER_STATUS_REPORT_H

#include "base/buf.h"
#include "milter/figures.h"

#include <stdint.h>

struct status_report {
	const char *state;
	int64_t uptime_ms;
	int loops;
	int64_t sessions_limit;
	const struct figures *figures; /* of all loops, added up */
};

/* Looks at this process, too: its descriptors, its start. */
void status_report(struct buf *out, const struct status_report *r);

#endif
