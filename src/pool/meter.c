#include "pool/meter.h"

#include "base/clock.h"
#include "pool/pool.h"

#include <stdlib.h>

struct meter {
	struct pool *pool;
	struct pool_observer observer;
	struct load *load;
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

	load_on_start(m->load, meter_now(m));
}

static void on_ended(const struct worker_facts *w, bool was_expected, void *arg)
{
	struct meter *m = arg;

	load_on_reap(m->load, meter_now(m));
}

static void on_given(const struct worker_facts *w, const struct job *job, void *arg)
{
	struct meter *m = arg;

	load_on_busy(m->load, pool_count(m->pool).busy);
}

static void on_answered(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			int64_t run_ms, void *arg)
{
	struct meter *m = arg;

	load_on_finish(m->load, job->class, pool_count(m->pool).busy, run_ms, meter_now(m));
}

struct meter *meter_new(struct pool *p)
{
	struct meter *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	if ((m->load = load_new(pool_max_workers(p))) == NULL) {
		free(m);
		return NULL;
	}
	m->pool = p;
	m->observer = (struct pool_observer){
		.arg = m,
		.started = on_started,
		.ended = on_ended,
		.given = on_given,
		.answered = on_answered,
	};
	pool_observe(p, &m->observer);
	return m;
}

void meter_free(struct meter *m)
{
	if (m == NULL)
		return;
	load_free(m->load);
	free(m);
}

const struct load *meter_load(const struct meter *m)
{
	return m->load;
}
