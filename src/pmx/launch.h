/* launch.h - start one of the two programs of a milter. */
#ifndef DEFANG_PMX_LAUNCH_H
#define DEFANG_PMX_LAUNCH_H

#include "base/buf.h"
#include "pmx/args.h"
#include "pmx/plan.h"

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int err_fd;     /* where its standard error goes */
	off_t err_from; /* what stands there before its time */
	bool ended;
	int status; /* wait status */
};

/* Start PREFIX/bin/PROGRAM in a session of its own, with a clean environment; listen_fd (-1: none) is passed
 * as by a service manager, named `milter'. 0 or -errno; child_free() in any case. */
int launch(const struct plan *p, const char *program, const struct args *args, int listen_fd,
	   struct child *out);

/* Have a worker program load the filter, as for the pool, and end, within so many seconds. 0; or -errno, and
 * what it said.
 */
int launch_filter_load(const struct plan *p, int64_t seconds, struct buf *why);

/* Whether the files that the programs write to can be opened. 0; or -errno, and `why' names the file. */
int launch_files_check(const struct plan *p, struct buf *why);

/* What we start stays our child when it goes into the background, until we end. Before the first launch(). */
void launch_keep_children(void);

bool child_has_ended(struct child *c);

/* Kill it, and whatever else of our children was started to take this lock, even if it has not come so far
 * yet: then nothing else tells that it exists. */
void launch_kill(struct child *c, const char *lock);

/* What it wrote to standard error, on one line, at most 1 kB of it. */
void child_errors(const struct child *c, struct buf *out);
void child_free(struct child *c);

#endif
