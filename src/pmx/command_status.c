#include "base/clock.h"
#include "base/procfs.h"
#include "pmx/alive.h"
#include "pmx/commands.h"
#include "pmx/plan.h"
#include "pmx/question.h"
#include "pmx/targets.h"
#include "pmx/view.h"
#include "proto/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_TRIES 5
#define ANSWER_S 5 /* a controller may be busy; a status has to come all the same */

/* --- gathering --- */

static void look_at_processes(struct view *v)
{
	const struct instance *i = v->instance;
	struct procfs_facts f;
	pid_t *children = NULL;
	size_t n;

	if (i->front > 0 && procfs_read(i->front, &f) == 0) {
		v->front_size = f.size;
		v->front_threads = f.threads;
		v->two_starts = i->has_state && i->state.front_pid > 0 && i->state.front_start != f.start;
	}
	if (i->mux > 0 && procfs_read(i->mux, &f) == 0) {
		v->mux_size = f.size;
		v->two_starts = v->two_starts ||
				(i->has_state && i->state.mux_pid > 0 && i->state.mux_start != f.start);
		if (procfs_children(i->mux, &children, &n) == 0)
			v->mux_procs = (int64_t)n;
		free(children);
	}
}

/* Of the same process that the snapshot speaks of. */
static int64_t size_of_slot(const struct snapshot_slot *s)
{
	struct procfs_facts f;

	return s->pid > 0 && procfs_read((pid_t)s->pid, &f) == 0 && f.start == s->start ? f.size : VIEW_NONE;
}

static void ask_both(struct view *v, int64_t seconds)
{
	const struct instance *i = v->instance;

	v->waited_s = seconds;
	if (i->mux > 0)
		v->mux_answered = question_snapshot(i->place.mux_socket, seconds * 1000, &v->pool) == 0;
	if (i->front > 0)
		v->front_answered = question_snapshot(i->place.front_socket, seconds * 1000, &v->front) == 0;
	if (v->mux_answered)
		v->slot_sizes = calloc(v->pool.n_slots + 1, sizeof(int64_t));
	for (size_t n = 0; v->slot_sizes != NULL && n < v->pool.n_slots; n++)
		v->slot_sizes[n] = size_of_slot(&v->pool.slots[n]);
}

static int64_t has_changed(const struct run *r, const struct instance *i, const struct conf_milter *m)
{
	struct plan p;
	char digest[17];
	int64_t changed = VIEW_NONE;

	if (!r->configured || m == NULL || !i->has_state || !instance_has_process(i))
		return VIEW_NONE;
	if (plan_init(&p, r->conf, m) == 0) {
		plan_digest(&p, digest);
		changed = strcmp(digest, i->state.digest) != 0;
	}
	plan_free(&p);
	return changed;
}

static void view_gather_once(const struct run *r, const struct instance *i, struct view *v)
{
	const struct conf_milter *m = conf_find(r->conf, i->name);
	int64_t now = clock_wall_ms();

	*v = (struct view){
		.instance = i,
		.configured = m != NULL,
		.enabled = m != NULL && conf_is_enabled(r->conf, m),
		.config_changed = has_changed(r, i, m),
		.phase_s = i->has_state && now > i->state.since_ms ? (now - i->state.since_ms) / 1000 : 0,
		.uptime_s = i->has_state && now > i->state.started_ms ? (now - i->state.started_ms) / 1000
								      : 0,
		.front_size = VIEW_NONE,
		.front_threads = VIEW_NONE,
		.mux_size = VIEW_NONE,
		.mux_procs = VIEW_NONE,
	};
	look_at_processes(v);
	ask_both(v, r->options->timeout_s > 0 ? r->options->timeout_s : ANSWER_S);
}

static void view_free(struct view *v)
{
	if (v->mux_answered)
		snapshot_free(&v->pool);
	if (v->front_answered)
		snapshot_free(&v->front);
	free(v->slot_sizes);
}

/* A restart may have put other processes behind the sockets between the look and the answers: the figures of
 * one must not stand beside the pid of another. */
