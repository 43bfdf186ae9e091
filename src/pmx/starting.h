/* starting.h - start one milter from whatever state it is in, and tell how it went. */
#ifndef DEFANG_PMX_STARTING_H
#define DEFANG_PMX_STARTING_H

#include "pmx/instance.h"
#include "pmx/plan.h"
#include "pmx/run.h"

/* Say that the milter is wanted (asked.h), when all has been checked. STATUS_OK; or another, told: a stop has
 * come since the plan's mark. */
enum status starting_announce(const struct plan *p);

/* Take the control lock for `verb', waiting for its holder as long as a start or the end of a stop may take,
 * unless a stop comes meanwhile. STATUS_OK and *fd; or another, told. */
enum status starting_lock(const struct run *r, const struct plan *p, const char *verb, int *fd);

/* The same without waiting: *fd is below 0 when somebody else has it. */
enum status starting_lock_now(const struct plan *p, const char *verb, int *fd);

/* End what is left of a milter that does not run whole, and clean up. We hold the lock. STATUS_OK, or
 * another, told: also when a stop has come since the plan's mark. */
enum status starting_clear(const struct run *r, const struct plan *p, struct instance *i);

/* Nothing of it lives; we hold the lock. listen_fd below 0: open the port. Takes listen_fd. */
enum status starting_run(const struct run *r, const struct plan *p, int listen_fd);

#endif
