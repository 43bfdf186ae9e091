#include "pmx/stopping.h"

#include "base/clock.h"
#include "base/spawn.h"
#include "pmx/asked.h"
#include "pmx/control.h"
#include "pmx/journal.h"
#include "pmx/question.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define START_WAIT_S 60 /* more than a start takes, as a rule */
#define STEP_MS 50
#define SLOW_STEP_MS 500
#define BACKGROUND_MS INT64_C(86400000) /* a day */

static bool is_full(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT || rc == -EROFS;
}

/* How long a start that is at work is waited for, in addition. An abrupt end does not wait. */
static int64_t start_wait_ms(const struct options *o)
{
	if (o->no_wait || o->ending != END_GRACEFUL)
		return 0;
	return o->timeout_s >= 0 && o->timeout_s < START_WAIT_S ? o->timeout_s * 1000 : START_WAIT_S * 1000;
}

/* What we have of the control lock. */
struct hold {
	int fd;        /* as the control_fd of an ending_target */
	bool start;    /* it is a start that we join: our other milters are not to wait for it */
	int64_t asked; /* the mark of our wish when we join */
};

/* Somebody else has it. Our wish once more: not all milters were in the configuration. */
static void join(const struct run *r, const struct instance *i, const struct control_holder *holder,
		 struct hold *out)
{
	*out = (struct hold){
		.fd = CONTROL_OTHERS,
		.start = strcmp(holder->verb, "start") == 0,
		.asked = asked_stop(&i->place, r->options->ending != END_GRACEFUL),
	};
	if (out->start && start_wait_ms(r->options) > 0)
		run_say(r, "%s: being started by pid %lld, waiting\n", i->name, (long long)holder->pid);
}

static enum status lock_or_join(const struct run *r, const struct instance *i, struct hold *out)
{
	struct control_holder holder = { .pid = 0 };
	int rc;

	*out = (struct hold){ .fd = CONTROL_NONE };
	rc = control_take(&i->place, "stop", 0, &out->fd, &holder);
	if (rc == 0)
		return STATUS_OK;
	out->fd = CONTROL_NONE;
	if (rc == -EAGAIN)
		join(r, i, &holder, out);
	if (rc == -EAGAIN || is_full(rc)) /* stopping it must be possible all the same */
		return STATUS_OK;
	if (rc == -EINTR)
		run_error("%s: stop: interrupted\n", i->name);
	else
		run_error("%s: stop failed: %s: %s\n", i->name, i->place.lock, control_error(rc));
	return rc == -EINTR                    ? run_interrupted_status()
	       : rc == -EACCES || rc == -EPERM ? STATUS_NOT_PERMITTED
					       : STATUS_FAILED;
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void say_begin(const struct run *r, const struct ending_target *t)
{
	int64_t n = t->level == END_GRACEFUL && t->instance.front > 0
			    ? question_connections(t->instance.place.front_socket)
			    : -1;

	if (n >= 0)
		run_say(r, "%s: stopping (%s), %lld connection%s open\n", t->instance.name, t->signal,
			(long long)n, plural(n));
	else
		run_say(r, "%s: stopping (%s)\n", t->instance.name, t->signal);
}

enum status stopping_begin(const struct run *r, struct instance *taken, int control_fd,
			   struct ending_target *out)
{
	const struct options *o = r->options;
	enum status status = STATUS_OK;
	struct hold hold = { .fd = control_fd };