static void view_gather(const struct run *r, struct instance *i, struct view *v)
{
	view_gather_once(r, i, v);
	for (int tries = 0; tries < MOST_TRIES; tries++) {
		if (alive_holder(i->place.mux_lock) == i->mux &&
		    alive_holder(i->place.front_lock) == i->front)
			break;
		view_free(v);
		instance_update(i);
		view_gather_once(r, i, v);
	}
}

/* --- which --- */

static bool is_among(const struct instance *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return true;
	return false;
}

/* With --all, what is configured and does not run. */
static int add_others(const struct run *r, struct instance **all, size_t *n)
{
	const struct conf *c = r->conf;
	struct instance *grown = realloc(*all, (*n + c->n_milters + 1) * sizeof(**all));
	int rc = 0;

	if (grown == NULL)
		return -ENOMEM;
	*all = grown;
	for (size_t i = 0; i < c->n_milters && rc == 0; i++)
		if (!is_among(grown, *n, c->milters[i]->name))
			rc = instance_look(&grown[(*n)++], r->run_dir, c->milters[i]->name);
	return rc;
}

/* Those that should run, and do not: enabled or named. */
static size_t count_down(const struct run *r, const struct instance *all, size_t n)
{
	size_t down = 0;

	if (r->options->n_names > 0) {
		for (size_t i = 0; i < n; i++)
			down += !instance_has_process(&all[i]);
		return down;
	}
	for (size_t i = 0; i < r->conf->n_milters; i++) {
		const struct conf_milter *m = r->conf->milters[i];
		struct instance look;

		if (!conf_is_enabled(r->conf, m) || instance_look(&look, r->run_dir, m->name) < 0)
			continue;
		down += !instance_has_process(&look);
		instance_free(&look);
	}
	return down;
}

/* --- showing --- */

static void print_text(const struct run *r, const struct view *views, size_t n)
{
	struct buf out;
	bool shown = false;

	buf_init(&out, BUF_NO_LIMIT);
	for (size_t i = 0; i < n; i++) {
		if (views[i].instance->is == INSTANCE_STOPPED && !r->options->all && r->options->n_names == 0)
			continue;
		view_text(&views[i], &out);
		shown = true;
	}
	fputs(shown ? out.data : "no milters are running\n", stdout);
	buf_free(&out);
}

static const char *stamp_now(char stamp[32])
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return stamp;
}

/* Who reads JSON gets some even when nothing can be told. */
static void print_json_error(const char *error)
{
	char stamp[32];
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, BUF_NO_LIMIT);
	json_object(&j, NULL);
	json_int(&j, "format", 1);
	json_text(&j, "time", stamp_now(stamp));
	json_text(&j, "error", error);
	json_array(&j, "milters");
	json_end_array(&j);
	json_end_object(&j);
	puts(out.data);
	buf_free(&out);
}

static void print_json(const struct view *views, size_t n)
{
	char stamp[32];
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	view_json(views, n, stamp_now(stamp), &out);
	fputs(out.data, stdout);
	buf_free(&out);
}

static enum status show(const struct run *r, struct instance *found, size_t n)
{
	struct view *views = calloc(n + 1, sizeof(*views));
	enum status status;

	if (views == NULL)
		return STATUS_FAILED;
	for (size_t i = 0; i < n; i++)
		view_gather(r, &found[i], &views[i]);
	if (r->options->json)
		print_json(views, n);
	else
		print_text(r, views, n);
	status = view_status(views, n, count_down(r, found, n));
	for (size_t i = 0; i < n; i++)
		view_free(&views[i]);
	free(views);
	return status;
}

enum status command_status(const struct run *r)
{
	struct instance *found;
	enum status status = STATUS_NOT_PERMITTED;
	size_t n;
	int rc;

	if (!targets_are_known(r, true))
		return STATUS_USAGE;
	if ((rc = targets_find(r, &found, &n)) < 0) {
		if (r->options->json)
			print_json_error(strerror(-rc));
		return STATUS_NOT_PERMITTED;
	}
	if (!r->options->all || add_others(r, &found, &n) == 0)
		status = show(r, found, n);
	instances_free(found, n);
	return status;
}
