#include "pmx/ending.h"

#include "base/clock.h"
#include "base/procfs.h"
#include "pmx/alive.h"
#include "pmx/asked.h"
#include "pmx/question.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS 2000
#define LOOK_EVERY_MS 200
#define DEFAULT_STOP_S 300
#define DEFAULT_ABORT_S 15
#define DEFAULT_KILL_S 5

void ending_begin(struct ending_target *t, struct instance *taken, int control_fd, enum ending level,
		  const char *signal, int64_t timeout_s, bool escalate)
{
	const struct state *s = &taken->state;

	*t = (struct ending_target){
		.instance = *taken,
		.control_fd = control_fd,
		.level = level,
		.signal = signal,
		.escalate = escalate || s->escalate != 0,
		.of_start = control_fd == CONTROL_OTHERS && taken->is == INSTANCE_STARTING,
		.first_front = taken->front,
		.first_mux = taken->mux,
		.timeout_s = timeout_s >= 0     ? timeout_s
			     : taken->has_state ? s->stop_timeout_s
						: DEFAULT_STOP_S,
	};
	*taken = (struct instance){ .name = NULL };
}

void ending_free(struct ending_target *t)
{
	for (size_t i = 0; i < t->n_held; i++)
		alive_release(&t->held[i]);
	free(t->held);
	if (t->control_fd >= 0)
		control_release(&t->instance.place, t->control_fd);
	instance_free(&t->instance);
	*t = (struct ending_target){ .control_fd = CONTROL_NONE };
}

static int64_t level_timeout_ms(const struct ending_target *t)
{
	const struct state *s = &t->instance.state;

	switch (t->level) {
	case END_ABORT:
		return (s->abort_timeout_s > 0 ? s->abort_timeout_s : DEFAULT_ABORT_S) * 1000;
	case END_KILL:
		return (s->kill_timeout_s > 0 ? s->kill_timeout_s : DEFAULT_KILL_S) * 1000;
	default:
		return t->timeout_s * 1000 + (t->control_fd == CONTROL_OTHERS ? t->start_wait_ms : 0);
	}
}

int64_t ending_busy(const struct instance *i)
{
	struct snapshot s;
	int64_t busy = 0;

	if (question_snapshot(i->place.mux_socket, ASK_MS, &s) < 0)
		return 0;
	for (size_t n = 0; n < s.n_slots; n++)
		busy += s.slots[n].in_flight > 0 ? s.slots[n].in_flight : 0;
	snapshot_free(&s);
	return busy;
}

/* --- processes to be waited for --- */

static int hold(struct ending_target *t, pid_t pid)
{
	struct alive *grown = realloc(t->held, (t->n_held + 1) * sizeof(*grown));
	int rc;

	if (grown == NULL)
		return -ENOMEM;
	t->held = grown;
	if ((rc = alive_hold(pid, &grown[t->n_held])) == 0)
		t->n_held++;
	return rc;
}

/* The last one: it was not whom we meant. */
static void let_go(struct ending_target *t)
{
	alive_release(&t->held[--t->n_held]);
}

static void program_hold(struct ending_target *t, pid_t pid, const char *lock)
{
	for (size_t i = 0; i < t->n_held; i++)
		if (t->held[i].pid == pid)
			return;
	if (pid > 0 && hold(t, pid) == 0 && alive_holder(lock) != pid)
		let_go(t);
}

/* Joined to another's end, only those who lived when we came; joined to a start, also who comes out of it. */
static void hold_both(struct ending_target *t)
{
	const struct instance *i = &t->instance;
	bool all = t->control_fd != CONTROL_OTHERS || t->of_start;

	if (all || i->front == t->first_front)
		program_hold(t, i->front, i->place.front_lock);
	if (all || i->mux == t->first_mux)
		program_hold(t, i->mux, i->place.mux_lock);
}

static bool all_are_gone(const struct ending_target *t)
{
	for (size_t i = 0; i < t->n_held; i++)
		if (!alive_has_ended(&t->held[i]))
			return false;
	return true;
}

/* --- signals --- */

/* For everybody to see, and for a second stop, which must not signal again. */
static int phase_write(struct ending_target *t)
{
	struct state *s = &t->instance.state;
	int rc;

	if (!t->instance.has_state)
		return 0;
	if ((rc = state_set(&s->phase, "stopping")) < 0 || (rc = state_set(&s->signal, t->signal)) < 0)
		return rc;
	s->since_ms = clock_wall_ms();
	return state_write(t->instance.place.state, s);
}

