#include "pmx/gather.h"

#include "base/clock.h"
#include "base/procfs.h"
#include "pmx/alive.h"
#include "pmx/plan.h"
#include "pmx/question.h"

#include <stdlib.h>
#include <string.h>

#define MOST_TRIES 5
#define ANSWER_S 5 /* a controller may be busy; a status has to come all the same */

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

static void look_at_slots(struct view *v)
{
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

/* All but what the programs tell. */
static void view_begin(const struct run *r, const struct instance *i, struct view *v)
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
}

void gather_free(struct view *v)
{
	if (v->mux_answered)
		snapshot_free(&v->pool);
	if (v->front_answered)
		snapshot_free(&v->front);
	free(v->slot_sizes);
}

/* Both programs of each milter, all at once: one that does not answer holds nobody else up. */
static void ask_all(struct view *views, const size_t *open, size_t n, int64_t seconds)
{
	struct question_snapshot *q = calloc(2 * n + 1, sizeof(*q));
	size_t n_questions = 0, at = 0;

	for (size_t k = 0; q != NULL && k < n; k++) {
		struct view *v = &views[open[k]];

		v->waited_s = seconds;
		if (v->instance->mux > 0)
			q[n_questions++] = (struct question_snapshot){
				.socket = v->instance->place.mux_socket, .out = &v->pool
			};
		if (v->instance->front > 0)
			q[n_questions++] = (struct question_snapshot){
				.socket = v->instance->place.front_socket, .out = &v->front
			};
	}
	if (q != NULL)
		question_snapshots(q, n_questions, seconds * 1000);
	for (size_t k = 0; q != NULL && k < n; k++) {
		struct view *v = &views[open[k]];

		v->mux_answered = v->instance->mux > 0 && q[at++].answered;
		v->front_answered = v->instance->front > 0 && q[at++].answered;
		look_at_slots(v);
	}
	free(q);
}

/* A restart may have put other processes behind the sockets between the look and the answers: the figures of
 * one must not stand beside the pid of another. */
static bool is_of_one_time(const struct view *v)
{
	const struct instance *i = v->instance;

	return alive_holder(i->place.mux_lock) == i->mux && alive_holder(i->place.front_lock) == i->front;
}

/* Look anew at those that have changed; how many of them there are. */
static size_t begin_changed(const struct run *r, struct instance *found, struct view *views, size_t *open,
			    size_t n)
{
	size_t left = 0;

	for (size_t k = 0; k < n; k++) {
		size_t i = open[k];

		if (is_of_one_time(&views[i]))
			continue;
		gather_free(&views[i]);
		instance_update(&found[i]);
		view_begin(r, &found[i], &views[i]);
		open[left++] = i;
	}
	return left;
}

void gather(const struct run *r, struct instance *found, struct view *views, size_t n)
{
	int64_t seconds = r->options->timeout_s > 0 ? r->options->timeout_s : ANSWER_S;
	size_t *open = calloc(n + 1, sizeof(*open)), n_open = n; /* numbers of those to be asked */

	for (size_t i = 0; i < n; i++)
		view_begin(r, &found[i], &views[i]);
	for (size_t i = 0; open != NULL && i < n; i++)
		open[i] = i;
	if (open != NULL)
		ask_all(views, open, n, seconds);
	for (int tries = 0; open != NULL && tries < MOST_TRIES; tries++)
		if ((n_open = begin_changed(r, found, views, open, n_open)) > 0)
			ask_all(views, open, n_open, seconds);
	free(open);
}
