#include "pool/tick.h"

#include "base/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tick {
	struct ticks *all;
	int k;
	struct timer *timer;
	struct job *job; /* that runs now, or waits for the start of a worker */
};

struct ticks {
	struct pool *pool;
	int64_t interval_ms;
	bool stopped;
	int n;
	struct tick ticks[];
};

static void tick_again(struct tick *t)
{
	if (!t->all->stopped)
		timer_set(t->timer, t->all->interval_ms);
}

static void tick_skip(const struct tick *t, const char *refusal)
{
	if (t->all->stopped)
		return;
	if (strstr(refusal, "No free workers") != NULL)
		log_warn("Tick %d skipped -- no free workers", t->k);
	else
		log_warn("Tick %d skipped -- unable to activate worker", t->k);
}

/* What the worker said is of no interest. */
static void on_job_done(struct job *job, const char *answer, size_t len, void *arg)
{
	struct tick *t = arg;

	t->job = NULL;
	if (job->end == JOB_REFUSED)
		tick_skip(t, answer);
	tick_again(t);
}

static void on_timer(void *arg)
{
	struct tick *t = arg;
	char line[32];
	struct job *job;
	const char *refusal = "error: Out of memory\n";

	snprintf(line, sizeof(line), "tick %d", t->k);
	if ((job = job_new(line, NULL, on_job_done, t)) != NULL) {
		job->origin = JOB_OF_TICK;
		if ((refusal = pool_submit(t->all->pool, job)) == NULL) {
			t->job = job;
			return;
		}
		job_free(job);
	}
	tick_skip(t, refusal);
	tick_again(t);
}

struct ticks *ticks_new(struct loop *loop, struct pool *pool, int n, int64_t interval_ms)
{
	struct ticks *all = calloc(1, sizeof(*all) + (size_t)n * sizeof(all->ticks[0]));

	if (all == NULL)
		return NULL;
	all->pool = pool;
	all->interval_ms = interval_ms;
	for (int k = 0; k < n; k++) {
		struct tick *t = &all->ticks[k];

		t->all = all;
		t->k = k;
		if ((t->timer = timer_new(loop, on_timer, t)) == NULL) {
			ticks_free(all);
			return NULL;
		}
		all->n++;
		tick_again(t);
	}
	return all;
}

void ticks_stop(struct ticks *all)
{
	if (all == NULL)
		return;
	all->stopped = true;
	for (int k = 0; k < all->n; k++)
		timer_clear(all->ticks[k].timer);
}

void ticks_free(struct ticks *all)
{
	if (all == NULL)
		return;
	for (int k = 0; k < all->n; k++) {
		if (all->ticks[k].job != NULL)
			pool_cancel(all->pool, all->ticks[k].job);
		timer_free(all->ticks[k].timer);
	}
	free(all);
}
