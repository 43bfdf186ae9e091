/* observer.h - who wants to hear of what happens in the pool: statistics, notifications.
 *
 * Each thing is told from the one place where it happens, at once and in this order:
 *
 *   a worker starts         changed (STOPPED, STARTING), started; with its first answer changed (.., IDLE)
 *   it gets a request       changed (IDLE, BUSY), given
 *   the request ends        answered, while the worker is still BUSY or RETIRING; then changed (.., IDLE), or
 *   it is ended by us       changed (.., KILLED), ending; perhaps moved, to a spare slot
 *   its process is gone     ended; then changed (.., KILLED) if it was not asked to go, changed (KILLED,
 * STOPPED) another generation      changed and moved of the worker that is replaced, after reread
 *
 * An observer is called in the midst of a change: it may look at the pool's counts, and only note. It must
 * not start, end, submit, cancel or free anything of the pool. At changed (STOPPED, STARTING) the worker has
 * no slot in the pool yet. Any function may be NULL. */
#ifndef DEFANG_POOL_OBSERVER_H
#define DEFANG_POOL_OBSERVER_H

#include "pool/worker.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct pool_observer {
	TAILQ_ENTRY(pool_observer) link;
	void *arg;
	/* A worker has been started; `reason` is for people. */
	void (*started)(const struct worker_facts *w, const char *reason, void *arg);
	void (*changed)(const struct worker_facts *w, enum worker_state from, enum worker_state to,
			void *arg);
	/* It has another slot, w->number, than it had; the old one may have another worker now. */
	void (*moved)(const struct worker_facts *w, int old_number, void *arg);
	/* We have begun to end it. */
	void (*ending)(const struct worker_facts *w, const char *reason, void *arg);
	/* Its process has been waited for; it was not expected to go unless we had begun to end it. */
	void (*ended)(const struct worker_facts *w, bool was_expected, void *arg);
	/* The worker has the job, and its status tag. */
	void (*given)(const struct worker_facts *w, const struct job *job, void *arg);
	/* The worker has reported another status tag. */
	void (*tagged)(const struct worker_facts *w, void *arg);
	/* The job is over, `run_ms` after it was given. */
	void (*answered)(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			 int64_t run_ms, void *arg);
	/* The job waits for any worker. */
	void (*queued)(const struct job *job, void *arg);
	/* The job gets `reply` (with its LF) without a worker having had it. */
	void (*refused)(const struct job *job, const char *reply, void *arg);
	/* A reload begins: its candidate is being started. */
	void (*rereading)(void *arg);
	/* A reload has been decided: `generation` serves from now on, or still, when `error` says why it
	 * failed. */
	void (*reread)(const char *error, unsigned generation, void *arg);
};

/* Told in the order in which they were added. */
TAILQ_HEAD(observers, pool_observer);

void observers_started(const struct observers *o, const struct worker_facts *w, const char *reason);
void observers_changed(const struct observers *o, const struct worker_facts *w, enum worker_state from,
		       enum worker_state to);
void observers_moved(const struct observers *o, const struct worker_facts *w, int old_number);
void observers_ending(const struct observers *o, const struct worker_facts *w, const char *reason);
void observers_ended(const struct observers *o, const struct worker_facts *w, bool was_expected);
void observers_given(const struct observers *o, const struct worker_facts *w, const struct job *job);
void observers_tagged(const struct observers *o, const struct worker_facts *w);
void observers_answered(const struct observers *o, const struct worker_facts *w, const struct job *job,
			enum worker_outcome outcome, int64_t run_ms);
void observers_queued(const struct observers *o, const struct job *job);
void observers_refused(const struct observers *o, const struct job *job, const char *reply);
void observers_rereading(const struct observers *o);
void observers_reread(const struct observers *o, const char *error, unsigned generation);

#endif
