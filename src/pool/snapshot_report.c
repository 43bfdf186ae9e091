#include "pool/snapshot_report.h"

#include "base/procfs.h"
#include "pool/meter.h"
#include "pool/reload.h"
#include "proto/latency.h"
#include "proto/snapshot.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

static_assert(SNAPSHOT_CLASSES >= LOAD_CLASSES && SNAPSHOT_RANGES >= LATENCY_RANGES, "they go together");

static void add_pool(const struct pool *p, struct buf *out)
{
	struct pool_totals t = pool_totals(p);
	struct meter_totals m = meter_totals(pool_meter(p));
	struct snapshot_pool s = {
		.workers = pool_max_workers(p),
		.slots = pool_slots(p),
		.peak = m.peak,
		.activations = (int64_t)t.activations,
		.deaths = m.deaths,
		.messages = (int64_t)t.scans,
		.queued = (int64_t)pool_count(p).queued,
		.queue_limit = (int64_t)t.queue_limit,
		.limit_hits = m.limit_hits,
		.generation = reload_generation(pool_reload(p)),
		.uptime_s = (pool_now(p) - t.begun_ms) / 1000,
		.degraded = pool_is_degraded(p),
	};

	snapshot_add_pool(out, &s);
}

static void add_latency(const struct load *l, enum job_class class, struct buf *out)
{
	struct load_sums total = load_total(l, class);
	struct snapshot_latency s = {
		.finished = (int64_t)total.finished,
		.run_ms = total.run_ms,
		.n_ranges = LATENCY_RANGES,
	};

	snprintf(s.class, sizeof(s.class), "%s", job_class_name(class));
	for (int i = 0; i < LATENCY_RANGES; i++) {
		int64_t bound = latency_bound(i);

		s.ranges[i].bound_ms = bound == LATENCY_NO_BOUND ? SNAPSHOT_NONE : bound;
		s.ranges[i].count = (int64_t)load_latency(l, class, i);
	}
	snapshot_add_latency(out, &s);
}

/* What only a worker that has a process has. */
static void process_set(const struct pool *p, const struct worker_facts *f, struct snapshot_slot *s)
{
	struct procfs_facts proc;

	s->pid = f->pid;
	s->seq = (int64_t)f->serial + 1;
	s->age_s = (pool_now(p) - f->started_ms) / 1000;
	if (procfs_read(f->pid, &proc) < 0)
		return;
	s->start = proc.start;
	s->rss_kb = procfs_kb(proc.rss_pages);
}

static void add_slot(const struct pool *p, int i, struct buf *out)
{
	const struct worker_facts *f = pool_slot(p, i);
	struct meter_slot m = meter_slot(pool_meter(p), i);
	bool working = f->state == WORKER_BUSY || f->state == WORKER_RETIRING;
	bool leaving = f->state == WORKER_RETIRING || f->state == WORKER_KILLED;
	struct snapshot_slot s = {
		.number = i,
		.pid = SNAPSHOT_NONE,
		.start = SNAPSHOT_NONE,
		.seq = SNAPSHOT_NONE,
		.rss_kb = SNAPSHOT_NONE,
		.age_s = SNAPSHOT_NONE,
		.generation = f->generation,
		.in_flight = working,
		.accepted = (int64_t)f->requests + working,
		.slot_accepted = m.accepted,
		.slot_processes = m.processes,
		.retiring = leaving,
		.changed_s = (pool_now(p) - f->changed_ms) / 1000,
	};

	if (pool_worker(p, i) != NULL)
		process_set(p, f, &s);
	snprintf(s.state, sizeof(s.state), "%s", worker_state_name(f->state));
	s.state[0] = (char)tolower((unsigned char)s.state[0]);
	snprintf(s.why, sizeof(s.why), "%s", leaving ? f->why : "");
	snprintf(s.class, sizeof(s.class), "%s",
		 job_class_name(f->class) == NULL ? "" : job_class_name(f->class));
	snprintf(s.tag, sizeof(s.tag), "%s", f->tag);
	snapshot_add_slot(out, &s);
}

void snapshot_report(const struct pool *p, struct buf *out)
{
	snapshot_add_head(out);
	add_pool(p, out);
	for (int class = 0; class < LOAD_CLASSES; class ++)
		add_latency(meter_load(pool_meter(p)), (enum job_class) class, out);
	for (int i = 0; i < pool_slots(p); i++)
		add_slot(p, i, out);
	snapshot_add_end(out);
}
