/* format.h - replies of the controller, laid out for people and for JSON readers. Pure. Source of the
 * layouts: the output of MIMEDefang's md-mx-ctrl, which programs read. */
#ifndef DEFANG_CTL_FORMAT_H
#define DEFANG_CTL_FORMAT_H

#include "base/buf.h"

#include <stdbool.h>

/* Where and when: for JSON objects. */
struct format_origin {
	const char *hostname;
	const char *timestamp; /* as of ctime(), without its LF */
};

/* Append the layout of a reply to `out`. False, and nothing appended, when `reply` is not what the request is
 * answered with. */
typedef bool format_fn(const char *reply, const struct format_origin *origin, struct buf *out);

format_fn format_status;     /* of `status`: a line per worker */
format_fn format_health;     /* of `health`: a line `Degraded: ..`, or nothing for any other reply */
format_fn format_barstatus;  /* of `status`: bars of busy workers and queued requests, in one line */
format_fn format_jsonstatus; /* of `status`: a JSON object, without an LF */

format_fn format_load; /* of `load`, by scans: a table of four rows */
format_fn format_load_relayok;
format_fn format_load_senderok;
format_fn format_load_recipok;
format_fn format_hload; /* of `hload`, by scans: the same of hours */
format_fn format_hload_relayok;
format_fn format_hload_senderok;
format_fn format_hload_recipok;
format_fn format_load1;     /* of `load1`: a table of the four kinds, and the state now */
format_fn format_jsonload1; /* of `load1`: a JSON object and an LF */

#endif
