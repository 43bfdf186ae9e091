#include "pool/scaler.h"

#include "base/log.h"
#include "pool/autoscale.h"

#include <stdio.h>
#include <stdlib.h>

struct scaler {
	struct pool *pool;
	const struct settings *settings;
	struct pool_observer observer;
	struct autoscale_limits limits;
	struct autoscale state;
	struct timer *timer; /* NULL without -k */
};

static struct autoscale_counts count(const struct pool *p)
{
	struct pool_counts c = pool_count(p);

	return (struct autoscale_counts){
		.running = c.idle + c.busy + c.starting + c.killed,
		.busy = c.busy,
		.idle = c.idle,
	};
}

static void scale_out(struct scaler *s)
{
	char reason[80];

	snprintf(reason, sizeof(reason), "Autoscale: scale-out (ema_busy=%.2f)", s->state.average);
	if (pool_grow(s->pool, reason))
		log_info("Autoscale: scaled out to %d workers (ema_busy=%.2f queued=%zu)",
			 count(s->pool).running, s->state.average, pool_count(s->pool).queued);
}

static void scale_in(struct scaler *s)
{
	char reason[80];

	snprintf(reason, sizeof(reason), "Autoscale: scale-in (ema_busy=%.2f)", s->state.average);
	if (pool_shrink(s->pool, reason))
		log_info("Autoscale: scaled in to %d workers (ema_busy=%.2f)", count(s->pool).running,
			 s->state.average);
}

static void on_timer(void *arg)
{
	struct scaler *s = arg;
	struct autoscale_counts c = count(s->pool);

	switch (autoscale_check(&s->limits, &s->state, &c, pool_now(s->pool))) {
	case AUTOSCALE_OUT:
		scale_out(s);
		break;
	case AUTOSCALE_IN:
		scale_in(s);
		break;
	case AUTOSCALE_KEEP:
		break;
	}
	timer_set(s->timer, s->settings->scale_interval_ms);
}

static void on_started(const struct worker_facts *w, const char *reason, void *arg)
{
	struct scaler *s = arg;

	autoscale_on_start(&s->state, pool_now(s->pool));
}

static bool scaler_begin(struct scaler *s, struct loop *loop)
{
	if ((s->timer = timer_new(loop, on_timer, s)) == NULL)
		return false;
	s->observer = (struct pool_observer){ .arg = s, .started = on_started };
	pool_observe(s->pool, &s->observer);
	timer_set(s->timer, s->settings->scale_interval_ms);
	log_info("Autoscaling enabled: interval=%llds scale_out=%lld%% scale_in=%lld%%",
		 (long long)s->settings->scale_interval_ms / 1000, (long long)s->settings->scale_out_percent,
		 (long long)s->settings->scale_in_percent);
	return true;
}

struct scaler *scaler_new(struct loop *loop, struct pool *p, const struct settings *settings)
{
	struct scaler *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->pool = p;
	s->settings = settings;
	s->limits = (struct autoscale_limits){
		.min_workers = (int)settings->min_workers,
		.max_workers = (int)settings->max_workers,
		.scale_out = (double)settings->scale_out_percent / 100.0,
		.scale_in = (double)settings->scale_in_percent / 100.0,
		.weight = (double)settings->scale_weight_percent / 100.0,
		.out_cooldown_ms = settings->scale_out_cooldown_ms,
		.in_cooldown_ms = settings->scale_in_cooldown_ms,
	};
	autoscale_init(&s->state);
	if (settings->autoscale && !scaler_begin(s, loop)) {
		scaler_free(s);
		return NULL;
	}
	return s;
}

void scaler_free(struct scaler *s)
{
	if (s == NULL)
		return;
	timer_free(s->timer);
	free(s);
}

void scaler_report(const struct scaler *s, struct buf *out)
{
	buf_addf(out,
		 "enabled=%d interval=%lld ema_busy=%.4f scale_out=%.2f scale_in=%.2f out_cool=%lld "
		 "in_cool=%lld "
		 "ema_alpha=%.4f\n",
		 s->timer != NULL, (long long)s->settings->scale_interval_ms / 1000, s->state.average,
		 s->limits.scale_out, s->limits.scale_in, (long long)s->limits.out_cooldown_ms / 1000,
		 (long long)s->limits.in_cooldown_ms / 1000, s->limits.weight);
}
