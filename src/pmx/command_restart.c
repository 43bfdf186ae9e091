#include "pmx/alive.h"
#include "pmx/commands.h"
#include "pmx/control.h"
#include "pmx/preflight.h"
#include "pmx/start.h"
#include "pmx/starting.h"
#include "pmx/stopping.h"
#include "pmx/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY_AGAIN_MS 2000
#define RESTART_WAIT_S 300 /* the default of stop_timeout */

struct renewal { /* of one milter */
	struct instance instance;
	struct plan plan;
	int listen_fd;   /* the port, kept open all the time; -1: it has to be opened anew */
	bool taken_over; /* .. from the one that runs */
	bool skipped;    /* told already */
};

/* --- before anything is stopped --- */

/* The socket of the one that runs, if the port is to stay the same; a new port is opened at once, so that an
 * error is found while the old one still serves. */
static enum status take_port(const struct run *r, struct renewal *n)
{
	const struct state *s = &n->instance.state;
	const char *port = conf_text(r->conf, n->plan.milter, KEY_PORT, "");

	n->listen_fd = -1;
	if (n->instance.front <= 0)
		return STATUS_OK;
	if (!n->instance.has_state || strcmp(s->port, port) != 0) {
		if ((n->listen_fd = start_open_port(&n->plan)) >= 0)
			return STATUS_OK;
		run_error("%s: restart refused: cannot bind %s: %s\n", n->plan.name, port,
			  strerror(-n->listen_fd));
		return STATUS_FAILED;
	}
	n->listen_fd = alive_take_socket(n->instance.front, (ino_t)s->listen_ino);
	n->taken_over = n->listen_fd >= 0;
	if (!n->taken_over)
		run_say(r, "%s: the port is closed while it restarts: its socket cannot be taken over: %s\n",
			n->plan.name, strerror(-n->listen_fd));
	return STATUS_OK;
}

static enum status prepare(const struct run *r, struct renewal *n, const struct conf_milter *m)
{
	struct buf why;
	enum status status;
	int rc = plan_init(&n->plan, r->conf, m);

	if (rc < 0) {
		run_error("%s: restart refused: %s\n", m->name, strerror(-rc));
		return STATUS_FAILED;
	}
	buf_init(&why, BUF_NO_LIMIT);
	if ((status = preflight(&n->plan, run_start_seconds(r, n->plan.start_timeout_s), &why)) != STATUS_OK)
		run_error("%s: restart refused: %s\n", m->name, why.data);
	buf_free(&why);
	return status == STATUS_OK ? take_port(r, n) : status;
}

/* All targets, or nothing is stopped. A block that has vanished is told, and only that milter left as it is.
 */
static enum status prepare_all(const struct run *r, struct renewal *all, size_t n, enum status *vanished)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < n; i++) {
		const struct conf_milter *m = conf_find(r->conf, all[i].instance.name);
		bool down = !instance_has_process(&all[i].instance);

		all[i].skipped = m == NULL || (down && r->options->n_names == 0);
		if (m == NULL && !down) {
			run_error("%s: not in the configuration any more: it goes on as it is; stop it with "
				  "pmx-milter stop %s\n",
				  all[i].instance.name, all[i].instance.name);
			*vanished = STATUS_NOT_CONFIGURED;
		}
		if (!all[i].skipped)
			status = status_worse(status, prepare(r, &all[i], m));
	}
	return status;
}

/* --- one after the other --- */

static enum status stop_it(const struct run *r, struct renewal *n)
{
	struct ending_target t;
	enum status status;

	stopping_begin(r, &n->instance, CONTROL_OURS, &t);
	t.keep_port = n->taken_over;
	if (t.timeout_s == 0 && !t.escalate) /* who would start it when nobody waits? */
		t.timeout_s = RESTART_WAIT_S;
	status = stopping_wait(r, &t, 1);
	if (status == STATUS_OK && t.result != ENDING_GONE)
		status = STATUS_FAILED;
	ending_free(&t);
	return status;
}

static enum status start_it(const struct run *r, struct renewal *n)
{
	/* A failed start removes the file of a local port, but a TCP port stays. */
	int spare = n->listen_fd >= 0 && n->plan.port.number > 0 ? dup(n->listen_fd) : -1, fd = n->listen_fd;
	enum status status;

	n->listen_fd = -1;
	status = starting_run(r, &n->plan, fd);
	if (status == STATUS_FAILED && !run_interrupted()) {
		run_pause(TRY_AGAIN_MS); /* the address may have been in use for a moment */
		status = starting_run(r, &n->plan, spare);
		spare = -1;
		if (status != STATUS_OK)
			run_error("%s: is DOWN: it was stopped and cannot be started\n", n->plan.name);
	}
	if (spare >= 0)
		close(spare);
	return status;
}

static enum status renew_locked(const struct run *r, struct renewal *n)
{
	struct instance i;
	enum status status = STATUS_OK;
	bool asked;

	instance_update(&n->instance);
	if (instance_has_process(&n->instance))
		status = stop_it(r, n);
	if (status != STATUS_OK)
		return status;
	if (instance_look(&i, r->run_dir, n->plan.name) < 0)
		return STATUS_FAILED;
	asked = access(n->plan.place.asked, F_OK) == 0;
	instance_free(&i);
	if (asked) {
		run_say(r, "%s: somebody has stopped it: not started again\n", n->plan.name);
		unlink(n->plan.place.asked);
		return STATUS_FAILED;
	}
	return start_it(r, n);
}

static enum status renew(const struct run *r, struct renewal *n)
{
	char *names[] = { (char *)(uintptr_t)n->plan.name };
	enum status status;
	int fd;

	if ((status = starting_lock(r, &n->plan, "restart", &fd)) != STATUS_OK)
		return status;
	unlink(n->plan.place.asked);
	status = renew_locked(r, n);
	control_release(&n->plan.place, fd);
	if (status != STATUS_OK && n->instance.name == NULL) {
		struct instance i;

		/* The graceful stop took too long: it has to be brought to its end all the same. */
		if (instance_look(&i, r->run_dir, n->plan.name) == 0 && i.is == INSTANCE_STOPPING)
			stopping_leave(r, names, 1);
		instance_free(&i);
	}
	return status;
}

static void renewals_free(struct renewal *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].listen_fd >= 0)
			close(all[i].listen_fd);
		instance_free(&all[i].instance);
		plan_free(&all[i].plan);
	}
	free(all);
}

enum status command_restart(const struct run *r)
{
	enum status status, vanished = STATUS_OK;
	struct instance *found;
	struct renewal *all;
	size_t n;
	int rc;

	if (!targets_are_known(r, false))
		return STATUS_USAGE;
	if ((rc = targets_find(r, &found, &n)) < 0)
		return rc == -EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	if ((all = calloc(n + 1, sizeof(*all))) == NULL) {
		instances_free(found, n);
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct renewal){ .instance = found[i], .listen_fd = -1 };
		found[i] = (struct instance){ .name = NULL };
	}
	status = prepare_all(r, all, n, &vanished);
	if (status == STATUS_OK) {
		for (size_t i = 0; i < n && !run_interrupted(); i++)
			if (!all[i].skipped)
				status = status_worse(status, renew(r, &all[i]));
	} else {
		run_error("pmx-milter: nothing was stopped\n");
	}
	renewals_free(all, n);
	instances_free(found, n);
	return status_worse(status, vanished);
}
