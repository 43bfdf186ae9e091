#include "pool/load_report.h"

#include "base/number.h"
#include "pool/meter.h"

#define LEAST_INTERVAL 10

static const int windows[] = { 10, 60, 300, 600 }; /* seconds */
static const int hours[] = { 1, 4, 12, 24 };

#define WINDOWS (sizeof(windows) / sizeof(windows[0]))
#define HOURS (sizeof(hours) / sizeof(hours[0]))

static void add_states(const struct pool *p, struct buf *out)
{
	struct pool_counts c = pool_count(p);

	/* A starting worker takes no request yet: as in `status`, it counts as stopped. */
	buf_addf(out, " %d %d %d %d", c.busy, c.idle, c.stopped + c.starting, c.killed);
}

static void add_totals(const struct pool *p, struct buf *out)
{
	struct pool_totals t = pool_totals(p);

	buf_addf(out, " %lu %lu %zu %zu %lld", t.scans, t.activations, t.queue_limit, pool_count(p).queued,
		 (long long)(pool_now(p) - t.begun_ms) / 1000);
}

static void add_churn(const struct load *l, enum job_class class, struct load_time now, struct buf *out)
{
	struct load_churn churn[WINDOWS] = { 0 };

	/* Workers belong to no class: they are told once, with the scans. */
	for (size_t i = 0; i < WINDOWS && class == JOB_CLASS_SCAN; i++)
		churn[i] = load_churn(l, windows[i], now);
	for (size_t i = 0; i < WINDOWS; i++)
		buf_addf(out, " %lu", churn[i].started);
	for (size_t i = 0; i < WINDOWS; i++)
		buf_addf(out, " %lu", churn[i].reaped);
}

void load_report_windows(const struct pool *p, enum job_class class, struct buf *out)
{
	const struct load *l = meter_load(pool_meter(p));
	struct load_time now = meter_now(pool_meter(p));
	struct load_sums sums[WINDOWS];

	for (size_t i = 0; i < WINDOWS; i++)
		sums[i] = load_seconds(l, class, windows[i], now);
	for (size_t i = 0; i < WINDOWS; i++)
		buf_addf(out, i == 0 ? "%lu" : " %lu", sums[i].finished);
	for (size_t i = 0; i < WINDOWS; i++)
		buf_addf(out, " %f", load_mean_busy(&sums[i], 1.0));
	for (size_t i = 0; i < WINDOWS; i++)
		buf_addf(out, " %f", load_mean_ms(&sums[i]));
	add_churn(l, class, now, out);
	add_states(p, out);
	add_totals(p, out);
	buf_addc(out, '\n');
}

void load_report_hours(const struct pool *p, enum job_class class, struct buf *out)
{
	const struct load *l = meter_load(pool_meter(p));
	struct load_time now = meter_now(pool_meter(p));
	struct load_sums sums[HOURS];

	for (size_t i = 0; i < HOURS; i++)
		sums[i] = load_hours(l, class, hours[i], now);
	for (size_t i = 0; i < HOURS; i++)
		buf_addf(out, i == 0 ? "%lu" : " %lu", sums[i].finished);
	for (size_t i = 0; i < HOURS; i++)
		buf_addf(out, " %f", load_mean_busy(&sums[i], 0.0));
	for (size_t i = 0; i < HOURS; i++)
		buf_addf(out, " %f", load_mean_ms(&sums[i]));
	for (size_t i = 0; i < HOURS; i++)
		buf_addf(out, " %lld", (long long)(sums[i].last_s - sums[i].first_s));
	buf_addc(out, '\n');
}

/* Workers that are busy with a request of the class now. */
static int busy_with(const struct pool *p, enum job_class class)
{
	int n = 0;

	for (int i = 0; i < pool_max_workers(p); i++)
		n += pool_slot(p, i)->class == class;
	return n;
}

void load_report_interval(const struct pool *p, const char *seconds, struct buf *out)
{
	const struct load *l = meter_load(pool_meter(p));
	struct load_time now = meter_now(pool_meter(p));
	int64_t n;

	if (number_parse(seconds, LEAST_INTERVAL, LOAD_MAX_SECONDS, &n) < 0) {
		buf_adds(out, "error: Invalid 'back' amount (must be 10-600)\n");
		return;
	}
	for (int class = 0; class < LOAD_CLASSES; class ++) {
		struct load_sums s = load_seconds(l, (enum job_class) class, (int)n, now);

		buf_addf(out, "%s%lu %f %f", class == 0 ? "" : " ", s.finished, load_mean_busy(&s, 0.0),
			 load_mean_ms(&s));
	}
	add_states(p, out);
	add_totals(p, out);
	buf_addf(out, " %d", (int)n);
	for (int class = 0; class < LOAD_CLASSES; class ++)
		buf_addf(out, " %d", busy_with(p, (enum job_class) class));
	buf_addc(out, '\n');
}

void load_report_histogram(const struct pool *p, struct buf *out)
{
	const struct load *l = meter_load(pool_meter(p));

	for (int busy = 1; busy <= load_max_workers(l); busy++)
		buf_addf(out, "%4d %lu\n", busy, load_histogram(l, busy));
}
