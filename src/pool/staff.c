#include "pool/staff.h"

#include "base/log.h"
#include "pool/dispatch.h"
#include "pool/pool_core.h"
#include "pool/reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int staff_live(const struct pool *p, int from, int to)
{
	int n = 0;

	for (int i = from; i < to; i++)
		n += slots_worker(p->slots, i) != NULL;
	return n;
}

int staff_running(const struct pool *p)
{
	return staff_live(p, 0, pool_max_workers(p));
}

/* --- starting workers --- */

int64_t pool_start_at(const struct pool *p, bool urgent)
{
	struct policy_history h = p->history;

	if (urgent)
		h.failures = 0;
	return policy_start_at(&p->limits, &h);
}

/* The pid of one that a template forks comes later. */
static void start_log(const struct pool *p, const struct worker_facts *f, const char *reason)
{
	int running = staff_live(p, 0, pool_slots(p));

	if (!p->settings->verbose)
		return;
	if (f->pid > 0)
		log_info("Starting worker %d (pid %d) (%d running): %s", f->number, (int)f->pid, running,
			 reason);
	else
		log_info("Starting worker %d (%d running): %s", f->number, running, reason);
}

/* Start a worker in the empty slot `i`. 0 or -errno. */
static int staff_start(struct pool *p, int i, unsigned generation, const char *reason, struct worker **out)
{
	struct worker *w;
	int err;

	policy_on_start(&p->history, loop_now(p->loop));
	w = worker_start(p->loop, p->settings, p->templates, i, p->starts, generation, &pool_worker_owner, p);
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
	start_log(p, worker_facts(w), reason);
	observers_started(&p->observers, worker_facts(w), reason);
	if (out != NULL)
		*out = w;
	return 0;
}

/* A worker that is starting and that no job waits for yet, or a new one. */
enum staff_claim staff_claim(struct pool *p, const char *reason)
{
	int i;

	if ((size_t)pool_count(p).starting > queue_length(p->for_start))
		return STAFF_CLAIMED;
	if ((i = slots_find_working(p->slots)) < 0)
		return STAFF_NO_SLOT;
	if (pool_start_at(p, false) > loop_now(p->loop)) {
		if (p->settings->verbose)
			log_debug("Did not start worker %d: Not enough time elapsed since last worker "
				  "activation",
				  i);
		return STAFF_REFUSED;
	}
	return staff_start(p, i, reload_generation(p->reload), reason, NULL) == 0 ? STAFF_CLAIMED
										  : STAFF_REFUSED;
}

int pool_start_candidate(struct pool *p, unsigned generation, const char *reason, struct worker **out)
{
	int i = slots_find_spare(p->slots);

	*out = NULL;
	if (i < 0 && (i = slots_find_working(p->slots)) < 0)
		return 0;
	return staff_start(p, i, generation, reason, out);
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
		.running = staff_running(p),
		.busy = pool_count(p).busy,
		.waiting = dispatch_waiting(p),
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
int64_t staff_end_if_due(struct pool *p, struct worker *w, struct policy_situation *around)
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
	return staff_start(p, i, reload_generation(p->reload), reason, NULL) == 0;
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

int64_t staff_end_due(struct pool *p)
{
	struct policy_situation around = pool_situation(p);
	int64_t next = POLICY_NEVER;

	/* An end takes the worker out of the list; those before it stay where they are. */
	for (int i = slots_idle_count(p->slots); i-- > 0;)
		next = policy_earlier(next, staff_end_if_due(p, slots_idle(p->slots, i), &around));
	return next;
}

/* A worker that has left by itself, or out of step, makes room too. One that had to be ended by force keeps
 * its slot until it is dead, as with MIMEDefang: so a pool full of stuck workers does not double. */
void staff_vacate_all(struct pool *p)
{
	for (int i = 0; i < pool_max_workers(p); i++) {
		const struct worker_facts *f = slots_facts(p->slots, i);

		if (f->state == WORKER_KILLED && !f->forced)
			vacate(p, slots_worker(p->slots, i));
	}
}

int64_t staff_fill(struct pool *p, int64_t now)
{
	int running = staff_running(p), i;
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
	(void)staff_start(p, i, reload_generation(p->reload), reason, NULL);
	return policy_fill_at(&p->limits, &p->history, running + 1);
}
