#include "pool/pool.h"

#include "base/log.h"
#include "pool/dispatch.h"
#include "pool/memory.h"
#include "pool/meter.h"
#include "pool/pool_core.h"
#include "pool/reload.h"
#include "pool/scaler.h"
#include "pool/staff.h"
#include "pool/succession.h"
#include "pool/template.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* With more busy workers than this a busy timeout is put down to load rather than to the filter. */
#define FEW_BUSY 3

static void on_pass(void *arg);

/* --- making and freeing --- */

struct pool *pool_new(struct loop *loop, const struct settings *settings)
{
	struct pool *p = calloc(1, sizeof(*p));
	int n = (int)settings->max_workers;

	if (p == NULL)
		return NULL;
	p->loop = loop;
	p->settings = settings;
	p->begun_ms = loop_now(loop);
	p->short_of_workers = true; /* the first of the minimum need not wait */
	p->limits = (struct policy_limits){
		.min_workers = (int)settings->min_workers,
		.max_requests = settings->max_requests,
		.lifetime_ms = settings->lifetime_ms,
		.rss_kb = settings->rss_limit_kb,
		.idle_ms = settings->idle_ms,
		.fill_ms = settings->fill_ms,
		.spacing_ms = settings->spacing_ms,
	};
	TAILQ_INIT(&p->observers);
	policy_history_init(&p->history);
	if ((p->slots = slots_new(n, p->begun_ms)) == NULL || (p->for_start = queue_new((size_t)n)) == NULL ||
	    (p->queue = queue_new((size_t)settings->queue_limit)) == NULL ||
	    (p->reload = reload_new(p)) == NULL || (p->succession = succession_new(p, p->slots)) == NULL ||
	    (p->memory = memory_new(loop, p, p->slots, settings->rss_limit_kb)) == NULL ||
	    (settings->preload && (p->templates = templates_new(loop, settings)) == NULL) ||
	    (p->meter = meter_new(p)) == NULL || (p->scaler = scaler_new(loop, p, settings)) == NULL ||
	    (p->pass = timer_new(loop, on_pass, p)) == NULL ||
	    (p->choices = calloc(2 * (size_t)n, sizeof(*p->choices))) == NULL) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	slots_free(p->slots);
	queue_free(p->for_start);
	queue_free(p->queue);
	reload_free(p->reload);
	succession_free(p->succession);
	templates_free(p->templates);
	memory_free(p->memory);
	timer_free(p->pass);
	free(p->choices);
	scaler_free(p->scaler);
	meter_free(p->meter);
	p->freed = true;
	loop_defer(p->loop, free, p); /* behind a pass that may be due */
}

void pool_observe(struct pool *p, struct pool_observer *o)
{
	TAILQ_INSERT_TAIL(&p->observers, o, link);
}

const struct observers *pool_observers(const struct pool *p)
{
	return &p->observers;
}

static void on_poked(void *arg)
{
	struct pool *p = arg;

	p->pass_due = false;
	if (!p->freed)
		on_pass(p);
}

void pool_poke(struct pool *p)
{
	if (p->pass_due)
		return;
	p->pass_due = true;
	loop_defer(p->loop, on_poked, p);
}

/* --- counting --- */

struct pool_counts pool_count(const struct pool *p)
{
	struct pool_counts c = {
		.for_start = queue_length(p->for_start),
		.queued = queue_length(p->queue),
	};

	for (int i = 0; i < pool_max_workers(p); i++) {
		switch (slots_facts(p->slots, i)->state) {
		case WORKER_IDLE:
			c.idle++;
			break;
		case WORKER_BUSY:
		case WORKER_RETIRING:
			c.busy++;
			break;
		case WORKER_STARTING:
			c.starting++;
			break;
		case WORKER_KILLED:
			c.killed++;
			break;
		default:
			c.stopped++;
		}
	}
	return c;
}

/* --- what workers report --- */

/* Whether the worker is the candidate of a reload that has not been decided. That such a one fails says
 * nothing of the filter that serves. */
static bool is_on_trial(const struct pool *p, const struct worker *w)
{
	return worker_facts(w)->generation > pool_generation(p);
}