	if (control_fd == CONTROL_OTHERS && (status = lock_or_join(r, taken, &hold)) != STATUS_OK)
		return status;
	instance_update(taken);
	ending_begin(out, taken, hold.fd, o->ending, o->signal, o->timeout_s, o->escalate);
	out->of_start = out->of_start || hold.start; /* which may be waiting for the former one to end */
	out->asked = hold.asked;
	out->start_wait_ms = hold.start ? start_wait_ms(o) : 0;
	if (instance_has_process(&out->instance) && out->start_wait_ms == 0)
		say_begin(r, out);
	return STATUS_OK;
}

static void progress(const struct run *r, struct ending_target *t, int64_t now, int64_t *told_ms)
{
	int64_t n = -1, passed = (now - t->begun_ms) / 1000, whole = (t->deadline_ms - t->begun_ms) / 1000;

	if (r->options->quiet || now - *told_ms < SLOW_STEP_MS)
		return;
	if (t->instance.front > 0)
		n = question_connections(t->instance.place.front_socket);
	if (n >= 0)
		run_progress(r, told_ms, "%s: waiting, %lld connection%s open, %llds of %llds",
			     t->instance.name, (long long)n, plural(n), (long long)passed, (long long)whole);
	else
		run_progress(r, told_ms, "%s: waiting, %llds of %llds", t->instance.name, (long long)passed,
			     (long long)whole);
}

static void say_overdue(const struct ending_target *t)
{
	int64_t n = t->instance.front > 0 ? question_connections(t->instance.place.front_socket) : -1;
	int64_t seconds = (clock_mono_ms() - t->begun_ms) / 1000;
	static const char *const next[] = { "INT", "KILL", NULL };
	struct control_holder holder;

	control_holder_read(&t->instance.place, &holder);
	if (t->control_fd == CONTROL_OTHERS && !instance_has_process(&t->instance))
		run_error(
			"%s: no program of it is left, but pmx-milter pid %lld, which is doing %s, does not "
			"end\n",
			t->instance.name, (long long)holder.pid, holder.verb);
	else if (next[t->level] == NULL)
		run_error("%s: still there %llds after KILL: a process that the system cannot end\n",
			  t->instance.name, (long long)seconds);
	else if (n > 0)
		run_error("%s: still draining after %llds (%lld connection%s); try: pmx-milter stop -%s %s\n",
			  t->instance.name, (long long)seconds, (long long)n, plural(n), next[t->level],
			  t->instance.name);
	else
		run_error("%s: still there after %llds; try: pmx-milter stop -%s %s\n", t->instance.name,
			  (long long)seconds, next[t->level], t->instance.name);
}

/* Of one that is over. */
static enum status say_result(const struct run *r, const struct ending_target *t)
{
	switch (t->result) {
	case ENDING_GONE:
		run_say(r, "%s: stopped\n", t->instance.name);
		journal("milter %s: stopped (%s)", t->instance.name, t->signal);
		return STATUS_OK;
	case ENDING_OVERDUE:
		if (t->level == END_GRACEFUL && t->timeout_s == 0) {
			run_say(r, "%s: not waited for; it is still stopping\n", t->instance.name);
			return STATUS_OK;
		}
		say_overdue(t);
		return STATUS_FAILED;
	case ENDING_OVERRULED:
		run_error("%s: somebody has started it again: not stopped\n", t->instance.name);
		return STATUS_FAILED;
	default:
		run_error("%s: stop failed: %s\n", t->instance.name, strerror(-t->error));
		return t->error == -EPERM || t->error == -EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
	}
}

static bool step_all(const struct run *r, struct ending_target *targets, size_t n, enum status *status,
		     int64_t *told_ms)
{
	int64_t now = clock_mono_ms();
	struct ending_target *waiting = NULL;

	for (size_t i = 0; i < n; i++) {
		struct ending_target *t = &targets[i];
		bool was_going_on = t->result == ENDING_GOES_ON;

		ending_step(t, now);
		if (was_going_on && t->result != ENDING_GOES_ON)
			*status = status_worse(*status, say_result(r, t));
		else if (was_going_on && waiting == NULL)
			waiting = t;
	}
	if (waiting != NULL && waiting->sent)
		progress(r, waiting, now, told_ms);
	return waiting != NULL;
}

enum status stopping_wait(const struct run *r, struct ending_target *targets, size_t n)
{
	enum status status = STATUS_OK;
	int64_t begun = clock_mono_ms(), told_ms = begun;
	int64_t pause = STEP_MS;

	while (step_all(r, targets, n, &status, &told_ms)) {
		if (run_interrupted() || r->options->no_wait)
			break;
		run_pause(pause);
		if (clock_mono_ms() - begun > 10 * SLOW_STEP_MS)
			pause = SLOW_STEP_MS;
	}
	run_progress_end();
	if (!run_interrupted())
		return status;
	for (size_t i = 0; i < n; i++)
		if (targets[i].result == ENDING_GOES_ON)
			run_error("%s: not waiting any longer; it is still stopping\n",
				  targets[i].instance.name);
	return run_interrupted_status();
}

static const char *why_not(const struct ending_target *t)
{
	return t->result == ENDING_OVERRULED ? "somebody has started it again"
	       : t->result == ENDING_FAILED  ? strerror(-t->error)
					     : "it takes too long";
}

/* In the background. What it finds is in the journal: nobody reads along. */
static void finish(struct ending_target *targets, size_t n)
{
	int64_t now = clock_mono_ms();
	size_t left = n;

	run_release_signals();
	for (size_t i = 0; i < n; i++) {
		ending_prolong(&targets[i], now, BACKGROUND_MS);
		if (targets[i].control_fd >= 0)
			control_tell(targets[i].control_fd, "stop");
	}
	while (left > 0) {
		left = 0;
		for (size_t i = 0; i < n; i++) {
			struct ending_target *t = &targets[i];
			bool went_on = t->result == ENDING_GOES_ON;

			ending_step(t, clock_mono_ms());
			if (went_on && t->result == ENDING_GONE)
				journal("milter %s: stopped (%s)", t->instance.name, t->signal);
			else if (went_on && t->result != ENDING_GOES_ON)
				journal("milter %s: not stopped: %s", t->instance.name, why_not(t));
			left += t->result == ENDING_GOES_ON;
		}
		run_pause(SLOW_STEP_MS);
	}
}

void stopping_leave(struct ending_target *targets, size_t n)
{
	size_t left = 0;
	int rc;

	for (size_t i = 0; i < n; i++)
		left += targets[i].result == ENDING_GOES_ON || targets[i].result == ENDING_OVERDUE;
	if (left == 0)
		return;
	if ((rc = spawn_aside()) < 0)
		run_error("pmx-milter: cannot leave the wait to the background: run pmx-milter stop again "
			  "later: %s\n",
			  strerror(-rc));
	if (rc == 0)
		finish(targets, n);
	for (size_t i = 0; rc == 1 && i < n; i++) {
		if (targets[i].control_fd < 0)
			continue;
		close(targets[i].control_fd); /* the lock is that of the one in the background */
		targets[i].control_fd = CONTROL_NONE;
	}
}
