/* format.h - replies of the controller, laid out for people. Pure. */
#ifndef DEFANG_CTL_FORMAT_H
#define DEFANG_CTL_FORMAT_H

#include "base/buf.h"

#include <stdbool.h>

/* Append the layout of a reply to `out`. False, and nothing appended, when `reply` is not what the request is
 * answered with. */
typedef bool format_fn(const char *reply, struct buf *out);

format_fn format_status;    /* of `status`: a line per worker */
format_fn format_barstatus; /* of `status`: bars of busy workers and queued requests, in one line */

#endif
