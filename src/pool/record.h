/* record.h - a statistics record as a line. Pure. Format: that of MIMEDefang's manual, in which a date is
 * YYYY/MM/DD and a record is one line:
 *
 *   2026/11/21:01:25:39 1795224339.375 StartWorker worker=0 nworkers=1 nbusy=0 reason="About to perform scan"
 */
#ifndef DEFANG_POOL_RECORD_H
#define DEFANG_POOL_RECORD_H

#include "base/buf.h"

#include <stdint.h>

struct record {
	int64_t wall_ms; /* since the epoch */
	const char *event;
	int worker;  /* its slot */
	int running; /* workers alive after the event */
	int busy;    /* those of them that are busy */
	/* What only some events have. */
	int64_t total;      /* numRequests=; -1 for none */
	int64_t requests;   /* req=; -1 for none */
	int64_t age_s;      /* age=, along with req= */
	const char *reason; /* NULL for none */
};

/* Append the date in local time and a space. */
void record_add_date(const struct record *r, struct buf *out);

/* Append the rest, without an LF. In the reason `"` and `\` get a backslash, LF is `\n`, other control bytes
 * are `?`. */
void record_add(const struct record *r, struct buf *out);

#endif
