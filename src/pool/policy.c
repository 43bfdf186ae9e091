#include "pool/policy.h"

#include <assert.h>
#include <stdio.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 60000

/* How many times -r a worker may handle while requests wait. */
#define PRESSURE 3

/* The most that a worker's own limit is below the common one. */
#define JITTER_PERMILLE 100

int64_t policy_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
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
	h->accident = false;
}

void policy_on_accident(struct policy_history *h)
{
	h->accident = true;
}

bool policy_may_repeat(const struct policy_history *h)
{
	return h->failures == 0 || (h->failures == 1 && h->accident);
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
	return policy_earlier(ms, BACKOFF_MOST_MS);
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

/* A worker's own limit: scattered by its serial, so that the same run gives the same limits. Small numbers of
 * requests stay as they are. */
static int64_t own_limit(int64_t limit, unsigned serial)
{
	uint32_t scattered = (uint32_t)serial * UINT32_C(2654435761) >> 16; /* Knuth's multiplicative hash */

	return limit - limit / 1000 * (scattered % (JITTER_PERMILLE + 1)) -
	       limit % 1000 * (scattered % (JITTER_PERMILLE + 1)) / 1000;
}

/* What is wrong with the worker itself. */
static enum policy_reason wear(const struct policy_limits *l, const struct policy_worker *w, size_t waiting,
			       int64_t now_ms, int64_t *next_ms)
{
	int64_t old_at;

	if (w->outdated)
		return POLICY_OUTDATED;
	if (l->rss_kb > 0 && w->rss_kb > l->rss_kb)
		return POLICY_SWOLLEN;
	if (waiting > 0 && w->requests < PRESSURE * l->max_requests)
		return POLICY_KEEP;
	if (w->requests >= own_limit(l->max_requests, w->serial))
		return POLICY_WORN;
	if (l->lifetime_ms > 0 && w->first_request_ms >= 0) {
		old_at = w->first_request_ms + own_limit(l->lifetime_ms, w->serial) + 1;
		if (old_at <= now_ms)
			return POLICY_AGED;
		*next_ms = old_at;
	}
	return POLICY_KEEP;
}

/* Whether a sound worker is one too many. */
static enum policy_reason surplus(const struct policy_limits *l, const struct policy_worker *w,
				  const struct policy_situation *s, int64_t now_ms, int64_t *next_ms)
{
	if (s->waiting > 0 || w->idle_since_ms < 0 || s->running <= l->min_workers)
		return POLICY_KEEP;
	if (w->idle_since_ms + l->idle_ms <= now_ms)
		return POLICY_IDLE;
	*next_ms = policy_earlier(*next_ms, w->idle_since_ms + l->idle_ms);
	return POLICY_KEEP;
}

struct policy_verdict policy_judge(const struct policy_limits *l, const struct policy_history *h,
				   const struct policy_worker *w, const struct policy_situation *s,
				   int64_t now_ms)
{
	struct policy_verdict v = { .next_ms = POLICY_NEVER };

	v.reason = wear(l, w, s->waiting, now_ms, &v.next_ms);
	if (v.reason != POLICY_KEEP)
		v.needs_successor = w->outdated || s->running <= l->min_workers || s->busy > 0;
	else
		v.reason = surplus(l, w, s, now_ms, &v.next_ms);
	if (!v.needs_successor && h->failures > 0)
		return (struct policy_verdict){ .reason = POLICY_KEEP, .next_ms = POLICY_NEVER };
	return v;
}

void policy_text(const struct policy_limits *l, const struct policy_worker *w, enum policy_reason reason,
		 char text[POLICY_TEXT_MAX])
{
	switch (reason) {
	case POLICY_OUTDATED:
		snprintf(text, POLICY_TEXT_MAX, "New generation -- forcing reread of filter rules");
		break;
	case POLICY_SWOLLEN:
		snprintf(text, POLICY_TEXT_MAX, "Worker uses %lld kB of memory", (long long)w->rss_kb);
		break;
	case POLICY_WORN:
		snprintf(text, POLICY_TEXT_MAX, "Worker has processed %lld requests", (long long)w->requests);
		break;
	case POLICY_AGED:
		snprintf(text, POLICY_TEXT_MAX, "Worker has exceeded maximum lifetime of %lld seconds",
			 (long long)(own_limit(l->lifetime_ms, w->serial) + 999) / 1000);
		break;
	case POLICY_IDLE:
		snprintf(text, POLICY_TEXT_MAX, "Idle timeout");
		break;
	case POLICY_KEEP:
		text[0] = '\0';
	}
}

int policy_replacements(int n)
{
	return n < 20 ? 1 : n / 10;
}

static bool choice_matches(const struct policy_choice *c, enum job_class wanted)
{
	return c->last_class == JOB_CLASS_UNSET || c->last_class == wanted;
}

/* Whether `c` is to be preferred to `best`, the best of those before it. */
static bool choice_is_better(const struct policy_choice *c, const struct policy_choice *best,
			     enum job_class wanted)
{
	if (c->leaving != best->leaving)
		return best->leaving;
	if (choice_matches(c, wanted) != choice_matches(best, wanted))
		return choice_matches(c, wanted);
	if (choice_matches(c, wanted) && best->last_class != wanted)
		return true;
	return c->serial < best->serial;
}

size_t policy_choose(const struct policy_choice *idle, size_t n, enum job_class wanted)
{
	size_t best = 0;

	assert(n > 0);
	for (size_t i = 1; i < n; i++) {
		if (choice_is_better(&idle[i], &idle[best], wanted))
			best = i;
	}
	return best;
}
