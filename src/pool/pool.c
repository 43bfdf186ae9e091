#include "pool/pool.h"

#include "base/log.h"
#include "pool/health.h"
#include "pool/memory.h"
#include "pool/meter.h"
#include "pool/policy.h"
#include "pool/queue.h"
#include "pool/reload.h"
#include "pool/scaler.h"
#include "pool/slots.h"
#include "pool/succession.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHUTTING_DOWN "ERR Shutting down\n"
#define NO_FREE_WORKERS "error: No free workers\n"
#define DOMAIN_LIMIT_HIT "ok -1 Per-domain%20recipok%20limit%20hit;%20please%20try%20again%20later\n"
#define CANNOT_ACTIVATE "error: Unable to activate worker\n"

/* With more busy workers than this a busy timeout is put down to load rather than to the filter. */
#define FEW_BUSY 3

struct pool {
	struct loop *loop;
	const struct settings *settings;
	struct policy_limits limits;
	struct policy_history history;
	struct health health;
	struct slots *slots;
	struct queue *for_start; /* a worker is starting for each of these */
	struct queue *queue;     /* these have come later than all of the former */
	struct reload *reload;
	struct succession *succession;
	struct policy_choice *choices; /* room for the idle workers */
	struct observers observers;
	struct memory *memory;
	struct meter *meter;
	struct scaler *scaler;
	struct timer *pass;
	bool short_of_workers; /* fewer than the minimum run, and that has been noted */
	unsigned starts;
	unsigned long scans;
	int64_t begun_ms;
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static const struct worker_owner owner;
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
	memory_free(p->memory);
	timer_free(p->pass);
	free(p->choices);
	scaler_free(p->scaler);
	meter_free(p->meter);
	free(p);
}

void pool_observe(struct pool *p, struct pool_observer *o)
{
	TAILQ_INSERT_TAIL(&p->observers, o, link);
}

const struct observers *pool_observers(const struct pool *p)
{
	return &p->observers;
}

void pool_poke(struct pool *p)
{
	timer_set(p->pass, 0);
}

/* --- counting --- */

static int live_workers(const struct pool *p, int from, int to)
{
	int n = 0;

	for (int i = from; i < to; i++)
		n += slots_worker(p->slots, i) != NULL;
	return n;
}

static int running_workers(const struct pool *p)
{
	return live_workers(p, 0, pool_max_workers(p));
}

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

static size_t waiting_jobs(const struct pool *p)
{
	return queue_length(p->for_start) + queue_length(p->queue);
}

/* --- starting workers --- */

int64_t pool_start_at(const struct pool *p, bool urgent)
{
	struct policy_history h = p->history;

	if (urgent)
		h.failures = 0;
	return policy_start_at(&p->limits, &h);
}

/* Start a worker in the empty slot `i`. 0 or -errno. */
static int start_worker(struct pool *p, int i, unsigned generation, const char *reason, struct worker **out)
{
	struct worker *w;
	int err;

	policy_on_start(&p->history, loop_now(p->loop));
	w = worker_start(p->loop, p->settings, i, p->starts, generation, &owner, p);
	if (w == NULL) {
		err = -errno;
		policy_on_failure(&p->history, loop_now(p->loop));
		log_err("Unable to activate worker %d: %s", i, strerror(-err));
		health_on_failure(&p->health, p->history.failures, NULL, strerror(-err));
		pool_poke(p);
		return err;
	}
	p->starts++;
	slots_put(p->slots, i, w);
	if (p->settings->verbose)
		log_info("Starting worker %d (pid %d) (%d running): %s", i, (int)worker_facts(w)->pid,
			 live_workers(p, 0, pool_slots(p)), reason);
	observers_started(&p->observers, worker_facts(w), reason);
	if (out != NULL)
		*out = w;
	return 0;
}

enum claim { CLAIM_OK, CLAIM_NO_SLOT, CLAIM_REFUSED };

/* A worker that is starting and that no job waits for yet, or a new one. */
static enum claim claim_start(struct pool *p, const char *reason)
{
	int i;

	if ((size_t)pool_count(p).starting > queue_length(p->for_start))
		return CLAIM_OK;
	if ((i = slots_find_working(p->slots)) < 0)
		return CLAIM_NO_SLOT;
	if (pool_start_at(p, false) > loop_now(p->loop)) {
		if (p->settings->verbose)
			log_debug("Did not start worker %d: Not enough time elapsed since last worker "
				  "activation",
				  i);
		return CLAIM_REFUSED;
	}
	return start_worker(p, i, reload_generation(p->reload), reason, NULL) == 0 ? CLAIM_OK : CLAIM_REFUSED;
}

