/* deadline.h - how long the request in hand may take, so far as the controller has said: it kills a worker
 * that takes longer. Knows nothing of Perl. */
#ifndef DEFANG_WORKER_DEADLINE_H
#define DEFANG_WORKER_DEADLINE_H

#include <signal.h>

/* The signal that comes when half of the time is over, once a request. Perl calls it RTMIN. */
#define DEADLINE_SIGNAL SIGRTMIN

/* What deadline_left() says when no end is known: longer than any. */
#define DEADLINE_NEVER_S 1000000.0

/* Learn the time from the environment. In the process that serves: timers are not inherited. */
void deadline_open(void);

/* A request begins; it is over. */
void deadline_begin(void);
void deadline_end(void);

double deadline_left(void);  /* seconds, 0 when it is past */
double deadline_limit(void); /* seconds in all; DEADLINE_NEVER_S */

#endif
