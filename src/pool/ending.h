/* ending.h - when a process that has to go gets its SIGTERM and its SIGKILL. Pure: the time is passed in. */
#ifndef DEFANG_POOL_ENDING_H
#define DEFANG_POOL_ENDING_H

#include <stdint.h>

/* What comes first is an end of file on its standard input, except when it has hung up already. */
enum ending {
	ENDING_GENTLE,   /* it has done nothing wrong: SIGTERM after 10 s, SIGKILL after 20 */
	ENDING_FORCED,   /* it is stuck: at once, 10 s */
	ENDING_AT_ONCE,  /* it does harm: SIGKILL at once */
	ENDING_SHUTDOWN, /* we are short of time: 1 s, 3 s */
	ENDING_LOST,     /* it has hung up on us, and is probably ending by itself: 1 s, 11 s */
};

#define ENDING_NEVER INT64_MAX

struct ending_plan {
	int64_t term_at_ms, kill_at_ms; /* ENDING_NEVER: not planned, or done */
};

#define ENDING_NO_PLAN ((struct ending_plan){ ENDING_NEVER, ENDING_NEVER })

/* Plan an end, or hasten one: of two times for a signal the sooner one holds. A signal once sent is sent
 * again only if `how` says so. */
void ending_plan(struct ending_plan *p, enum ending how, int64_t now_ms);

/* The signal that is due, which is then done with; 0 when none is. */
int ending_due(struct ending_plan *p, int64_t now_ms);

/* When the next signal is due. */
int64_t ending_next(const struct ending_plan *p);

#endif
