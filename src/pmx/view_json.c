#include "pmx/view.h"

#include "proto/json.h"

static const char *state_name(const struct view *v)
{
	static const char *const names[] = {
		[INSTANCE_STOPPED] = "stopped",   [INSTANCE_DEAD] = "dead",
		[INSTANCE_STARTING] = "starting", [INSTANCE_RUNNING] = "running",
		[INSTANCE_STOPPING] = "stopping", [INSTANCE_NO_FRONT] = "degraded",
		[INSTANCE_NO_MUX] = "degraded",   [INSTANCE_UNKNOWN] = "unknown",
	};

	return names[v->instance->is];
}

/* What is not known is null, never 0. */
static void add(struct json *j, const char *key, int64_t n)
{
	if (n >= 0)
		json_int(j, key, n);
	else
		json_text(j, key, NULL);
}

static void add_pid(struct json *j, const char *key, pid_t pid)
{
	add(j, key, pid > 0 ? pid : VIEW_NONE);
}

static int64_t kib(int64_t bytes)
{
	return bytes >= 0 ? bytes / 1024 : VIEW_NONE;
}

static void add_slot(struct json *j, const struct snapshot_slot *s, int64_t size)
{
	json_object(j, NULL);
	json_int(j, "slot", s->number);
	add(j, "pid", s->pid);
	json_text(j, "state", s->state);
	json_bool(j, "retiring", s->pid > 0 && s->retiring == 1);
	if (s->why[0] != '\0')
		json_text(j, "retire_reason", s->why);
	add(j, "vsz_kib", s->pid > 0 ? kib(size) : VIEW_NONE);
	add(j, "since", s->changed_s);
	json_object(j, "acc");
	json_int(j, "process", s->pid > 0 ? s->accepted : 0);
	json_int(j, "slot", s->slot_accepted);
	json_int(j, "processes", s->slot_processes);
	json_end_object(j);
	json_int(j, "req", s->in_flight);
	json_end_object(j);
}

static void add_pool(struct json *j, const struct view *v)
{
	const struct snapshot_pool *p = &v->pool.pool;
	int64_t live = 0;

	for (size_t i = 0; i < v->pool.n_slots; i++)
		live += view_is_live(v, &v->pool.slots[i]);
	json_object(j, "pool");
	json_bool(j, "enabled", true);
	add(j, "peak", p->peak);
	add(j, "max", p->slots);
	add(j, "active_max", p->workers);
	json_int(j, "live", live);
	json_int(j, "retiring", view_retiring(v));
	json_int(j, "req", view_requests(v));
	add(j, "msg", p->messages);
	add(j, "activations", p->activations);
	add(j, "limit_reached", p->limit_hits);
	json_end_object(j);
}

/* Processes that are not yet the pool's. */
static void add_successors(struct json *j, const struct view *v)
{
	json_array(j, "successors");
	for (size_t i = 0; i < v->pool.n_slots; i++) {
		const struct snapshot_slot *s = &v->pool.slots[i];

		if (!view_is_successor(v, s))
			continue;
		json_object(j, NULL);
		add(j, "pid", s->pid);
		add(j, "since", s->changed_s);
		json_end_object(j);
	}
	json_end_array(j);
}

static void add_answer(struct json *j, const struct view *v)
{
	const struct snapshot_slot *a = view_answerer(v);

	if (a == NULL) {
		json_text(j, "answered_by", NULL);
	} else {
		json_object(j, "answered_by");
		json_int(j, "slot", a->number);
		json_int(j, "pid", a->pid);
		json_end_object(j);
	}
	json_object(j, "interp");
	json_int(j, "ready", a != NULL && a->state[0] != 's');
	json_int(j, "max", 1);
	json_end_object(j);
	add(j, "seq", a != NULL ? a->seq : 0);
	json_int(j, "waiting", 0);
	json_object(j, "queue");
	add(j, "length", v->pool.pool.queued);
	add(j, "max", v->pool.pool.queue_limit);
	json_end_object(j);
	add_pool(j, v);
	add_successors(j, v);
	json_array(j, "slots");
	for (size_t i = 0; i < v->pool.n_slots; i++)
		if (view_has_slot(v, &v->pool.slots[i]))
			add_slot(j, &v->pool.slots[i], v->slot_sizes != NULL ? v->slot_sizes[i] : VIEW_NONE);
	json_end_array(j);
}

static void add_processes(struct json *j, const struct view *v)
{
	const struct instance *i = v->instance;

	json_object(j, "frontend");
	add_pid(j, "pid", i->front);
	add(j, "vsz_kib", kib(v->front_size));
	add(j, "threads", v->front_threads);
	add(j, "connections", v->front_answered ? v->front.frontend.sessions : VIEW_NONE);
	json_end_object(j);
	json_object(j, "master");
	add_pid(j, "pid", i->mux);
	add(j, "vsz_kib", kib(v->mux_size));
	add(j, "procs", v->mux_procs);
	add(j, "uptime", v->mux_answered ? v->pool.pool.uptime_s : VIEW_NONE);
	json_end_object(j);
}

static void add_view(struct json *j, const struct view *v)
{
	const struct instance *i = v->instance;

	json_object(j, NULL);
	json_text(j, "name", i->name);
	json_text(j, "state", state_name(v));
	json_bool(j, "enabled", v->enabled);
	json_bool(j, "configured", v->configured);
	if (v->config_changed >= 0)
		json_bool(j, "config_changed", v->config_changed != 0);
	else
		json_text(j, "config_changed", NULL);
	if (instance_has_process(i)) {
		json_text(j, "port", i->has_state ? i->state.port : NULL);
		add_pid(j, "pid", i->front);
		add(j, "uptime", v->uptime_s);
		json_int(j, "flags", view_flags(v));
		add_processes(j, v);
		if (v->mux_answered)
			add_answer(j, v);
		if (!v->mux_answered)
			json_text(j, "error",
				  i->mux > 0 ? "the controller did not answer" : "the controller is gone");
		else if (view_silent(v) != NULL)
			json_text(j, "error", "the front end did not answer");
	} else if (i->is == INSTANCE_UNKNOWN) {
		json_text(j, "error", "no access to its files");
	}
	json_end_object(j);
}

void view_json(const struct view *views, size_t n, const char *time, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_int(&j, "format", 1);
	json_text(&j, "time", time);
	json_array(&j, "milters");
	for (size_t i = 0; i < n; i++)
		add_view(&j, &views[i]);
	json_end_array(&j);
	json_end_object(&j);
	buf_addc(out, '\n');
}
