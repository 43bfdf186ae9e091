#include "pool/meter.h"

#include "base/clock.h"
#include "pool/pool.h"

#include <stdlib.h>

struct meter {
	struct pool *pool;
	struct pool_observer observer;
	struct load *load;
	struct meter_totals totals;
	struct meter_slot *slots;
};

struct load_time meter_now(const struct meter *m)
{
	return (struct load_time){
		.mono_s = pool_now(m->pool) / 1000,
		.wall_s = clock_wall_ms() / 1000,
	};
}

static void on_started(const struct worker_facts *w, const char *reason, void *arg)
{
	struct meter *m = arg;
	int alive = 0;

	for (int i = 0; i < pool_slots(m->pool); i++)
		alive += pool_worker(m->pool, i) != NULL;
	if (alive > m->totals.peak)
		m->totals.peak = alive;
	m->slots[w->number].processes++;
	load_on_start(m->load, meter_now(m));
}

static void on_moved(const struct worker_facts *w, int old_number, void *arg)
{
	struct meter *m = arg;
	bool working = w->state == WORKER_BUSY || w->state == WORKER_RETIRING;

	m->slots[w->number].processes++;
	m->slots[w->number].accepted += (int64_t)w->requests +
					working; /* now of a process that has had this slot */
}

static void on_ended(const struct worker_facts *w, bool was_expected, void *arg)
{
	struct meter *m = arg;

	m->totals.deaths += !was_expected;
	load_on_reap(m->load, meter_now(m));
}

static void on_given(const struct worker_facts *w, const struct job *job, void *arg)
{
	struct meter *m = arg;

	m->slots[w->number].accepted++;
	load_on_busy(m->load, pool_count(m->pool).busy);
}

static void on_answered(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			int64_t run_ms, void *arg)
{
	struct meter *m = arg;

	load_on_finish(m->load, job->class, pool_count(m->pool).busy, run_ms, meter_now(m));
}

static void on_queued(const struct job *job, void *arg)
{
	struct meter *m = arg;

	m->totals.limit_hits++;
}

static void on_refused(const struct job *job, const char *reply, void *arg)
{
	struct meter *m = arg;

	if (job->deadline_ms == 0) /* it was not counted when it was queued */
		m->totals.limit_hits++;
}

struct meter *meter_new(struct pool *p)
{
	struct meter *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	if ((m->load = load_new(pool_max_workers(p))) == NULL ||
	    (m->slots = calloc((size_t)pool_slots(p), sizeof(*m->slots))) == NULL) {
		meter_free(m);
		return NULL;
	}
	m->pool = p;
	m->observer = (struct pool_observer){
		.arg = m,
		.started = on_started,
		.moved = on_moved,
		.ended = on_ended,
		.given = on_given,
		.answered = on_answered,
		.queued = on_queued,
		.refused = on_refused,
	};
	pool_observe(p, &m->observer);
	return m;
}

void meter_free(struct meter *m)
{
	if (m == NULL)
		return;
	load_free(m->load);
	free(m->slots);
	free(m);
}

const struct load *meter_load(const struct meter *m)
{
	return m->load;
}

struct meter_totals meter_totals(const struct meter *m)
{
	return m->totals;
}

struct meter_slot meter_slot(const struct meter *m, int i)
{
	return m->slots[i];
}
