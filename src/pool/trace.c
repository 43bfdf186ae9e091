#include "pool/trace.h"

#include "base/log.h"
#include "pool/observer.h"

#include <stdlib.h>
#include <string.h>

struct trace {
	bool choices, events;
	enum job_class last_class; /* of the worker that has just been chosen, before this job */
	struct pool_observer observer;
};

static void on_started(const struct worker_facts *w, const char *reason, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: worker %d (pid %d) started: %s", w->number, (int)w->pid, reason);
}

static void on_changed(const struct worker_facts *w, enum worker_state from, enum worker_state to, void *arg)
{
	struct trace *t = arg;

	if (to == WORKER_BUSY)
		t->last_class = w->last_class;
	if (t->events)
		log_debug("event: worker %d (pid %d) %s -> %s", w->number, (int)w->pid,
			  worker_state_name(from), worker_state_name(to));
}

static void on_moved(const struct worker_facts *w, int old_number, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: worker %d (pid %d) moved to slot %d", old_number, (int)w->pid, w->number);
}

static void on_ending(const struct worker_facts *w, const char *reason, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: worker %d (pid %d) is being ended: %s", w->number, (int)w->pid, reason);
}

static void on_ended(const struct worker_facts *w, bool was_expected, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: worker %d (pid %d) has ended%s", w->number, (int)w->pid,
			  was_expected ? "" : " unexpectedly");
}

/* Called next after the change to BUSY. */
static void on_given(const struct worker_facts *w, const struct job *job, void *arg)
{
	const struct trace *t = arg;

	if (t->choices)
		log_info("Scheduling Idle worker %d for cmdno %d (activated=%u, last=%d)", w->number,
			 (int)job->class, w->serial, (int)t->last_class);
	if (t->events)
		log_debug("event: worker %d (pid %d) gets '%s'", w->number, (int)w->pid, job->tag);
}

static void on_answered(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			int64_t run_ms, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: worker %d (pid %d) is done with '%s' after %lld ms, outcome %d", w->number,
			  (int)w->pid, job->tag, (long long)run_ms, (int)outcome);
}

static void on_queued(const struct job *job, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: '%s' is queued", job->tag);
}

static void on_refused(const struct job *job, const char *reply, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: '%s' is refused: %.*s", job->tag, (int)strcspn(reply, "\n"), reply);
}

static void on_reread(const char *error, unsigned generation, void *arg)
{
	const struct trace *t = arg;

	if (t->events)
		log_debug("event: reread %s, generation %u serves", error == NULL ? "succeeded" : "failed",
			  generation);
}

static const struct pool_observer observer = {
	.started = on_started,
	.changed = on_changed,
	.moved = on_moved,
	.ending = on_ending,
	.ended = on_ended,
	.given = on_given,
	.answered = on_answered,
	.queued = on_queued,
	.refused = on_refused,
	.reread = on_reread,
};

struct trace *trace_new(struct pool *pool, bool choices, bool events)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->choices = choices;
	t->events = events;
	t->observer = observer;
	t->observer.arg = t;
	pool_observe(pool, &t->observer);
	return t;
}

void trace_free(struct trace *t)
{
	free(t);
}
