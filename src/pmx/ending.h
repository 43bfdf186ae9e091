/* ending.h - how milters end: gracefully, by abort or kill, several side by side, each with time limits, from
 * the state of each alone. Steps are taken by ending_step() as often as one likes. */
#ifndef DEFANG_PMX_ENDING_H
#define DEFANG_PMX_ENDING_H

#include "pmx/alive.h"
#include "pmx/control.h"
#include "pmx/instance.h"
#include "pmx/options.h"

#include <stdbool.h>
#include <stdint.h>

enum ending_result {
	ENDING_GOES_ON,
	ENDING_GONE,      /* both processes and all workers; files are removed */
	ENDING_OVERDUE,   /* not within its time; what was asked stays in force */
	ENDING_FAILED,    /* `error' says why */
	ENDING_OVERRULED, /* somebody has started it again: it is not ended */
};

struct ending_target {
	struct instance instance;
	int control_fd; /* the control lock, or CONTROL_..; with CONTROL_OTHERS we only join the wait, until
			   they let it go */
	enum ending level; /* what is asked now */
	const char *signal;
	bool escalate;
	bool keep_port;    /* somebody holds its socket, for the next instance: set after ending_begin() */
	int64_t timeout_s; /* of a graceful end; 0: it is not waited for */
	int64_t start_wait_ms; /* .. and so much longer as long as a start has the control lock: set after
				  ending_begin() */
	int64_t asked; /* the mark of our wish (asked.h), with CONTROL_OTHERS: set after ending_begin() */
	/* progress */
	enum ending_result result;
	int error;
	bool of_start; /* a start, or that of a restart, was at work when we came, and has the control lock */
	bool sent;
	pid_t told_front, told_mux;   /* who was there when the signal was sent */
	pid_t asked_mux;              /* the controller that was asked to end when its front end was gone */
	pid_t first_front, first_mux; /* what lived when we came */
	int64_t begun_ms, deadline_ms, mux_looked_ms;
	struct alive *held; /* both programs, and for a kill the workers */
	size_t n_held;
};

/* Take what is found over; timeout_s below 0: the state's. */
void ending_begin(struct ending_target *t, struct instance *taken, int control_fd, enum ending level,
		  const char *signal, int64_t timeout_s, bool escalate);
void ending_step(struct ending_target *t, int64_t now_ms);

/* Go on with one that is not over, for so much longer; who escalates keeps his time. */
void ending_prolong(struct ending_target *t, int64_t now_ms, int64_t ms);
void ending_free(struct ending_target *t); /* releases the control lock */

/* Remove what a dead milter has left; a local port only if it is the one that the state tells of, and it is
 * not to be kept for the next instance. */
void ending_clean(const struct instance *i, bool keep_port);

/* Requests that its workers have in hand, as the controller tells: 0 also when it does not answer. */
int64_t ending_busy(const struct instance *i);

#endif