static void on_start_failure(struct pool *p, const struct worker *w)
{
	int64_t pause;

	if (p->stopping || is_on_trial(p, w))
		return;
	policy_on_failure(&p->history, loop_now(p->loop));
	if ((pause = policy_backoff(p->history.failures)) > 0)
		log_warn("%d workers in a row did not start: no further start for %lld seconds",
			 p->history.failures, (long long)pause / 1000);
}

static void on_changed(struct worker *w, enum worker_state from, enum worker_state to, void *arg)
{
	struct pool *p = arg;

	if (from == WORKER_IDLE)
		slots_idle_remove(p->slots, w);
	if (to == WORKER_IDLE)
		slots_idle_add(p->slots, w);
	if (from == WORKER_STARTING && to == WORKER_IDLE) {
		policy_on_ready(&p->history);
		health_on_ready(&p->health);
	}
	if (from == WORKER_STARTING && to == WORKER_KILLED)
		on_start_failure(p, w);
	observers_changed(&p->observers, worker_facts(w), from, to);
	if (to != WORKER_BUSY) /* nobody has to go or to come for a worker that has got work */
		pool_poke(p);
}

static void on_ending(struct worker *w, const char *reason, void *arg)
{
	struct pool *p = arg;

	observers_ending(&p->observers, worker_facts(w), reason);
}

static void on_reaped(struct worker *w, bool was_expected, void *arg)
{
	struct pool *p = arg;

	observers_ended(&p->observers, worker_facts(w), was_expected);
}

static void on_tagged(struct worker *w, void *arg)
{
	struct pool *p = arg;

	observers_tagged(&p->observers, worker_facts(w));
}

static const char *outcome_text(const struct pool *p, enum worker_outcome outcome)
{
	if (p->stopping)
		return DISPATCH_SHUTTING_DOWN;
	switch (outcome) {
	case WORKER_ANSWER_TOO_LONG:
		return "ERR Answer of worker is too long\n";
	case WORKER_TIMED_OUT:
		return pool_count(p).busy <= FEW_BUSY
			       ? "ERR Filter timed out - check filter rules or system load\n"
			       : "ERR Filter timed out - system may be overloaded (consider increasing busy "
				 "timeout)\n";
	case WORKER_TOO_BIG:
		return "ERR Worker used too much memory\n";
	case WORKER_UNWRITABLE:
		return "error: Error talking to worker process\n";
	default:
		return "ERR No response from worker\n";
	}
}

static enum job_end job_end(enum worker_outcome outcome)
{
	switch (outcome) {
	case WORKER_ANSWERED:
		return JOB_ANSWERED;
	case WORKER_UNWRITABLE:
		return JOB_REFUSED;
	default:
		return JOB_LOST;
	}
}

static void on_done(struct worker *w, struct job *job, enum worker_outcome outcome, const char *line,
		    size_t len, void *arg)
{
	struct pool *p = arg;

	if (job->class == JOB_CLASS_SCAN)
		p->scans++;
	observers_answered(&p->observers, worker_facts(w), job, outcome,
			   loop_now(p->loop) - worker_facts(w)->given_ms);
	job->end = job_end(outcome);
	if (outcome != WORKER_ANSWERED) {
		line = outcome_text(p, outcome);
		len = strlen(line);
	}
	dispatch_answer(job, line, len);
}

static void on_idle(struct worker *w, void *arg)
{
	struct pool *p = arg;
	struct policy_situation around;

	if (reload_on_ready(p->reload, w) || succession_on_ready(p->succession, w))
		succession_install(p->succession, w);
	memory_look(p->memory, w);
	around = pool_situation(p);
	if (worker_facts(w)->state == WORKER_IDLE)
		(void)staff_end_if_due(p, w, &around); /* a pass follows anyway */
	dispatch_serve(p);
}

static void on_ended(struct worker *w, void *arg)
{
	struct pool *p = arg;

	if (!worker_facts(w)->was_ready && !p->stopping && !is_on_trial(p, w)) {
		if (worker_facts(w)->killed)
			policy_on_accident(&p->history);
		health_on_failure(&p->health, p->history.failures, worker_last_words(w), worker_end_text(w));
	}
	reload_on_ended(p->reload, w);
	succession_on_ended(p->succession, w);
	worker_free(slots_take(p->slots, worker_facts(w)->number, loop_now(p->loop)));
	pool_poke(p);
}