/* To a front end that is ending gently a second gentle signal would be an abort. */
static bool is_asked_already(const struct ending_target *t)
{
	if (t->control_fd == CONTROL_OTHERS)
		return true;
	if (!t->instance.has_state || strcmp(t->instance.state.phase, "stopping") != 0)
		return false;
	/* Who wrote that may have been killed before it signalled. */
	return !question_is_serving(t->instance.place.front_socket);
}

static int send_graceful(struct ending_target *t)
{
	const struct instance *i = &t->instance;

	if (is_asked_already(t))
		return 0;
	/* On a full disk nothing tells that it was asked, but it itself. */
	if (phase_write(t) < 0 && i->front > 0 && question_is_ending(i->place.front_socket))
		return 0;
	return i->front > 0 ? alive_signal(i->place.front_lock, SIGHUP) : 0;
}

static int send_abort(struct ending_target *t)
{
	(void)phase_write(t);
	return t->instance.front > 0 ? alive_signal(t->instance.place.front_lock, SIGINT) : 0;
}

/* All children of the controller, from before it is killed: then they are nobody's any more. */
static int workers_hold(struct ending_target *t)
{
	pid_t *pids;
	size_t n;
	int rc = procfs_children(t->instance.mux, &pids, &n);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct procfs_facts f;

		if ((rc = hold(t, pids[i])) == -ESRCH)
			rc = 0; /* it has ended */
		else if (rc == 0 && (procfs_read(pids[i], &f) < 0 || f.parent != t->instance.mux))
			let_go(t);
	}
	free(pids);
	return rc;
}

static int send_kill(struct ending_target *t)
{
	const struct place *p = &t->instance.place;
	int rc = 0, mux = 0, front = 0;

	(void)phase_write(t);
	if (t->instance.mux > 0) {
		rc = workers_hold(t);
		mux = alive_signal(p->mux_lock, SIGKILL); /* first: it starts workers */
	}
	if (t->instance.front > 0)
		front = alive_signal(p->front_lock, SIGKILL);
	for (size_t i = 0; i < t->n_held; i++)
		alive_send(&t->held[i], SIGKILL);
	return rc < 0 ? rc : mux < 0 ? mux : front;
}

static void send(struct ending_target *t, int64_t now)
{
	int rc;

	if (t->control_fd == CONTROL_OTHERS && t->level != END_GRACEFUL)
		asked_stop(&t->instance.place, true); /* before those are signalled whom it waits for */
	rc = t->level == END_GRACEFUL ? send_graceful(t)
	     : t->level == END_ABORT  ? send_abort(t)
				      : send_kill(t);

	t->sent = true;
	t->told_front = t->instance.front;
	t->told_mux = t->instance.mux;
	t->deadline_ms = now + level_timeout_ms(t);
	if (rc == 0 || rc == -ESRCH)
		return;
	t->result = ENDING_FAILED;
	t->error = rc;
}

/* A start at work brings up one after the other: an abrupt end is for all of them. */
static bool has_newcomer(const struct ending_target *t)
{
	const struct instance *i = &t->instance;

	if (!t->of_start || t->level == END_GRACEFUL)
		return false;
	return (i->front > 0 && i->front != t->told_front) ||
	       (t->level == END_KILL && i->mux > 0 && i->mux != t->told_mux);
}

/* The controller ends when the front end has, and at a graceful end not before its workers are done. */
static void mux_ask(struct ending_target *t, int64_t now)
{
	bool gently = t->level == END_GRACEFUL;

	if (t->instance.mux <= 0 || t->asked_mux == t->instance.mux ||
	    (gently && now - t->mux_looked_ms < LOOK_EVERY_MS))
		return;
	t->mux_looked_ms = now;
	if (gently && t->instance.is == INSTANCE_STARTING) /* the front end is yet to come */
		return;
	if (gently && ending_busy(&t->instance) > 0)
		return;
	if (alive_signal(t->instance.place.mux_lock, SIGTERM) == 0)
		t->asked_mux = t->instance.mux;
}

static void overdue(struct ending_target *t, int64_t now)
{
	if (t->level == END_ABORT)
		mux_ask(t, now);
	if (t->escalate && t->level < END_KILL) {
		t->level++;
		t->signal = t->level == END_ABORT ? "INT" : "KILL";
		t->sent = false;
	} else {
		t->result = ENDING_OVERDUE;
	}
}

