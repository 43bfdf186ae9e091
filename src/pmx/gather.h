/* gather.h - what a status is made of: locks, the process table, and a snapshot of each program. */
#ifndef DEFANG_PMX_GATHER_H
#define DEFANG_PMX_GATHER_H

#include "pmx/instance.h"
#include "pmx/run.h"
#include "pmx/view.h"

#include <stddef.h>

/* Fill one view for each instance found, which is looked at anew when it changes meanwhile. All programs are
 * asked at once; those that do not answer in time (--timeout, or 5 s) are shown without their figures. Each
 * view points to its instance; gather_free() each. */
void gather(const struct run *r, struct instance *found, struct view *views, size_t n);
void gather_free(struct view *v);

#endif