int pool_start_candidate(struct pool *p, unsigned generation, const char *reason, struct worker **out)
{
	int i = slots_find_spare(p->slots);

	*out = NULL;
	if (i < 0 && (i = slots_find_working(p->slots)) < 0)
		return 0;
	return start_worker(p, i, generation, reason, out);
}

/* --- ending workers --- */

void pool_swap(struct pool *p, int i, int j)
{
	slots_swap(p->slots, i, j, loop_now(p->loop));
	if (slots_worker(p->slots, j) != NULL)
		observers_moved(&p->observers, slots_facts(p->slots, j), i);
	if (slots_worker(p->slots, i) != NULL)
		observers_moved(&p->observers, slots_facts(p->slots, i), j);
}

/* A worker leaves: its working slot is free for another one at once. */
static void vacate(struct pool *p, struct worker *w)
{
	int i = worker_facts(w)->number, spare;

	if (i < pool_max_workers(p) && (spare = slots_find_spare(p->slots)) >= 0)
		pool_swap(p, i, spare);
}

/* --- who has to go --- */

struct policy_situation pool_situation(const struct pool *p)
{
	return (struct policy_situation){
		.running = running_workers(p),
		.busy = pool_count(p).busy,
		.waiting = waiting_jobs(p),
	};
}

static struct policy_worker policy_view(const struct pool *p, const struct worker *w)
{
	const struct worker_facts *f = worker_facts(w);

	return (struct policy_worker){
		.serial = f->serial,
		.outdated = f->generation < pool_generation(p),
		.requests = (int64_t)f->requests,
		.first_request_ms = f->first_request_ms,
		.idle_since_ms = f->state == WORKER_IDLE ? f->changed_ms : -1,
		.rss_kb = f->rss_kb,
	};
}

struct policy_verdict pool_judge(const struct pool *p, const struct worker *w,
				 const struct policy_situation *around)
{
	struct policy_worker view = policy_view(p, w);

	return policy_judge(&p->limits, &p->history, &view, around, loop_now(p->loop));
}

void pool_reason_text(const struct pool *p, const struct worker *w, enum policy_reason reason,
		      char text[POLICY_TEXT_MAX])
{
	struct policy_worker view = policy_view(p, w);

	policy_text(&p->limits, &view, reason, text);
}

/* End the idle worker if it has to go and needs no successor. The time to ask again, or POLICY_NEVER. */
static int64_t end_if_due(struct pool *p, struct worker *w, struct policy_situation *around)
{
	struct policy_verdict v = pool_judge(p, w, around);
	char text[POLICY_TEXT_MAX];

	if (v.reason == POLICY_KEEP || v.needs_successor)
		return v.next_ms;
	pool_reason_text(p, w, v.reason, text);
	worker_end(w, ENDING_GENTLE, text);
	vacate(p, w);
	around->running--;
	return POLICY_NEVER;
}

bool pool_grow(struct pool *p, const char *reason)
{
	int i = slots_find_working(p->slots);

	if (p->stopping || i < 0 || pool_start_at(p, false) > loop_now(p->loop))
		return false;
	return start_worker(p, i, reload_generation(p->reload), reason, NULL) == 0;
}

bool pool_shrink(struct pool *p, const char *reason)
{
	struct worker *w = slots_idle_count(p->slots) > 0 ? slots_idle(p->slots, 0) : NULL;

	if (p->stopping || w == NULL)
		return false;
	worker_end(w, ENDING_GENTLE, reason);
	vacate(p, w);
	return true;
}

/* --- giving jobs to workers --- */

static void job_answer(struct job *job, const char *answer, size_t len)
{
	if (job->done != NULL)
		job->done(job, answer, len, job->arg);
	job_free(job);
}

static void job_refuse(const struct pool *p, struct job *job, const char *reply)
{
	observers_refused(&p->observers, job, reply);
	job_answer(job, reply, strlen(reply));
}

static struct worker *choose(struct pool *p, enum job_class wanted)
{
	struct policy_situation around = pool_situation(p);
	int n = slots_idle_count(p->slots);

	for (int i = 0; i < n; i++) {
		const struct worker *w = slots_idle(p->slots, i);

		p->choices[i] = (struct policy_choice){
			.serial = worker_facts(w)->serial,
			.last_class = worker_facts(w)->last_class,
			.leaving = pool_judge(p, w, &around).reason != POLICY_KEEP,
		};
	}
	return slots_idle(p->slots, (int)policy_choose(p->choices, (size_t)n, wanted));
}

static bool give(struct pool *p, struct job *job)
{
	while (slots_idle_count(p->slots) > 0) {
		struct worker *w = choose(p, job->class);

		if (worker_give(w, job)) {
			observers_given(&p->observers, worker_facts(w), job);
			return true;
		}
	}
	return false;
}