/* --- files --- */

static bool is_recorded(const struct state *s)
{
	struct stat st;

	return s->socket[0] == '/' && lstat(s->socket, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       (int64_t)st.st_dev == s->socket_dev && (int64_t)st.st_ino == s->socket_ino;
}

void ending_clean(const struct instance *i, bool keep_port)
{
	const struct place *p = &i->place;
	const char *const files[] = { p->front_pid, p->mux_pid,      p->front_lock, p->mux_lock,
				      p->state,     p->front_socket, p->mux_socket };

	if (!keep_port && i->has_state && is_recorded(&i->state))
		unlink(i->state.socket);
	for (size_t n = 0; n < sizeof(files) / sizeof(files[0]); n++)
		if (unlink(files[n]) == -1 && (errno == EISDIR || errno == EPERM))
			rmdir(files[n]); /* an empty folder in the place of a file: it would hinder the next
					    start */
}

/* Only who has the control lock cleans up: a new instance could be on its way. */
static void gone(struct ending_target *t)
{
	struct control_holder holder;

	t->result = ENDING_GONE;
	if (t->control_fd == CONTROL_OTHERS &&
	    control_take(&t->instance.place, "stop", 0, &t->control_fd, &holder) < 0) {
		t->control_fd = CONTROL_OTHERS;
		return;
	}
	instance_update(&t->instance);
	if (!instance_has_process(&t->instance))
		ending_clean(&t->instance, t->keep_port);
	if (t->control_fd < 0)
		return;
	control_release(&t->instance.place, t->control_fd); /* others need not wait for our other milters */
	t->control_fd = CONTROL_NONE;
}

/* Joined to an ending, it is over when those are gone who lived when we came, whatever is started then;
 * joined to a start, nothing is over before that is. */
static bool is_over(const struct ending_target *t)
{
	const struct instance *i = &t->instance;

	if (!all_are_gone(t)) /* a lock is free a moment before */
		return false;
	if (t->control_fd != CONTROL_OTHERS)
		return !instance_has_process(i);
	return !t->of_start && (t->first_front != 0 || t->first_mux != 0) &&
	       (t->first_front == 0 || i->front != t->first_front) &&
	       (t->first_mux == 0 || i->mux != t->first_mux);
}

/* They have let go, and it goes on: then it was a start, or their wait has ended. */
static void take_over(struct ending_target *t)
{
	struct control_holder holder;
	int fd;

	if (t->control_fd != CONTROL_OTHERS || control_take(&t->instance.place, "stop", 0, &fd, &holder) < 0)
		return;
	t->control_fd = fd;
	t->sent = false; /* perhaps to none of those that live now */
	t->asked_mux = 0;
	instance_update(&t->instance);
}

/* The start that we wait for is not the last one: who came after us wants it to run. */
static bool is_overruled(const struct ending_target *t)
{
	return t->of_start && t->control_fd == CONTROL_OTHERS &&
	       asked_is_overruled(&t->instance.place, t->asked);
}

void ending_prolong(struct ending_target *t, int64_t now_ms, int64_t ms)
{
	if (t->result == ENDING_OVERDUE || !t->escalate)
		t->deadline_ms = now_ms + ms;
	if (t->result == ENDING_OVERDUE)
		t->result = ENDING_GOES_ON;
}

void ending_step(struct ending_target *t, int64_t now_ms)
{
	if (t->result != ENDING_GOES_ON)
		return;
	if (t->begun_ms == 0)
		t->begun_ms = now_ms;
	instance_update(&t->instance);
	hold_both(t);
	if (is_overruled(t)) {
		t->result = ENDING_OVERRULED;
		return;
	}
	if (!is_over(t))
		take_over(t);
	if (is_over(t)) {
		gone(t);
	} else if (t->instance.front < 0 || t->instance.mux < 0) {
		t->result = ENDING_FAILED;
		t->error = t->instance.front < 0 ? t->instance.front : t->instance.mux;
	} else if (!t->sent || has_newcomer(t)) {
		send(t, now_ms);
	} else {
		if (t->instance.front == 0)
			mux_ask(t, now_ms);
		if (now_ms >= t->deadline_ms)
			overdue(t, now_ms);
	}
}
