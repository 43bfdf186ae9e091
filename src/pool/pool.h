/* pool.h - the pool of workers: gives jobs to idle workers, starts workers for jobs and for the minimum,
 * keeps jobs waiting in order, replaces what is worn out or of an older filter.
 *
 * Events (an answer, a start, a death) are dealt with as they come; what follows from counts and time is
 * decided in one pass that each event asks for. Whenever capacity appears the job that has waited longest
 * gets it. */
#ifndef DEFANG_POOL_POOL_H
#define DEFANG_POOL_POOL_H

#include "base/buf.h"
#include "base/loop.h"
#include "pool/job.h"
#include "pool/observer.h"
#include "pool/policy.h"
#include "pool/settings.h"
#include "pool/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The answer to a job that a worker would have had to be started for. */
#define POOL_CANNOT_ACTIVATE "error: Unable to activate worker\n"

struct meter;
struct pool;
struct reload;
struct scaler;

/* Without any worker yet. `settings` outlives the pool. NULL with errno set. */
struct pool *pool_new(struct loop *loop, const struct settings *settings);
void pool_free(struct pool *p); /* processes still alive get SIGKILL; NULL is allowed */

/* Tell `o` of all that happens from now on. It stays the caller's and must outlive the pool. */
void pool_observe(struct pool *p, struct pool_observer *o);

/* Start the first worker of the minimum, if there is one; the others follow at their pace. */
void pool_begin(struct pool *p);

/* Have `job` done. NULL when the pool has taken it; otherwise the reply to give at once, and the job stays
 * the caller's. Its `done` is never called from within. */
const char *pool_submit(struct pool *p, struct job *job);

/* Nobody wants the answer any more: a waiting job is dropped, one that a worker has runs to its end. Takes
 * the job. */
void pool_cancel(struct pool *p, struct job *job);

/* Children may have ended: for SIGCHLD. */
void pool_reap(struct pool *p);

/* End: waiting jobs are answered, no more are taken, workers end within 3 seconds. Then `stopped` is called,
 * from the loop. */
void pool_stop(struct pool *p, void (*stopped)(void *arg), void *arg);

/* --- what can be seen --- */

/* Of the working slots only; `stopped` includes the empty ones. */
struct pool_counts {
	int idle, busy, starting, stopped, killed;
	size_t for_start; /* jobs that wait for the start of a worker */
	size_t queued;    /* jobs that wait for any worker */
};

/* Since the pool was made. */
struct pool_totals {
	unsigned long scans;       /* finished, in whatever way */
	unsigned long activations; /* starts of workers */
	size_t queue_limit;
	int64_t begun_ms; /* when that was, on the loop's clock */
};

/* Whether workers fail to start, one after the other; and the reply to `health`, which says so and why. */
bool pool_is_degraded(const struct pool *p);
void pool_health(const struct pool *p, struct buf *out);

struct pool_totals pool_totals(const struct pool *p);
struct pool_counts pool_count(const struct pool *p);
int pool_free_workers(const struct pool *p); /* jobs that would be taken now without queueing */
int pool_slots(const struct pool *p);        /* 2N; slots from pool_max_workers() up are spare */
int pool_max_workers(const struct pool *p);  /* N */
const struct worker_facts *pool_slot(const struct pool *p, int i);
const struct worker *pool_worker(const struct pool *p, int i); /* NULL when the slot is empty */
int64_t pool_now(const struct pool *p);
struct reload *pool_reload(const struct pool *p);
const struct meter *pool_meter(const struct pool *p);
const struct scaler *pool_scaler(const struct pool *p);

/* --- for scaler.c --- */

/* Start a worker, if a slot is free and policy allows it now. */
bool pool_grow(struct pool *p, const char *reason);

/* End the worker that became idle last, if there is one. */
bool pool_shrink(struct pool *p, const char *reason);

/* --- for reload.c and succession.c --- */

/* Ask for a pass, at the end of this turn of the loop. */
void pool_poke(struct pool *p);

/* Whoever observes the pool, to tell them of a reload. */
const struct observers *pool_observers(const struct pool *p);

/* Let the workers in two slots, one of which may be empty, change places. */
void pool_swap(struct pool *p, int i, int j);

/* The generation that workers belong to now. */
unsigned pool_generation(const struct pool *p);

/* What policy says of a worker, in a situation that may serve for many. */
struct policy_situation pool_situation(const struct pool *p);
struct policy_verdict pool_judge(const struct pool *p, const struct worker *w,
				 const struct policy_situation *around);
void pool_reason_text(const struct pool *p, const struct worker *w, enum policy_reason reason,
		      char text[POLICY_TEXT_MAX]);

/* When policy allows the next start; for an `urgent` one only the spacing counts, not earlier failures. */
int64_t pool_start_at(const struct pool *p, bool urgent);

/* Start a worker of `generation` in a spare slot, where it takes no work; in a working one if there is no
 * other. *out is NULL and the result 0 when all slots are taken now. 0 or -errno. */
int pool_start_candidate(struct pool *p, unsigned generation, const char *reason, struct worker **out);

#endif
