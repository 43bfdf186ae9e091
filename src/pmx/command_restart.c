#include "pmx/alive.h"
#include "pmx/asked.h"
#include "pmx/commands.h"
#include "pmx/control.h"
#include "pmx/journal.h"
#include "pmx/preflight.h"
#include "pmx/start.h"
#include "pmx/starting.h"
#include "pmx/stopping.h"
#include "pmx/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY_AGAIN_MS 2000
#define RESTART_WAIT_S 300 /* the default of stop_timeout */

struct renewal { /* of one milter */
	struct instance instance;
	struct plan plan;
	int listen_fd;   /* the port, kept open all the time; -1: it has to be opened anew */
	bool taken_over; /* .. from the one that ran */
	bool stopped;    /* by us */
	bool ran;        /* when the restart began; then it is started only after we stopped it */
	int64_t asked;   /* the mark of that time */
	bool gap_told;   /* that the port cannot be kept open */
	bool skipped;    /* told already */
	struct ending_target unfinished; /* its stop, when that goes on without us */
	bool is_unfinished;
};

/* --- before anything is stopped --- */

/* Whether the old port and the new one cannot be open at a time. */
static bool ports_collide(const struct run *r, const struct renewal *n)
{
	struct port old;

	return n->instance.has_state && port_parse(n->instance.state.port, r->run_dir, &old) == NULL &&
	       port_overlaps(&old, &n->plan.port);
}

/* A new port is opened at once, so that an error is found while the old one still serves. */
static enum status open_port(const struct run *r, struct renewal *n, const char *port)
{
	int fd;

	if (ports_collide(r, n)) {
		run_say(r,
			"%s: the port is closed while it restarts: %s cannot be opened before %s is closed\n",
			n->plan.name, port, n->instance.state.port);
		return STATUS_OK;
	}
	if ((fd = start_open_port(&n->plan)) < 0) {
		run_error("%s: restart refused: cannot bind %s: %s\n", n->plan.name, port, strerror(-fd));
		return STATUS_FAILED;
	}
	n->listen_fd = fd;
	return STATUS_OK;
}

static const char *new_port(const struct run *r, const struct renewal *n)
{
	return conf_text(r->conf, n->plan.milter, KEY_PORT, "");
}

static bool port_stays(const struct run *r, const struct renewal *n)
{
	return n->instance.has_state && strcmp(n->instance.state.port, new_port(r, n)) == 0;
}

/* The socket of the one that runs: a descriptor, or -errno, which is told once. */
static int take_port(const struct run *r, struct renewal *n)
{
	int fd = alive_take_socket(n->instance.front, (ino_t)n->instance.state.listen_ino);

	if (fd < 0 && !n->gap_told)
		run_say(r, "%s: the port is closed while it restarts: its socket cannot be taken over: %s\n",
			n->plan.name, strerror(-fd));
	n->gap_told = n->gap_told || fd < 0;
	return fd;
}

/* What can be told of the port before anything is stopped. Its socket is only tried: who stops the milter
 * before its turn has come, and starts it, needs the port himself. */
static enum status prepare_port(const struct run *r, struct renewal *n)
{
	int fd;

	if (n->instance.front <= 0)
		return STATUS_OK;
	if (!port_stays(r, n))
		return open_port(r, n, new_port(r, n));
	/* One that is stopping has closed it; but perhaps another restart has it, and opens it again. */
	if (n->instance.is != INSTANCE_STOPPING && (fd = take_port(r, n)) >= 0)
		close(fd);
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
	return status == STATUS_OK ? prepare_port(r, n) : status;
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

static void announce_all(const struct renewal *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!all[i].skipped)
			asked_start(&all[i].plan.place);
}

static bool all_are_skipped(const struct renewal *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!all[i].skipped)
			return false;
	return true;
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
	if (t.result == ENDING_GOES_ON || t.result == ENDING_OVERDUE) {
		run_error("%s: NOT restarted: it goes on stopping, and stays down\n", n->plan.name);
		t.keep_port = false;
		n->unfinished = t;
		n->is_unfinished = true;
	} else {
		ending_free(&t);
	}
	return status;
}

/* What the configuration says of the port may have changed, though it stays open. */
static void port_renew(const struct renewal *n)
{
	const struct plan *p = &n->plan;
	const char *path = p->port.number > 0 ? "" : p->port.address.un.sun_path;
	struct stat st;

	if (listen(n->listen_fd, p->backlog) == -1)
		run_error("%s: listen_queue_size: %s\n", p->name, strerror(errno));
	if (*path != '\0' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    chmod(path, 0777 & ~start_port_umask(p)) == -1)
		run_error("%s: %s: %s\n", p->name, path, strerror(errno));
}

static bool is_asked_to_stop(const struct renewal *n)
{
	return asked_since(&n->plan.place, n->plan.asked) != ASKED_NOTHING;
}

static enum status obey_stop(const struct run *r, const struct renewal *n, const char *why)
{
	run_say(r, "%s: %s: not started again\n", n->plan.name, why);
	journal("milter %s: %s: not started again", n->plan.name, why);
	return STATUS_FAILED;
}

static enum status start_it(const struct run *r, struct renewal *n)
{
	/* A failed start removes the file of a local port, but a TCP port stays. */
	int spare = n->listen_fd >= 0 && n->plan.port.number > 0 ? dup(n->listen_fd) : -1, fd = n->listen_fd;
	enum status status;

