#include "pool/succession.h"

#include "base/log.h"
#include "pool/policy.h"
#include "pool/pool.h"
#include "pool/slots.h"

#include <stdlib.h>

struct succession {
	struct pool *pool;
	struct slots *slots;
	const struct worker **successors; /* that have not become ready yet */
	int n_successors, limit;
};

struct succession *succession_new(struct pool *pool, struct slots *slots)
{
	struct succession *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->pool = pool;
	s->slots = slots;
	s->limit = policy_replacements(slots_working(slots));
	if ((s->successors = calloc((size_t)s->limit, sizeof(struct worker *))) == NULL) {
		succession_free(s);
		return NULL;
	}
	return s;
}

void succession_free(struct succession *s)
{
	if (s == NULL)
		return;
	free(s->successors);
	free(s);
}

/* Count the workers that wait for a successor. *idle and *busy become one of each, or NULL. */
static int find_leaving(const struct succession *s, struct worker **idle, struct worker **busy)
{
	struct policy_situation around = pool_situation(s->pool);
	int n = 0;

	*idle = *busy = NULL;
	for (int i = 0; i < slots_working(s->slots); i++) {
		enum worker_state state = slots_facts(s->slots, i)->state;
		struct worker *w = slots_worker(s->slots, i);

		if (state != WORKER_IDLE && state != WORKER_BUSY)
			continue;
		if (!pool_judge(s->pool, w, &around).needs_successor)
			continue;
		n++;
		if (state == WORKER_IDLE && *idle == NULL)
			*idle = w;
		if (state == WORKER_BUSY && *busy == NULL)
			*busy = w;
	}
	return n;
}

int64_t succession_pass(struct succession *s, int64_t now_ms)
{
	struct worker *idle, *busy, *new;
	int64_t at;
	int wanted;

	if (s->n_successors >= s->limit)
		return POLICY_NEVER;
	wanted = find_leaving(s, &idle, &busy);
	if (wanted > s->limit)
		wanted = s->limit;
	while (s->n_successors < wanted) {
		if ((at = pool_start_at(s->pool, false)) > now_ms)
			return at;
		/* A failure to start counts in the pool's history, which puts the next try off. */
		if (pool_start_candidate(s->pool, pool_generation(s->pool),
					 "Replacing a worker that has to go", &new) < 0 ||
		    new == NULL)
			return POLICY_NEVER;
		s->successors[s->n_successors++] = new;
	}
	return POLICY_NEVER;
}

/* Whether `w` was among the successors, and no longer is. */
static bool forget(struct succession *s, const struct worker *w)
{
	for (int i = 0; i < s->n_successors; i++) {
		if (s->successors[i] == w) {
			s->successors[i] = s->successors[--s->n_successors];
			return true;
		}
	}
	return false;
}

bool succession_on_ready(struct succession *s, const struct worker *w)
{
	return forget(s, w);
}

/* The two change places in one step: the number of ready workers stays what it was. */
static void replace(struct succession *s, struct worker *old, struct worker *new)
{
	struct policy_situation around = pool_situation(s->pool);
	char reason[POLICY_TEXT_MAX];

	pool_reason_text(s->pool, old, pool_judge(s->pool, old, &around).reason, reason);
	pool_swap(s->pool, worker_facts(old)->number, worker_facts(new)->number);
	if (worker_facts(old)->state == WORKER_IDLE)
		worker_end(old, ENDING_GENTLE, reason);
	else
		worker_retire(old, reason);
}

void succession_install(struct succession *s, struct worker *w)
{
	int number = worker_facts(w)->number, i;
	struct worker *idle, *busy;

	if (number < slots_working(s->slots))
		return; /* for want of a spare slot it got a working one */
	if (worker_facts(w)->generation < pool_generation(s->pool))
		worker_end(w, ENDING_GENTLE, "New generation -- its filter is not the present one");
	else if (find_leaving(s, &idle, &busy) > 0)
		replace(s, idle != NULL ? idle : busy, w);
	else if ((i = slots_find_working(s->slots)) >= 0)
		pool_swap(s->pool, i, number);
	else
		worker_end(w, ENDING_GENTLE, "Nothing is left to replace");
}

void succession_on_ended(struct succession *s, const struct worker *w)
{
	if (forget(s, w) && worker_facts(w)->lost) /* by us: we are shutting down */
		log_err("Worker %d could not replace another: it %s", worker_facts(w)->number,
			worker_end_text(w));
}
