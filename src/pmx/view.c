#include "pmx/view.h"

#include <stdio.h>

#define MEGABYTE (1024.0 * 1024.0)

static bool is_stopping(const struct view *v)
{
	return v->instance->is == INSTANCE_STOPPING;
}

unsigned view_flags(const struct view *v)
{
	unsigned flags = 0;

	if (is_stopping(v))
		flags |= VIEW_STOPPING;
	if (v->instance->front == 0)
		flags |= VIEW_NO_FRONT;
	if (v->instance->mux == 0 || !v->mux_answered)
		flags |= VIEW_NO_MUX;
	if (v->mux_answered && v->pool.pool.degraded > 0)
		flags |= VIEW_DEGRADED;
	if (v->two_starts)
		flags |= VIEW_TWO_STARTS;
	return flags;
}

const char *view_silent(const struct view *v)
{
	if (v->instance->is != INSTANCE_RUNNING)
		return NULL;
	return !v->mux_answered ? "controller" : !v->front_answered ? "front end" : NULL;
}

bool view_is_successor(const struct view *v, const struct snapshot_slot *s)
{
	return s->pid > 0 && s->number >= v->pool.pool.workers && s->state[0] == 's';
}

bool view_is_live(const struct view *v, const struct snapshot_slot *s)
{
	return s->pid > 0 && !view_is_successor(v, s);
}

const struct snapshot_slot *view_answerer(const struct view *v)
{
	const struct snapshot_slot *live = NULL;

	for (size_t i = 0; v->mux_answered && i < v->pool.n_slots; i++) {
		const struct snapshot_slot *s = &v->pool.slots[i];

		if (view_is_live(v, s) && s->state[0] == 'i' && s->retiring != 1)
			return s;
		if (view_is_live(v, s) && live == NULL)
			live = s;
	}
	return live;
}

bool view_has_slot(const struct view *v, const struct snapshot_slot *s)
{
	return s->slot_processes > 0 && (view_is_live(v, s) || s->number < v->pool.pool.workers);
}

int64_t view_requests(const struct view *v)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->pool.n_slots; i++)
		n += v->pool.slots[i].in_flight > 0 ? v->pool.slots[i].in_flight : 0;
	return n;
}

int64_t view_retiring(const struct view *v)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->pool.n_slots; i++)
		n += view_is_live(v, &v->pool.slots[i]) && v->pool.slots[i].retiring == 1;
	return n;
}

/* --- text --- */

static void add_head(const struct view *v, struct buf *out)
{
	const struct instance *i = v->instance;
	long long left = v->front_answered ? (long long)v->front.frontend.sessions : -1;

	buf_addf(out, "milter %s: ", i->name);
	switch (i->is) {
	case INSTANCE_STOPPED:
		buf_addf(out, "not running%s\n", v->configured && !v->enabled ? " (disabled)" : "");
		return;
	case INSTANCE_DEAD:
		buf_adds(out, "dead (stale pid file)\n");
		return;
	case INSTANCE_UNKNOWN:
		buf_adds(out, "unknown (no access to its files)\n");
		return;
	case INSTANCE_STARTING:
		buf_adds(out, "starting\n");
		return;
	case INSTANCE_STOPPING:
		if (left >= 0)
			buf_addf(out, "stopping (%lld connection%s left, %llds)\n", left,
				 left == 1 ? "" : "s", (long long)v->phase_s);
		else
			buf_addf(out, "stopping (%llds)\n", (long long)v->phase_s);
		return;
	case INSTANCE_NO_FRONT:
		buf_addf(out, "degraded (front-end is gone, controller %d still runs)\n", (int)i->mux);
		return;
	case INSTANCE_NO_MUX:
		buf_addf(out, "degraded (controller is gone, front-end %d still runs)\n", (int)i->front);
		return;
	case INSTANCE_RUNNING:
		if (view_silent(v) == NULL)
			buf_adds(out, "running\n");
		else
			buf_addf(out, "running, but the %s did not answer within %llds\n", view_silent(v),
				 (long long)v->waited_s);
		return;
	}
}

static void add_number(struct buf *out, const char *key, int64_t n)
{
	if (n >= 0)
		buf_addf(out, " %s=%lld", key, (long long)n);
}

