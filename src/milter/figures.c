#include "milter/figures.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>

static_assert(sizeof(struct figures) % sizeof(figure) == 0, "it is made of nothing else");

int64_t figures_read(const figure *f)
{
	return atomic_load_explicit(f, memory_order_relaxed);
}

/* There is one writer, so that no read-modify-write is needed. */
void figures_count(figure *f, int64_t n)
{
	atomic_store_explicit(f, figures_read(f) + n, memory_order_relaxed);
}

void figures_latency(struct figures_latency *l, int64_t ms)
{
	figures_count(&l->finished, 1);
	figures_count(&l->sum_ms, ms);
	figures_count(&l->ranges[latency_range(ms)], 1);
}

void figures_session(struct figures *f, int change)
{
	int64_t above;

	figures_count(&f->sessions, change);
	if (change > 0)
		figures_count(&f->sessions_total, change);
	if ((above = figures_read(&f->sessions) - figures_read(&f->sessions_peak)) > 0)
		figures_count(&f->sessions_peak, above);
}

void figures_sum(struct figures *total, const struct figures *one)
{
	figure *to = (figure *)total;
	const figure *from = (const figure *)one;

	for (size_t i = 0; i < sizeof(*one) / sizeof(figure); i++)
		figures_count(&to[i], figures_read(&from[i]));
}
