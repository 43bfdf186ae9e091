/* figures.h - what one loop counts. Only the loop's own thread writes; any thread may read, and add up those
 * of several loops. Each number is an atomic of relaxed order: no locks, and a sum is not of one instant. */
#ifndef DEFANG_MILTER_FIGURES_H
#define DEFANG_MILTER_FIGURES_H

#include "milter/fate.h"
#include "milter/phase.h"
#include "proto/latency.h"
#include "proto/reply.h"

#include <stdint.h>

typedef _Atomic int64_t figure;

struct figures_latency {
	figure finished;
	figure sum_ms;
	figure ranges[LATENCY_RANGES];
};

struct figures {
	figure sessions;         /* connections of MTAs that are open */
	figure sessions_peak;    /* most at a time */
	figure sessions_total;   /* ever */
	figure sessions_refused; /* not served: too many were there, or no memory */
	figure fates[FATES];     /* messages that are over */
	figure failures[FAILURES];
	figure answers[PHASES][VERDICTS]; /* given to MTAs that waited for them */
	struct figures_latency phases[PHASES];
	figure asked;                      /* questions put to the controller */
	figure withdrawn;                  /* .. that were given up */
	struct figures_latency controller; /* .. that have ended otherwise, well or not */
};

void figures_count(figure *f, int64_t n); /* add `n` */
int64_t figures_read(const figure *f);
void figures_latency(struct figures_latency *l, int64_t ms); /* something has taken so long */

void figures_session(struct figures *f, int change); /* a session has begun (1) or ended (-1) */

/* Add all of `one` to `total`. */
void figures_sum(struct figures *total, const struct figures *one);

#endif