/* Idle workers to waiting jobs, oldest first. */
static void serve(struct pool *p)
{
	while (slots_idle_count(p->slots) > 0 && waiting_jobs(p) > 0) {
		struct queue *q = queue_length(p->for_start) > 0 ? p->for_start : p->queue;
		struct job *job = queue_first(q);

		queue_remove(q, job);
		if (!give(p, job)) {
			queue_push_front(q, job);
			return;
		}
	}
}

static const char *refusal(const struct pool *p, const struct job *job, enum claim claim)
{
	if (p->settings->verbose && job->origin == JOB_OF_CLIENT && queue_limit(p->queue) > 0)
		log_info("Cannot queue request: request queue is full");
	if (claim == CLAIM_REFUSED)
		return CANNOT_ACTIVATE;
	if (p->settings->verbose)
		log_warn("No free workers");
	return NO_FREE_WORKERS;
}

static void start_reason(const struct job *job, char *reason, size_t room)
{
	if (job->origin == JOB_OF_MAP)
		snprintf(reason, room, "About to handle map request");
	else if (job->origin == JOB_OF_TICK)
		snprintf(reason, room, "About to run tick");
	else if (job->class == JOB_CLASS_SCAN)
		snprintf(reason, room, "About to perform scan");
	else
		snprintf(reason, room, "About to execute command '%.40s'", job->tag);
}

/* Requests about recipients of the domain that workers have, or that a worker is starting for. */
static int64_t jobs_of_domain(const struct pool *p, const char *domain)
{
	int64_t n = 0;

	for (int i = 0; i < pool_slots(p); i++)
		n += strcasecmp(slots_facts(p->slots, i)->domain, domain) == 0;
	for (const struct job *job = queue_first(p->for_start); job != NULL; job = TAILQ_NEXT(job, link))
		n += strcasecmp(job->domain, domain) == 0;
	return n;
}

/* With -y a slow domain may not take all workers; a limit of all of them is none. */
static bool domain_is_full(const struct pool *p, const struct job *job)
{
	int64_t limit = p->settings->domain_limit;

	if (limit == 0 || limit >= pool_max_workers(p) || job->domain[0] == '\0' ||
	    jobs_of_domain(p, job->domain) < limit)
		return false;
	if (p->settings->verbose)
		log_warn("Hit per-domain recipok limit (%lld) for domain %s", (long long)limit, job->domain);
	return true;
}

static const char *submit(struct pool *p, struct job *job)
{
	enum claim claim = CLAIM_NO_SLOT;
	char reason[80];

	if (p->stopping)
		return SHUTTING_DOWN;
	if (domain_is_full(p, job))
		return DOMAIN_LIMIT_HIT;
	serve(p); /* who waits comes first: an idle worker that remains is for the new job */
	if (give(p, job))
		return NULL;
	start_reason(job, reason, sizeof(reason));
	if (queue_length(p->queue) == 0)
		claim = claim_start(p, reason);
	if (claim == CLAIM_OK)
		return queue_push(p->for_start, job, 0) == 0 ? NULL : NO_FREE_WORKERS;
	if (job->origin != JOB_OF_CLIENT ||
	    queue_push(p->queue, job, loop_now(p->loop) + p->settings->queue_ms) < 0)
		return refusal(p, job, claim);
	observers_queued(&p->observers, job);
	if (p->settings->verbose)
		log_info("All workers are busy: Queueing request (%zu queued)", queue_length(p->queue));
	pool_poke(p);
	return NULL;
}

const char *pool_submit(struct pool *p, struct job *job)
{
	const char *reply = submit(p, job);

	if (reply != NULL)
		observers_refused(&p->observers, job, reply);
	return reply;
}

void pool_cancel(struct pool *p, struct job *job)
{
	job->done = NULL;
	if (job->queue == NULL)
		return; /* the worker's answer will be dropped */
	queue_remove(job->queue, job);
	job_free(job);
	pool_poke(p);
}

/* --- what workers report --- */

static void on_start_failure(struct pool *p)
{
	int64_t pause;

	if (p->stopping)
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
		on_start_failure(p);
	observers_changed(&p->observers, worker_facts(w), from, to);
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
		return SHUTTING_DOWN;
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
	job_answer(job, line, len);
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
		(void)end_if_due(p, w, &around); /* a pass follows anyway */
	serve(p);
}