const struct worker_owner pool_worker_owner = {
	.changed = on_changed,
	.ending = on_ending,
	.reaped = on_reaped,
	.tagged = on_tagged,
	.done = on_done,
	.idle = on_idle,
	.ended = on_ended,
};

void pool_reap(struct pool *p)
{
	for (int i = 0; i < pool_slots(p); i++) {
		struct worker *w = slots_worker(p->slots, i);

		if (w != NULL)
			worker_reap(w);
	}
	if (p->templates != NULL)
		templates_reap(p->templates);
}

/* --- the pass --- */

static void on_pass(void *arg)
{
	struct pool *p = arg;
	int64_t now = loop_now(p->loop), next;

	if (p->stopping) {
		if (staff_live(p, 0, pool_slots(p)) == 0)
			p->stopped(p->stopped_arg);
		return;
	}
	dispatch_serve(p);
	staff_vacate_all(p);
	next = policy_earlier(staff_end_due(p), dispatch_mend_claims(p, now));
	next = policy_earlier(next, dispatch_start_for_queue(p, now));
	next = policy_earlier(next, dispatch_expire(p, now));
	next = policy_earlier(next, staff_fill(p, now));
	next = policy_earlier(next, reload_pass(p->reload, now));
	if (!reload_is_running(p->reload))
		next = policy_earlier(next, succession_pass(p->succession, now));
	if (p->templates != NULL)
		templates_retain(p->templates, pool_generation(p), reload_trial(p->reload));
	if (next != POLICY_NEVER)
		timer_set(p->pass, next - now);
}

/* With -E the filter is loaded before the first message needs it. */
static void filter_preload(struct pool *p)
{
	int err = p->templates == NULL ? 0 : templates_prepare(p->templates, pool_generation(p));

	if (err < 0)
		log_err("Unable to start the template: %s", strerror(-err));
}

void pool_begin(struct pool *p)
{
	filter_preload(p);
	on_pass(p);
}

/* --- the end --- */

void pool_stop(struct pool *p, void (*stopped)(void *arg), void *arg)
{
	p->stopping = true;
	p->stopped = stopped;
	p->stopped_arg = arg;
	dispatch_refuse_all(p, DISPATCH_SHUTTING_DOWN);
	reload_stop(p->reload);
	for (int i = 0; i < pool_slots(p); i++) {
		if (slots_worker(p->slots, i) != NULL)
			worker_end(slots_worker(p->slots, i), ENDING_SHUTDOWN, "Shutting down");
	}
	if (p->templates != NULL)
		templates_end(p->templates);
	pool_poke(p);
}

/* --- what can be seen --- */

int pool_free_workers(const struct pool *p)
{
	struct pool_counts c = pool_count(p);
	int n = c.idle + c.stopped + c.starting - (int)c.for_start;

	return n < 0 ? 0 : n;
}

int pool_slots(const struct pool *p)
{
	return slots_all(p->slots);
}

int pool_max_workers(const struct pool *p)
{
	return slots_working(p->slots);
}

const struct worker_facts *pool_slot(const struct pool *p, int i)
{
	return slots_facts(p->slots, i);
}

const struct worker *pool_worker(const struct pool *p, int i)
{
	return slots_worker(p->slots, i);
}

bool pool_is_degraded(const struct pool *p)
{
	return health_is_degraded(p->history.failures);
}

void pool_health(const struct pool *p, struct buf *out)
{
	health_report(&p->health, p->history.failures, out);
}

struct pool_totals pool_totals(const struct pool *p)
{
	return (struct pool_totals){
		.scans = p->scans,
		.activations = p->starts,
		.queue_limit = queue_limit(p->queue),
		.begun_ms = p->begun_ms,
	};
}

int64_t pool_now(const struct pool *p)
{
	return loop_now(p->loop);
}

unsigned pool_generation(const struct pool *p)
{
	return reload_generation(p->reload);
}

struct reload *pool_reload(const struct pool *p)
{
	return p->reload;
}

const struct meter *pool_meter(const struct pool *p)
{
	return p->meter;
}

const struct scaler *pool_scaler(const struct pool *p)
{
	return p->scaler;
}