static void add_processes(const struct view *v, struct buf *out)
{
	const struct instance *i = v->instance;

	buf_adds(out, "   ");
	if (i->front > 0)
		buf_addf(out, " pid=%d", (int)i->front);
	if (i->mux > 0)
		buf_addf(out, " mux=%d", (int)i->mux);
	if (i->has_state && i->state.port[0] != '\0')
		buf_addf(out, " port=%s", i->state.port);
	if (v->mux_size >= 0)
		buf_addf(out, " vsz=%.1f", (double)v->mux_size / MEGABYTE);
	add_number(out, "threads", v->front_threads);
	add_number(out, "procs", v->mux_procs);
	if (v->mux_answered)
		buf_addc(out, '\n');
}

static void add_pool(const struct view *v, struct buf *out)
{
	const struct snapshot_pool *p = &v->pool.pool;
	const struct snapshot_slot *a = view_answerer(v);

	buf_addf(out, "    interp=%d/1", a != NULL && a->state[0] != 's');
	add_number(out, "seq", a != NULL ? a->seq : 0);
	buf_addf(out, " waiting=0 flags=0x%x", view_flags(v));
	if (v->front_answered)
		add_number(out, "conns", v->front.frontend.sessions);
	buf_addf(out, " queue=%lld/%lld\n", (long long)p->queued, (long long)p->queue_limit);
	buf_addf(out, "    slots=%lld/%lld (%lld retiring) req=%lld msg=%lld\n", (long long)p->peak,
		 (long long)p->slots, (long long)view_retiring(v), (long long)view_requests(v),
		 (long long)p->messages);
}

static void add_slot(const struct snapshot_slot *s, int64_t size, struct buf *out)
{
	char label[32], pid[24] = "-", vsz[32] = "-";

	snprintf(label, sizeof(label), "slot#%lld:", (long long)s->number);
	if (s->pid > 0)
		snprintf(pid, sizeof(pid), "%lld", (long long)s->pid);
	if (s->pid > 0 && size >= 0)
		snprintf(vsz, sizeof(vsz), "%.1f", (double)size / MEGABYTE);
	buf_addf(out, "    %-9s pid=%-6s vsz=%-6s acc=%lld/%lld/%lld req=%lld%s\n", label, pid, vsz,
		 (long long)(s->pid > 0 ? s->accepted : 0), (long long)s->slot_accepted,
		 (long long)s->slot_processes, (long long)s->in_flight,
		 s->pid > 0 && s->retiring == 1 ? "*" : "");
}

void view_text(const struct view *v, struct buf *out)
{
	add_head(v, out);
	if (!instance_has_process(v->instance) || v->instance->is == INSTANCE_UNKNOWN)
		return;
	add_processes(v, out);
	if (!v->mux_answered) {
		buf_addf(out, " flags=0x%x", view_flags(v));
		if (v->front_answered)
			add_number(out, "conns", v->front.frontend.sessions);
		buf_addc(out, '\n');
		return;
	}
	add_pool(v, out);
	for (size_t i = 0; i < v->pool.n_slots; i++)
		if (view_has_slot(v, &v->pool.slots[i]))
			add_slot(&v->pool.slots[i], v->slot_sizes != NULL ? v->slot_sizes[i] : VIEW_NONE,
				 out);
}

/* --- the exit status --- */

enum status view_status(const struct view *views, size_t n, size_t down)
{
	size_t running = 0, dead = 0, broken = 0;
	bool unknown = false;

	for (size_t i = 0; i < n; i++) {
		const struct view *v = &views[i];

		switch (v->instance->is) {
		case INSTANCE_RUNNING:
		case INSTANCE_STARTING:
		case INSTANCE_STOPPING:
			running++;
			unknown = unknown || view_silent(v) != NULL;
			break;
		case INSTANCE_NO_FRONT:
		case INSTANCE_NO_MUX:
			broken++;
			break;
		case INSTANCE_DEAD:
			dead++;
			break;
		case INSTANCE_UNKNOWN:
			unknown = true;
			break;
		case INSTANCE_STOPPED:
			break;
		}
	}
	if (unknown)
		return STATUS_NOT_PERMITTED;
	if (running + broken == 0)
		return dead > 0 ? STATUS_FAILED : STATUS_NONE_RUNS;
	return broken + down > 0 ? STATUS_SOME_RUN : STATUS_OK;
}
