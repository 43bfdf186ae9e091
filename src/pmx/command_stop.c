#include "base/descriptors.h"
#include "pmx/asked.h"
#include "pmx/commands.h"
#include "pmx/stopping.h"
#include "pmx/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTORS_EACH 8 /* of a milter that is stopped: its lock, its programs, what is asked of them */
#define OTHER_DESCRIPTORS 16

static void ask(const struct run *r, const char *name)
{
	struct place place;

	if (place_init(&place, r->run_dir, name) == 0)
		asked_stop(&place, r->options->ending != END_GRACEFUL);
	place_free(&place);
}

/* Also those of which nothing is to be found: a start may be about to come to them. */
static void ask_all(const struct run *r)
{
	const struct options *o = r->options;

	for (int i = 0; i < o->n_names; i++)
		ask(r, o->names[i]);
	for (size_t i = 0; o->n_names == 0 && i < r->conf->n_milters; i++)
		ask(r, r->conf->milters[i]->name);
}

/* Those that have a process go to the ending; what a dead one has left is removed. */
static size_t begin_all(const struct run *r, struct instance *found, size_t n, struct ending_target *targets,
			enum status *status)
{
	size_t n_targets = 0;
	enum status begun;

	for (size_t i = 0; i < n; i++) {
		bool dead = found[i].is == INSTANCE_DEAD || found[i].is == INSTANCE_STOPPED;

		if (found[i].is == INSTANCE_STOPPED || (dead && r->options->n_names == 0)) {
			if (r->options->n_names > 0)
				run_say(r, "%s: not running\n", found[i].name);
			continue;
		}
		if ((begun = stopping_begin(r, &found[i], CONTROL_OTHERS, &targets[n_targets])) == STATUS_OK)
			n_targets++;
		*status = status_worse(*status, begun);
	}
	return n_targets;
}

/* Those found, side by side; *begun counts those that had something to be ended. */
static enum status stop_some(const struct run *r, struct instance *found, size_t n, size_t *begun)
{
	struct ending_target *targets = calloc(n + 1, sizeof(*targets));
	enum status status = STATUS_OK, waited;
	size_t n_targets;

	if (targets == NULL)
		return STATUS_FAILED;
	n_targets = begin_all(r, found, n, targets, &status);
	if (n_targets > 0) {
		waited = stopping_wait(r, targets, n_targets);
		status = status_worse(status, waited);
		stopping_leave(targets, n_targets);
	}
	for (size_t i = 0; i < n_targets; i++)
		ending_free(&targets[i]);
	free(targets);
	*begun += n_targets;
	return status;
}

/* All at once, unless there are so many that we lack descriptors. */
static enum status stop_all(const struct run *r, struct instance *found, size_t n, size_t *begun)
{
	int64_t room = (descriptors_limit() - OTHER_DESCRIPTORS) / DESCRIPTORS_EACH;
	size_t most = room > 1 ? (size_t)room : 1;
	enum status status = STATUS_OK, stopped;

	for (size_t i = 0; i < n && !run_interrupted(); i += most) {
		stopped = stop_some(r, found + i, n - i < most ? n - i : most, begun);
		status = status_worse(status, stopped);
	}
	return status;
}

enum status command_stop(const struct run *r)
{
	struct instance *found;
	enum status status;
	size_t n, begun = 0;
	int rc;

	if (!targets_are_known(r, true))
		return STATUS_USAGE;
	ask_all(r); /* first: who has the lock by now is found, and who gets it later looks */
	if ((rc = targets_find(r, &found, &n)) < 0)
		return rc == -EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	status = stop_all(r, found, n, &begun);
	if (begun == 0 && status == STATUS_OK && r->options->n_names == 0)
		run_say(r, "no milters are running\n");
	instances_free(found, n);
	return status;
}
