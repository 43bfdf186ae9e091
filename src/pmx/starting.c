#include "pmx/starting.h"

#include "base/clock.h"
#include "pmx/asked.h"
#include "pmx/control.h"
#include "pmx/ending.h"
#include "pmx/journal.h"
#include "pmx/start.h"

#include <errno.h>
#include <string.h>

#define LOCK_WAIT_S 10
#define STEP_MS 50

static enum asked asked_of(const struct plan *p)
{
	return asked_since(&p->place, p->asked);
}

static int lock_wait(const struct run *r, const struct plan *p, const char *verb, int *fd,
		     struct control_holder *holder)
{
	int64_t wait_s = run_start_seconds(r, p->start_timeout_s);
	int64_t deadline = clock_mono_ms() + 1000 * (wait_s > LOCK_WAIT_S ? wait_s : LOCK_WAIT_S);
	int rc = control_take(&p->place, verb, 0, fd, holder);

	if (rc == -EAGAIN && holder->pid > 0)
		run_say(r, "%s: waiting for pmx-milter pid %lld, which is doing %s\n", p->name,
			(long long)holder->pid, holder->verb);
	while (rc == -EAGAIN && clock_mono_ms() < deadline) {
		if (asked_of(p) != ASKED_NOTHING)
			return -ECANCELED;
		rc = control_take(&p->place, verb, STEP_MS, fd, holder);
	}
	return rc;
}

static enum status called_off(const struct plan *p)
{
	run_error("%s: somebody has stopped it: not started\n", p->name);
	return STATUS_FAILED;
}

enum status starting_announce(const struct plan *p)
{
	if (asked_of(p) != ASKED_NOTHING)
		return called_off(p);
	asked_start(&p->place);
	return STATUS_OK;
}

static enum status lock_failed(const struct plan *p, const char *verb, int rc,
			       const struct control_holder *holder)
{
	if (rc == -ECANCELED)
		return called_off(p);
	if (rc == -EAGAIN && holder->pid > 0)
		run_error("%s: busy: pmx-milter pid %lld is doing %s\n", p->name, (long long)holder->pid,
			  holder->verb);
	else if (rc == -EAGAIN)
		run_error("%s: busy: another pmx-milter is at it\n", p->name);
	else if (rc == -EINTR)
		run_error("%s: %s: interrupted\n", p->name, verb);
	else
		run_error("%s: %s: %s\n", p->name, p->place.lock, control_error(rc));
	return rc == -EINTR                    ? run_interrupted_status()
	       : rc == -EACCES || rc == -EPERM ? STATUS_NOT_PERMITTED
					       : STATUS_FAILED;
}

enum status starting_lock(const struct run *r, const struct plan *p, const char *verb, int *fd)
{
	struct control_holder holder = { .pid = 0 };
	int rc = lock_wait(r, p, verb, fd, &holder);

	return rc < 0 ? lock_failed(p, verb, rc, &holder) : STATUS_OK;
}

enum status starting_lock_now(const struct plan *p, const char *verb, int *fd)
{
	struct control_holder holder = { .pid = 0 };
	int rc = control_take(&p->place, verb, 0, fd, &holder);

	return rc < 0 && rc != -EAGAIN ? lock_failed(p, verb, rc, &holder) : STATUS_OK;
}

enum status starting_clear(const struct run *r, const struct plan *p, struct instance *i)
{
	bool gently = i->is == INSTANCE_STOPPING;
	struct ending_target t;
	enum status status = STATUS_OK;

	if (i->is == INSTANCE_STOPPED)
		return asked_of(p) != ASKED_NOTHING ? called_off(p) : STATUS_OK;
	ending_begin(&t, i, CONTROL_OURS, gently ? END_GRACEFUL : END_ABORT, gently ? "HUP" : "INT",
		     run_start_seconds(r, p->start_timeout_s), !gently);
	while (t.result == ENDING_GOES_ON && !run_interrupted() && asked_of(p) == ASKED_NOTHING) {
		ending_step(&t, clock_mono_ms());
		run_pause(t.result == ENDING_GOES_ON ? STEP_MS : 0);
	}
	if (t.result == ENDING_OVERDUE)
		run_error("%s: start failed: the former one is still stopping\n", p->name);
	else if (t.result == ENDING_FAILED)
		run_error("%s: start failed: the former one cannot be ended: %s\n", p->name,
			  strerror(-t.error));
	if (asked_of(p) != ASKED_NOTHING)
		status = called_off(p);
	else if (t.result != ENDING_GONE)
		status = run_interrupted() ? run_interrupted_status() : STATUS_FAILED;
	ending_free(&t);
	return status;
}

static enum status port_failed(const struct plan *p, int rc)
{
	run_error("%s: start failed: cannot bind %s: %s\n", p->name,
		  conf_text(p->conf, p->milter, KEY_PORT, ""),
		  rc == -EADDRINUSE ? "address in use"
		  : rc == -EEXIST   ? "what is there is not a socket"
				    : strerror(-rc));
	return rc == -EACCES || rc == -EPERM ? STATUS_NOT_PERMITTED : STATUS_FAILED;
}

enum status starting_run(const struct run *r, const struct plan *p, int listen_fd)
{
	struct buf why;
	const char *cause;
	enum status status;
	pid_t pid = 0;

	if (listen_fd < 0 && (listen_fd = start_open_port(p)) < 0)
		return port_failed(p, listen_fd);
	run_say(r, "%s: starting ... ", p->name);
	buf_init(&why, BUF_NO_LIMIT);
	status = start_up(r, p, listen_fd, &pid, &why);
	if (status == STATUS_OK) {
		run_say(r, "started (pid %d)\n", (int)pid);
		journal("milter %s: started (pid %d)", p->name, (int)pid);
	} else {
		cause = asked_of(p) == ASKED_ABRUPTLY ? "somebody has stopped it"
			: why.len > 0                 ? why.data
						      : "interrupted";
		run_say(r, "failed\n");
		run_error("%s: start failed: %s\n", p->name, cause);
		if (!run_is_aside())
			journal("milter %s: start failed: %s", p->name, cause);
	}
	buf_free(&why);
	return status;
}
