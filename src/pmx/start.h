/* start.h - bring one milter up, or undo what was done of it. */
#ifndef DEFANG_PMX_START_H
#define DEFANG_PMX_START_H

#include "pmx/plan.h"
#include "pmx/run.h"

#include <sys/types.h>

/* The listening socket of the plan's port, or -errno. */
int start_open_port(const struct plan *p);
mode_t start_port_umask(const struct plan *p); /* for the file of a local one */

/* Start both programs; nothing of the milter lives, we hold its control lock, preflight() went well. Takes
 * listen_fd. STATUS_OK and *pid, the front end's; else everything is undone and the cause told in `why'. */
enum status start_up(const struct run *r, const struct plan *p, int listen_fd, pid_t *pid, struct buf *why);

#endif
