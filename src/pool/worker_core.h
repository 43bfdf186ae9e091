/* worker_core.h - the state of a worker. Private to worker.c, which starts it and speaks with it, and
 * worker_end.c, which ends it. */
#ifndef DEFANG_POOL_WORKER_CORE_H
#define DEFANG_POOL_WORKER_CORE_H

#include "base/lineio.h"
#include "pool/ending.h"
#include "pool/errlog.h"
#include "pool/template.h"
#include "pool/worker.h"

#include <stddef.h>

struct worker {
	struct worker_facts facts;
	struct loop *loop;
	const struct settings *settings;
	const struct worker_owner *owner;
	void *arg;

	struct lineio *io; /* its standard input and output; NULL once it has hung up */
	int out_fd;        /* the reading end in `io` */
	struct errlog *err;
	struct lineio *status;

	struct job *job;
	bool handed_over;       /* the request has been written */
	char retire_reason[80]; /* while RETIRING */

	struct template_order *order; /* it is still to be forked */
	int owed;                     /* the signal that it is to get when its pid is known */

	bool asked_to_end; /* by us: its end is no surprise */
	bool signalled;    /* it has had its SIGTERM */
	struct ending_plan plan;
	struct timer *step; /* the next of the plan; after its death the end of the last words */

	bool reaped;
	char end_text[80]; /* why, or how, it ended */
};

/* Of worker.c. */

/* The one place where a state changes. */
void worker_set_state(struct worker *w, enum worker_state to);

/* It need not answer in time any more. */
void worker_clear_deadline(struct worker *w);

/* The job is over, and is its owner's again. The worker stays busy until the caller has decided what next. */
void worker_finish_job(struct worker *w, enum worker_outcome outcome, const char *line, size_t len);

/* Hear no more of what it writes: the next write tells it so. */
void worker_hang_up(struct worker *w);

/* Of worker_end.c. */

/* It is gone when it has been waited for and has had its last words. May free the worker. */
void worker_end_if_complete(struct worker *w);

/* It is not to come to life at all: `how` follows "worker"; `killed`: by a signal. May free it. */
void worker_stillborn(struct worker *w, const char *how, bool killed);

/* For the timer `step`: a struct worker. */
void worker_on_step(void *arg);

#endif
