/* preflight.h - what is cheap to find out before anything is started or stopped, and dear later. */
#ifndef DEFANG_PMX_PREFLIGHT_H
#define DEFANG_PMX_PREFLIGHT_H

#include "base/buf.h"
#include "pmx/plan.h"
#include "pmx/status.h"

/* Programs, filter (loaded for a test, when the worker program is ours, within so many seconds), folders
 * (those of the milter are made when they are missing), the folder of a local port, log files. STATUS_OK, or
 * another and the cause in `why'. As the user of the milters. */
enum status preflight(const struct plan *p, int64_t seconds, struct buf *why);

#endif
