#include "pool/policy.h"

#include <assert.h>
#include <stdbool.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 60000

/* How many times -r a worker may handle while requests wait. */
#define PRESSURE 3

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void policy_history_init(struct policy_history *h)
{
	*h = (struct policy_history){
		.started_ms = POLICY_LONG_AGO,
		.filled_ms = POLICY_LONG_AGO,
		.failed_ms = POLICY_LONG_AGO,
	};
}

void policy_on_start(struct policy_history *h, int64_t now_ms)
{
	h->started_ms = now_ms;
	h->filled_ms = now_ms;
}

void policy_on_ready(struct policy_history *h)
{
	h->failures = 0;
}

void policy_on_failure(struct policy_history *h, int64_t now_ms)
{
	h->failures++;
	h->failed_ms = now_ms;
}

void policy_on_shortage(const struct policy_limits *l, struct policy_history *h, int64_t now_ms)
{
	/* A pace that is running is not prolonged: many ends would put the replacement off for ever. */
	if (h->filled_ms + l->fill_ms <= now_ms)
		h->filled_ms = now_ms;
}

int64_t policy_backoff(int failures)
{
	int64_t ms = BACKOFF_FIRST_MS;

	if (failures <= 1)
		return 0;
	for (int i = 2; i < failures && ms < BACKOFF_MOST_MS; i++)
		ms *= 2;
	return earlier_of(ms, BACKOFF_MOST_MS);
}

int64_t policy_start_at(const struct policy_limits *l, const struct policy_history *h)
{
	return later_of(h->started_ms + l->spacing_ms, h->failed_ms + policy_backoff(h->failures));
}

int64_t policy_fill_at(const struct policy_limits *l, const struct policy_history *h, int running)
{
	if (running >= l->min_workers)
		return POLICY_NEVER;
	return later_of(h->filled_ms + l->fill_ms, policy_start_at(l, h));
}

enum policy_fate policy_fate(const struct policy_limits *l, const struct policy_history *h,
			     const struct policy_worker *w, int running, size_t waiting, int64_t now_ms,
			     int64_t *next_ms)
{
	*next_ms = POLICY_NEVER;
	if (h->failures > 0)
		return POLICY_KEEP;
	if (waiting > 0 && w->requests < PRESSURE * l->max_requests)
		return POLICY_KEEP;
	if (w->requests >= l->max_requests)
		return POLICY_WORN;
	if (l->lifetime_ms > 0 && w->first_request_ms >= 0) {
		if (w->first_request_ms + l->lifetime_ms < now_ms)
			return POLICY_AGED;
		*next_ms = w->first_request_ms + l->lifetime_ms + 1;
	}
	if (running > l->min_workers) {
		if (w->idle_since_ms + l->idle_ms <= now_ms)
			return POLICY_IDLE;
		*next_ms = earlier_of(*next_ms, w->idle_since_ms + l->idle_ms);
	}
	return POLICY_KEEP;
}

static bool choice_matches(const struct policy_choice *c, enum job_class wanted)
{
	return c->last_class == JOB_CLASS_UNSET || c->last_class == wanted;
}

size_t policy_choose(const struct policy_choice *idle, size_t n, enum job_class wanted)
{
	size_t eldest = 0, held = n;

	assert(n > 0);
	for (size_t i = 0; i < n; i++) {
		if (idle[i].serial < idle[eldest].serial)
			eldest = i;
		if (!choice_matches(&idle[i], wanted))
			continue;
		if (held == n || idle[held].last_class != wanted || idle[i].serial < idle[held].serial)
			held = i;
	}
	return held < n ? held : eldest;
}