static void on_ended(struct worker *w, void *arg)
{
	struct pool *p = arg;

	if (!worker_facts(w)->was_ready && !p->stopping)
		health_on_failure(&p->health, p->history.failures, worker_last_words(w), worker_end_text(w));
	reload_on_ended(p->reload, w);
	succession_on_ended(p->succession, w);
	worker_free(slots_take(p->slots, worker_facts(w)->number, loop_now(p->loop)));
	pool_poke(p);
}

static const struct worker_owner owner = {
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
}

/* --- the pass --- */

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t end_due_workers(struct pool *p)
{
	struct policy_situation around = pool_situation(p);
	int64_t next = POLICY_NEVER;

	/* An end takes the worker out of the list; those before it stay where they are. */
	for (int i = slots_idle_count(p->slots); i-- > 0;)
		next = earlier_of(next, end_if_due(p, slots_idle(p->slots, i), &around));
	return next;
}

static int64_t expire_queue(struct pool *p, int64_t now)
{
	struct job *job;

	while ((job = queue_pop_expired(p->queue, now)) != NULL)
		job_refuse(p, job, "error: Queued request timed out\n");
	return queue_deadline(p->queue);
}

/* A worker that has left by itself, or out of step, makes room too. One that had to be ended by force keeps
 * its slot until it is dead, as with MIMEDefang: so a pool full of stuck workers does not double. */
static void vacate_all(struct pool *p)
{
	for (int i = 0; i < pool_max_workers(p); i++) {
		const struct worker_facts *f = slots_facts(p->slots, i);

		if (f->state == WORKER_KILLED && !f->forced)
			vacate(p, slots_worker(p->slots, i));
	}
}

/* A start has failed that a job was waiting for. */
static void refuse_unclaimed(struct pool *p)
{
	while (queue_length(p->for_start) > (size_t)pool_count(p).starting)
		job_refuse(p, queue_pop(p->for_start), CANNOT_ACTIVATE);
}

/* A slot has become free while jobs were queued. */
static int64_t start_for_queue(struct pool *p, int64_t now)
{
	int64_t at = pool_start_at(p, false);

	while (queue_length(p->queue) > 0 && at <= now && claim_start(p, "Requests are queued") == CLAIM_OK) {
		queue_push(p->for_start, queue_pop(p->queue), 0);
		at = pool_start_at(p, false);
	}
	if (queue_length(p->queue) == 0 || slots_find_working(p->slots) < 0)
		return POLICY_NEVER;
	return at;
}

static int64_t fill(struct pool *p, int64_t now)
{
	int running = running_workers(p), i;
	int64_t at;
	char reason[80];

	if (running >= p->limits.min_workers) {
		p->short_of_workers = false;
		return POLICY_NEVER;
	}
	if (!p->short_of_workers) {
		p->short_of_workers = true;
		policy_on_shortage(&p->limits, &p->history, now);
	}
	if ((i = slots_find_working(p->slots)) < 0)
		return POLICY_NEVER;
	if ((at = policy_fill_at(&p->limits, &p->history, running)) > now)
		return at;
	snprintf(reason, sizeof(reason), "Bringing workers up to minWorkers (%d)", p->limits.min_workers);
	(void)start_worker(p, i, reload_generation(p->reload), reason, NULL);
	return policy_fill_at(&p->limits, &p->history, running + 1);
}

static void on_pass(void *arg)
{
	struct pool *p = arg;
	int64_t now = loop_now(p->loop), next;

	if (p->stopping) {
		if (live_workers(p, 0, pool_slots(p)) == 0)
			p->stopped(p->stopped_arg);
		return;
	}
	serve(p);
	vacate_all(p);
	next = end_due_workers(p);
	refuse_unclaimed(p);
	next = earlier_of(next, start_for_queue(p, now));
	next = earlier_of(next, expire_queue(p, now));
	next = earlier_of(next, fill(p, now));
	next = earlier_of(next, reload_pass(p->reload, now));
	if (!reload_is_running(p->reload))
		next = earlier_of(next, succession_pass(p->succession, now));
	if (next != POLICY_NEVER)
		timer_set(p->pass, next - now);
}

void pool_begin(struct pool *p)
{
	on_pass(p);
}

/* --- the end --- */

void pool_stop(struct pool *p, void (*stopped)(void *arg), void *arg)
{
	struct job *job;

	p->stopping = true;
	p->stopped = stopped;
	p->stopped_arg = arg;
	while ((job = queue_pop(p->for_start)) != NULL || (job = queue_pop(p->queue)) != NULL)
		job_refuse(p, job, SHUTTING_DOWN);
	reload_stop(p->reload);
	for (int i = 0; i < pool_slots(p); i++) {
		if (slots_worker(p->slots, i) != NULL)
			worker_end(slots_worker(p->slots, i), ENDING_SHUTDOWN, "Shutting down");
	}
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
