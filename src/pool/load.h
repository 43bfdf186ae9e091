/* load.h - how much the workers had to do: requests, busy workers and durations in the last seconds and
 * hours, for each measured class of requests, and starts and ends of workers. Pure: the time is passed in.
 *
 * A window of seconds is made of whole seconds, the present one included; one of hours of whole clock hours
 * (UTC), the running one included. Source: the replies to `load`, `hload` and `histo` of MIMEDefang. */
#ifndef DEFANG_POOL_LOAD_H
#define DEFANG_POOL_LOAD_H

#include "pool/job.h"

#include <stdint.h>

#define LOAD_MAX_SECONDS 600
#define LOAD_MAX_HOURS 24
#define LOAD_CLASSES 4 /* JOB_CLASS_SCAN .. JOB_CLASS_RECIPOK */

struct load;

struct load_time {
	int64_t mono_s; /* of a clock that is never set: for windows of seconds */
	int64_t wall_s; /* since the epoch: for windows of hours */
};

/* What happened in a window. */
struct load_sums {
	unsigned long finished; /* requests */
	unsigned long busy;     /* sum over those of the workers busy at their end */
	int64_t run_ms;         /* sum of their durations */
	int64_t first_s;        /* wall clock, of the first and the last one; of windows of hours only */
	int64_t last_s;
};

struct load_churn {
	unsigned long started, reaped;
};

/* For a pool of `max_workers`. NULL with errno set. */
struct load *load_new(int max_workers);
void load_free(struct load *l); /* NULL is allowed */

void load_on_start(struct load *l, struct load_time now);
void load_on_reap(struct load *l, struct load_time now);

/* A worker has become busy, and `busy` are now: 1 .. max_workers; what is outside counts as the nearest. */
void load_on_busy(struct load *l, int busy);

/* A request has ended after `run_ms`, while `busy` workers were busy, its own included. Classes that are not
 * measured are not counted. */
void load_on_finish(struct load *l, enum job_class class, int busy, int64_t run_ms, struct load_time now);

/* In the last `seconds` (1 .. LOAD_MAX_SECONDS). */
struct load_sums load_seconds(const struct load *l, enum job_class class, int seconds, struct load_time now);
struct load_churn load_churn(const struct load *l, int seconds, struct load_time now);

/* In the last `hours` (1 .. LOAD_MAX_HOURS). */
struct load_sums load_hours(const struct load *l, enum job_class class, int hours, struct load_time now);

/* Means over the requests of a window; `none` when there were none. */
double load_mean_busy(const struct load_sums *s, double none);
double load_mean_ms(const struct load_sums *s);

/* How often a worker became busy and made it `busy` (1 .. max_workers). */
unsigned long load_histogram(const struct load *l, int busy);
int load_max_workers(const struct load *l);

/* Since the beginning. */
struct load_sums load_total(const struct load *l, enum job_class class);

/* Durations since the beginning: requests in range `i` of proto/latency.h. */
unsigned long load_latency(const struct load *l, enum job_class class, int i);

#endif
