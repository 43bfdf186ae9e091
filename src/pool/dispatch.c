#include "pool/dispatch.h"

#include "base/log.h"
#include "pool/pool_core.h"
#include "pool/staff.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NO_FREE_WORKERS "error: No free workers\n"
#define DYING_MS 1000 /* so long may pass between the end of a worker's output and that of its process */
#define DOMAIN_LIMIT_HIT "ok -1 Per-domain%20recipok%20limit%20hit;%20please%20try%20again%20later\n"

size_t dispatch_waiting(const struct pool *p)
{
	return queue_length(p->for_start) + queue_length(p->queue);
}

void dispatch_answer(struct job *job, const char *answer, size_t len)
{
	if (job->done != NULL)
		job->done(job, answer, len, job->arg);
	job_free(job);
}

void dispatch_refuse(const struct pool *p, struct job *job, const char *reply)
{
	observers_refused(&p->observers, job, reply);
	dispatch_answer(job, reply, strlen(reply));
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
			job->given_ms = loop_now(p->loop);
			job->worker = worker_facts(w)->known_as;
			observers_given(&p->observers, worker_facts(w), job);
			return true;
		}
	}
	return false;
}

void dispatch_serve(struct pool *p)
{
	while (slots_idle_count(p->slots) > 0 && dispatch_waiting(p) > 0) {
		struct queue *q = queue_length(p->for_start) > 0 ? p->for_start : p->queue;
		struct job *job = queue_first(q);

		queue_remove(q, job);
		if (!give(p, job)) {
			queue_push_front(q, job);
			return;
		}
	}
}

static const char *refusal(const struct pool *p, const struct job *job, enum staff_claim claim)
{
	if (p->settings->verbose && job->origin == JOB_OF_CLIENT && queue_limit(p->queue) > 0)
		log_info("Cannot queue request: request queue is full");
	if (claim == STAFF_REFUSED)
		return POOL_CANNOT_ACTIVATE;
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

/* Whether a worker was lost that a job in p->for_start waits for. If another is started, its slot is that
 * job's. */
static bool is_unsettled(const struct pool *p)
{
	return queue_length(p->for_start) > (size_t)pool_count(p).starting;
}

/* A worker for one more job in p->for_start. */
static enum staff_claim claim(struct pool *p, const char *reason)
{
	return is_unsettled(p) ? STAFF_NO_SLOT : staff_claim(p, reason);
}

static const char *submit(struct pool *p, struct job *job)
{
	enum staff_claim claimed = STAFF_NO_SLOT;
	char reason[80];

	if (p->stopping)
		return DISPATCH_SHUTTING_DOWN;
	if (domain_is_full(p, job))
		return DOMAIN_LIMIT_HIT;
	dispatch_serve(p); /* who waits comes first: an idle worker that remains is for the new job */
	if (give(p, job))
		return NULL;
	start_reason(job, reason, sizeof(reason));
	if (queue_length(p->queue) == 0)
		claimed = claim(p, reason);
	if (claimed == STAFF_CLAIMED)
		return queue_push(p->for_start, job, 0) == 0 ? NULL : NO_FREE_WORKERS;
	if (job->origin != JOB_OF_CLIENT ||
	    queue_push(p->queue, job, loop_now(p->loop) + p->settings->queue_ms) < 0)
		return refusal(p, job, claimed);
	observers_queued(&p->observers, job);
	if (p->settings->verbose)
		log_info("All workers are busy: Queueing request (%zu queued)", queue_length(p->queue));
	pool_poke(p);
	return NULL;
}

const char *pool_submit(struct pool *p, struct job *job)
{
	const char *reply;

	job->submitted_ms = loop_now(p->loop);
	reply = submit(p, job);
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

void dispatch_refuse_all(struct pool *p, const char *reply)
{
	struct job *job;

	while ((job = queue_pop(p->for_start)) != NULL || (job = queue_pop(p->queue)) != NULL)
		dispatch_refuse(p, job, reply);
}

/* Workers that have hung up before their first answer, and will soon have been waited for: then it is known
 * why. *next becomes earlier if it has to, to come again when that takes too long. */
static int dying_at_birth(const struct pool *p, int64_t now, int64_t *next)
{
	int n = 0;

	for (int i = 0; i < pool_slots(p); i++) {
		const struct worker_facts *f = slots_facts(p->slots, i);

		if (f->state != WORKER_KILLED || !f->lost || f->was_ready || f->changed_ms + DYING_MS <= now)
			continue;
		*next = policy_earlier(*next, f->changed_ms + DYING_MS);
		n++;
	}
	return n;
}

int64_t dispatch_mend_claims(struct pool *p, int64_t now)
{
	int64_t next = POLICY_NEVER;
	int dying = dying_at_birth(p, now, &next);

	while (queue_length(p->for_start) > (size_t)(pool_count(p).starting + dying)) {
		if (!policy_may_repeat(&p->history) ||
		    staff_claim(p, "The worker that was starting is gone") != STAFF_CLAIMED)
			dispatch_refuse(p, queue_pop(p->for_start), POOL_CANNOT_ACTIVATE);
	}
	return is_unsettled(p) ? next : POLICY_NEVER;
}

/* A slot has become free while jobs were queued. */
int64_t dispatch_start_for_queue(struct pool *p, int64_t now)
{
	int64_t at = pool_start_at(p, false);

	while (queue_length(p->queue) > 0 && at <= now && claim(p, "Requests are queued") == STAFF_CLAIMED) {
		int err = queue_push(p->for_start, queue_pop(p->queue), 0);

		assert(err == 0); /* no more jobs than workers that start */
		at = pool_start_at(p, false);
	}
	if (queue_length(p->queue) == 0 || is_unsettled(p) || slots_find_working(p->slots) < 0)
		return POLICY_NEVER;
	return at;
}

int64_t dispatch_expire(struct pool *p, int64_t now)
{
	struct job *job;

	while ((job = queue_pop_expired(p->queue, now)) != NULL)
		dispatch_refuse(p, job, "error: Queued request timed out\n");
	return queue_deadline(p->queue);
}