	if (n->taken_over)
		port_renew(n);
	n->listen_fd = -1;
	status = starting_run(r, &n->plan, fd);
	if (status == STATUS_FAILED && !run_interrupted() && !is_asked_to_stop(n)) {
		run_pause(TRY_AGAIN_MS); /* the address may have been in use for a moment */
		if (!is_asked_to_stop(n)) {
			status = starting_run(r, &n->plan, spare);
			spare = -1;
		}
	}
	if (status == STATUS_FAILED && is_asked_to_stop(n))
		status = obey_stop(r, n, "somebody has stopped it");
	else if (status != STATUS_OK && n->stopped)
		run_error("%s: is DOWN: it was stopped, and %s\n", n->plan.name,
			  run_interrupted() ? "its start was interrupted" : "cannot be started");
	if (spare >= 0)
		close(spare);
	return status;
}

/* Before its turn came. One that ran has left nothing then; if it had died it would have. */
static bool was_stopped(const struct renewal *n)
{
	if (instance_has_process(&n->instance))
		return false;
	return (n->ran && !n->instance.has_state) || asked_since(&n->plan.place, n->asked) != ASKED_NOTHING;
}

static enum status renew_locked(const struct run *r, struct renewal *n)
{
	enum status status = STATUS_OK;

	instance_update(&n->instance);
	if (was_stopped(n))
		return obey_stop(r, n, "it was stopped meanwhile");
	if (n->instance.front > 0 && n->instance.is != INSTANCE_STOPPING && n->listen_fd < 0 &&
	    port_stays(r, n))
		n->taken_over = (n->listen_fd = take_port(r, n)) >= 0;
	if ((n->stopped = instance_has_process(&n->instance)))
		status = stop_it(r, n);
	if (status != STATUS_OK)
		return status;
	return is_asked_to_stop(n) ? obey_stop(r, n, "somebody has stopped it") : start_it(r, n);
}

static enum status renew(const struct run *r, struct renewal *n)
{
	enum status status;
	int fd;

	n->plan.asked = asked_note(&n->plan.place); /* who runs was started after what was wanted before */
	if ((status = starting_lock(r, &n->plan, "restart", &fd)) != STATUS_OK)
		return status;
	status = renew_locked(r, n);
	if (n->is_unfinished)
		n->unfinished.control_fd = fd; /* the lock goes with it */
	else
		control_release(&n->plan.place, fd);
	return status;
}

static void renewal_free(struct renewal *n)
{
	if (n->listen_fd >= 0) {
		close(n->listen_fd);
		if (!n->taken_over && n->plan.port.number == 0)
			unlink(n->plan.port.address.un.sun_path); /* opened for nothing */
	}
	instance_free(&n->instance);
	plan_free(&n->plan);
}

/* What is still stopping goes on in the background: without the ports that we hold. */
static void renewals_end(struct renewal *all, size_t n)
{
	struct ending_target *left = calloc(n + 1, sizeof(*left));
	size_t n_left = 0;

	for (size_t i = 0; i < n; i++) {
		renewal_free(&all[i]);
		if (all[i].is_unfinished && left != NULL)
			left[n_left++] = all[i].unfinished;
	}
	free(all);
	if (left != NULL)
		stopping_leave(left, n_left);
	for (size_t i = 0; i < n_left; i++)
		ending_free(&left[i]);
	free(left);
}

/* One after the other: not all of them are down at a time. */
static enum status renew_all(const struct run *r, struct renewal *all, size_t n)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < n; i++) {
		if (all[i].skipped)
			continue;
		if (run_interrupted())
			return run_interrupted_status();
		status = status_worse(status, renew(r, &all[i]));
	}
	return status;
}

/* In the process that does not do it: the ports are not ours any more. */
static enum status leave_all(const struct run *r, struct renewal *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].skipped)
			continue;
		run_say(r, "%s: restarting, not waited for\n", all[i].plan.name);
		if (all[i].listen_fd >= 0)
			close(all[i].listen_fd);
		all[i].listen_fd = -1;
	}
	return STATUS_OK;
}

static enum status renew_all_aside(const struct run *r, struct renewal *all, size_t n)
{
	struct options options;
	struct run aside;
	int rc = run_go_aside(r, &options, &aside);

	if (rc == 0)
		return renew_all(&aside, all, n);
	return rc == 1 ? leave_all(r, all, n) : STATUS_FAILED;
}

/* One that is stopping is not: who restarts it, after that, wants it to run. Nor is one that is being started
 * and was named: it is to run in any case. */
static bool ran(const struct run *r, const struct instance *i)
{
	if (i->is == INSTANCE_STOPPING || (i->is == INSTANCE_STARTING && r->options->n_names > 0))
		return false;
	return instance_has_process(i);
}

enum status command_restart(const struct run *r)
{
	enum status status, vanished = STATUS_OK;
	struct instance *found;
	struct renewal *all;
	size_t n;
	int rc;

	run_ignore_hangup();
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
		all[i].asked = asked_note(&found[i].place);
		all[i].ran = ran(r, &found[i]);
		found[i] = (struct instance){ .name = NULL };
	}
	status = prepare_all(r, all, n, &vanished);
	if (vanished == STATUS_OK && all_are_skipped(all, n))
		run_say(r, "no milters are running\n");
	if (status == STATUS_OK) {
		announce_all(all, n);
		status = r->options->no_wait ? renew_all_aside(r, all, n) : renew_all(r, all, n);
	} else {
		run_error("pmx-milter: nothing was stopped\n");
	}
	renewals_end(all, n);
	instances_free(found, n);
	return status_worse(status, vanished);
}
