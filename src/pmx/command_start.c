#include "pmx/asked.h"
#include "pmx/commands.h"
#include "pmx/control.h"
#include "pmx/preflight.h"
#include "pmx/starting.h"
#include "pmx/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status start_locked(const struct run *r, const struct plan *p)
{
	struct instance i;
	enum status status = STATUS_FAILED;

	if (instance_look(&i, r->run_dir, p->name) < 0) {
		run_error("%s: out of memory\n", p->name);
	} else if (i.is == INSTANCE_RUNNING) {
		run_say(r, "%s: already running (pid %d)\n", p->name, (int)i.front);
		status = STATUS_OK;
	} else if (i.is == INSTANCE_UNKNOWN) {
		run_error("%s: start failed: cannot tell whether it runs\n", p->name);
		status = STATUS_NOT_PERMITTED;
	} else if ((status = starting_clear(r, p, &i)) == STATUS_OK) {
		status = starting_run(r, p, -1);
	}
	instance_free(&i);
	return status;
}

/* A milter that runs is left alone, whatever the checks would say of its configuration. */
static bool runs(const struct run *r, const struct plan *p)
{
	struct instance i;
	bool running = instance_look(&i, r->run_dir, p->name) == 0 && i.is == INSTANCE_RUNNING;

	if (running)
		run_say(r, "%s: already running (pid %d)\n", p->name, (int)i.front);
	instance_free(&i);
	return running;
}

/* In the background; the lock is taken already if it was free. Nobody waits for the exit status. */
static _Noreturn void start_in_background(const struct run *r, const struct plan *p, int lock_fd)
{
	if (lock_fd >= 0)
		control_tell(lock_fd, "start");
	else if (starting_lock(r, p, "start", &lock_fd) != STATUS_OK)
		_exit(STATUS_FAILED);
	start_locked(r, p);
	control_release(&p->place, lock_fd);
	_exit(STATUS_OK);
}

/* The lock goes with the process that starts it: a stop that comes next finds a start at work. */
static enum status start_aside(const struct run *r, const struct plan *p)
{
	struct options options;
	struct run aside;
	int lock_fd, rc;
	enum status status = starting_lock_now(p, "start", &lock_fd);

	if (status != STATUS_OK)
		return status;
	if ((rc = run_go_aside(r, &options, &aside)) == 0)
		start_in_background(&aside, p, lock_fd);
	if (rc < 0) {
		control_release(&p->place, lock_fd);
		return STATUS_FAILED;
	}
	if (lock_fd >= 0)
		close(lock_fd);
	run_say(r, "%s: starting, not waited for\n", p->name);
	return STATUS_OK;
}

static enum status start_planned(const struct run *r, const struct plan *p)
{
	struct buf why;
	enum status status;
	int fd;

	if (runs(r, p))
		return STATUS_OK;
	buf_init(&why, BUF_NO_LIMIT);
	if ((status = preflight(p, run_start_seconds(r, p->start_timeout_s), &why)) != STATUS_OK)
		run_error("%s: start failed: %s\n", p->name, why.data);
	buf_free(&why);
	if (status == STATUS_OK)
		status = starting_announce(p);
	if (status == STATUS_OK && r->options->no_wait)
		return start_aside(r, p);
	if (status != STATUS_OK || (status = starting_lock(r, p, "start", &fd)) != STATUS_OK)
		return status;
	status = start_locked(r, p);
	control_release(&p->place, fd);
	return status;
}

static enum status start_one(const struct run *r, const struct conf_milter *m, int64_t asked)
{
	struct plan p;
	enum status status = STATUS_FAILED;
	int rc = plan_init(&p, r->conf, m);

	p.asked = asked;
	if (rc == 0)
		status = start_planned(r, &p);
	else
		run_error("%s: start failed: %s\n", m->name, strerror(-rc));
	plan_free(&p);
	return status;
}

static bool is_named(const struct options *o, const char *name)
{
	for (int i = 0; i < o->n_names; i++)
		if (strcmp(o->names[i], name) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct run *r, const struct conf_milter *m)
{
	return r->options->n_names > 0 ? is_named(r->options, m->name) : conf_is_enabled(r->conf, m);
}

static enum status start_all(const struct run *r, const int64_t asked[])
{
	const struct conf *c = r->conf;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < c->n_milters; i++) {
		if (run_interrupted())
			return run_interrupted_status();
		if (is_wanted(r, c->milters[i]))
			status = status_worse(status, start_one(r, c->milters[i], asked[i]));
		else if (r->options->n_names == 0 && r->options->verbose)
			run_say(r, "%s: disabled, not started\n", c->milters[i]->name);
	}
	return status;
}

/* Of each milter that is to be started, all at the begin: a stop that comes before we get to one counts. */
static int64_t *note_all(const struct run *r)
{
	const struct conf *c = r->conf;
	int64_t *asked = calloc(c->n_milters + 1, sizeof(*asked));
	struct place place;

	for (size_t i = 0; asked != NULL && i < c->n_milters; i++) {
		if (!is_wanted(r, c->milters[i]))
			continue;
		if (place_init(&place, r->run_dir, c->milters[i]->name) == 0)
			asked[i] = asked_note(&place);
		place_free(&place);
	}
	return asked;
}

enum status command_start(const struct run *r)
{
	enum status status;
	int64_t *asked;

	if (!targets_are_known(r, false))
		return STATUS_USAGE;
	if ((asked = note_all(r)) == NULL) {
		run_error("pmx-milter: out of memory\n");
		return STATUS_FAILED;
	}
	status = start_all(r, asked);
	free(asked);
	return status;
}
