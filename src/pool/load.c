#include "pool/load.h"

#include "proto/latency.h"

#include <stdlib.h>

struct second {
	int64_t at; /* which one this is: the ring is reused without being cleared */
	struct load_churn churn;
	struct load_sums sums[LOAD_CLASSES];
};

struct hour {
	int64_t at;
	struct load_sums sums[LOAD_CLASSES];
};

struct load {
	int max_workers;
	unsigned long *histogram; /* [busy - 1] */
	struct second seconds[LOAD_MAX_SECONDS];
	struct hour hours[LOAD_MAX_HOURS];
	struct load_sums total[LOAD_CLASSES];
	unsigned long latency[LOAD_CLASSES][LATENCY_RANGES];
};

struct load *load_new(int max_workers)
{
	struct load *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->max_workers = max_workers;
	if ((l->histogram = calloc((size_t)max_workers, sizeof(*l->histogram))) == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void load_free(struct load *l)
{
	if (l == NULL)
		return;
	free(l->histogram);
	free(l);
}

/* --- recording --- */

static size_t place(int64_t at, int n)
{
	return (size_t)(((at % n) + n) % n);
}

static struct second *second_at(struct load *l, int64_t at)
{
	struct second *s = &l->seconds[place(at, LOAD_MAX_SECONDS)];

	if (s->at != at)
		*s = (struct second){ .at = at };
	return s;
}

static struct hour *hour_at(struct load *l, int64_t at)
{
	struct hour *h = &l->hours[place(at, LOAD_MAX_HOURS)];

	if (h->at != at)
		*h = (struct hour){ .at = at };
	return h;
}

/* Put what `s` holds, not nothing, into `sum`. */
static void sums_add(struct load_sums *sum, const struct load_sums *s)
{
	if (sum->finished == 0 || s->first_s < sum->first_s)
		sum->first_s = s->first_s;
	if (sum->finished == 0 || s->last_s > sum->last_s)
		sum->last_s = s->last_s;
	sum->finished += s->finished;
	sum->busy += s->busy;
	sum->run_ms += s->run_ms;
}

void load_on_start(struct load *l, struct load_time now)
{
	second_at(l, now.mono_s)->churn.started++;
}

void load_on_reap(struct load *l, struct load_time now)
{
	second_at(l, now.mono_s)->churn.reaped++;
}

void load_on_busy(struct load *l, int busy)
{
	int most = busy > l->max_workers ? l->max_workers : busy;

	l->histogram[most < 1 ? 0 : most - 1]++;
}

void load_on_finish(struct load *l, enum job_class class, int busy, int64_t run_ms, struct load_time now)
{
	struct load_sums one = {
		.finished = 1,
		.busy = busy < 1 ? 1 : (unsigned long)busy,
		.run_ms = run_ms,
		.first_s = now.wall_s,
		.last_s = now.wall_s,
	};

	if (class < 0)
		return;
	sums_add(&second_at(l, now.mono_s)->sums[class], &one);
	sums_add(&hour_at(l, now.wall_s / 3600)->sums[class], &one);
	sums_add(&l->total[class], &one);
	l->latency[class][latency_range(run_ms)]++;
}

/* --- reading --- */

struct load_sums load_seconds(const struct load *l, enum job_class class, int seconds, struct load_time now)
{
	struct load_sums sum = { 0 };

	for (int64_t at = now.mono_s - seconds + 1; at <= now.mono_s; at++) {
		const struct second *s = &l->seconds[place(at, LOAD_MAX_SECONDS)];

		if (s->at == at && s->sums[class].finished > 0)
			sums_add(&sum, &s->sums[class]);
	}
	return sum;
}

struct load_churn load_churn(const struct load *l, int seconds, struct load_time now)
{
	struct load_churn sum = { 0 };

	for (int64_t at = now.mono_s - seconds + 1; at <= now.mono_s; at++) {
		const struct second *s = &l->seconds[place(at, LOAD_MAX_SECONDS)];

		if (s->at != at)
			continue;
		sum.started += s->churn.started;
		sum.reaped += s->churn.reaped;
	}
	return sum;
}

struct load_sums load_hours(const struct load *l, enum job_class class, int hours, struct load_time now)
{
	struct load_sums sum = { 0 };
	int64_t hour = now.wall_s / 3600;

	for (int64_t at = hour - hours + 1; at <= hour; at++) {
		const struct hour *h = &l->hours[place(at, LOAD_MAX_HOURS)];

		if (h->at == at && h->sums[class].finished > 0)
			sums_add(&sum, &h->sums[class]);
	}
	return sum;
}

struct load_sums load_total(const struct load *l, enum job_class class)
{
	return l->total[class];
}

double load_mean_busy(const struct load_sums *s, double none)
{
	return s->finished == 0 ? none : (double)s->busy / (double)s->finished;
}

double load_mean_ms(const struct load_sums *s)
{
	return s->finished == 0 ? 0.0 : (double)s->run_ms / (double)s->finished;
}

unsigned long load_histogram(const struct load *l, int busy)
{
	return l->histogram[busy - 1];
}

int load_max_workers(const struct load *l)
{
	return l->max_workers;
}

unsigned long load_latency(const struct load *l, enum job_class class, int i)
{
	return l->latency[class][i];
}
