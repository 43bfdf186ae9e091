#include "pool/autoscale.h"

#define LONG_AGO (-(INT64_C(1) << 60))

void autoscale_init(struct autoscale *a)
{
	*a = (struct autoscale){ .out_ms = LONG_AGO, .in_ms = LONG_AGO };
}

void autoscale_on_start(struct autoscale *a, int64_t now_ms)
{
	a->out_ms = now_ms;
}

enum autoscale_choice autoscale_check(const struct autoscale_limits *l, struct autoscale *a,
				      const struct autoscale_counts *c, int64_t now_ms)
{
	double share = c->running > 0 ? (double)c->busy / c->running : 0.0;

	a->average = (1.0 - l->weight) * a->average + l->weight * share;
	if (a->average > l->scale_out && c->running < l->max_workers &&
	    now_ms - a->out_ms > l->out_cooldown_ms)
		return AUTOSCALE_OUT;
	if (a->average < l->scale_in && c->running > l->min_workers && c->idle > 0 &&
	    now_ms - a->out_ms > l->in_cooldown_ms && now_ms - a->in_ms > l->in_cooldown_ms) {
		a->in_ms = now_ms;
		return AUTOSCALE_IN;
	}
	return AUTOSCALE_KEEP;
}
