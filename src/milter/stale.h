/* stale.h - work directories of front ends that have died: spool.h says how one is told. Several front ends
 * may share a spool. */
#ifndef DEFANG_MILTER_STALE_H
#define DEFANG_MILTER_STALE_H

#include "milter/site.h"

/* Remove all stale directories from the spool, and log how many. Those that are to be kept stay, and all do
 * while the administrator wants directories kept. Blocking: for the start. */
void stale_sweep(const struct site *site);

/* Remove the directory `name` if it is stale: 0, and its name is free. Else -errno, as spool_adopt(). */
int stale_remove(const struct site *site, const char *name);

#endif
