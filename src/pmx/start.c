#include "pmx/start.h"

#include "base/clock.h"
#include "base/listen.h"
#include "base/number.h"
#include "base/procfs.h"
#include "base/resolve.h"
#include "pmx/alive.h"
#include "pmx/asked.h"
#include "pmx/ending.h"
#include "pmx/launch.h"
#include "pmx/question.h"
#include "pmx/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 20
#define ASK_MS 1000
#define SETTLE_MS 1000 /* for so long both have to live */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct start {
	const struct run *run;
	const struct plan *plan;
	struct state state;
	struct child mux, front;
	bool mux_ready, front_ready;
	int listen_fd;
	int64_t seconds, deadline_ms; /* for the start */
	struct buf *why;
};

int start_open_port(const struct plan *p)
{
	struct address a = p->port.address;

	if (p->port.named && resolve_address(p->port.text, &a) != 0)
		return -EADDRNOTAVAIL;
	return listen_open(&a, p->backlog, start_port_umask(p));
}

mode_t start_port_umask(const struct plan *p)
{
	return p->group ? 007 : 027;
}

/* --- the cause of a failure --- */

/* What the program said, behind a colon. */
static void add_errors(struct start *s, const struct child *c)
{
	struct buf said;

	buf_init(&said, BUF_NO_LIMIT);
	child_errors(c, &said);
	if (said.len > 0)
		buf_addf(s->why, ": %s", said.data);
	buf_free(&said);
}

/* One that was ready already has ended. */
static void say_lost(struct start *s, bool mux)
{
	buf_addf(s->why, "%s exited too quickly", mux ? "mimedefang-multiplexor" : "mimedefang");
	add_errors(s, mux ? &s->mux : &s->front);
}

/* --- the state --- */

static void boot_id(char out[64])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, out, 63);

	if (fd != -1)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static int64_t last_generation(const struct plan *p)
{
	struct state before;
	int64_t n;

	if (state_read(p->place.state, &before) < 0)
		return 0;
	n = before.generation;
	state_free(&before);
	return n;
}

static void numbers_set(struct start *s)
{
	const struct plan *p = s->plan;
	const char *path = p->port.number > 0 ? "" : p->port.address.un.sun_path;
	struct stat st;

	if (fstat(s->listen_fd, &st) == 0)
		s->state.listen_ino = (int64_t)st.st_ino;
	if (*path != '\0' && lstat(path, &st) == 0) {
		s->state.socket_dev = (int64_t)st.st_dev;
		s->state.socket_ino = (int64_t)st.st_ino;
	}
	s->state.generation = last_generation(p) + 1;
	s->state.since_ms = s->state.started_ms = clock_wall_ms();
	s->state.max_workers = p->max_workers;
	s->state.stop_timeout_s = p->stop_timeout_s;
	s->state.abort_timeout_s = p->abort_timeout_s;
	s->state.kill_timeout_s = p->kill_timeout_s;
	s->state.escalate = p->escalate;
}

static int state_begin(struct start *s)
{
	const struct plan *p = s->plan;
	char boot[64], digest[17];
	struct state *t = &s->state;

	boot_id(boot);
	plan_digest(p, digest);
	numbers_set(s);
	if (state_set(&t->name, p->name) < 0 || state_set(&t->user, p->user) < 0 ||
	    state_set(&t->port, conf_text(p->conf, p->milter, KEY_PORT, "")) < 0 ||
	    state_set(&t->spool, p->spool) < 0 ||
	    state_set(&t->socket, p->port.number > 0 ? "" : p->port.address.un.sun_path) < 0 ||
	    state_set(&t->phase, "starting") < 0 || state_set(&t->signal, "") < 0 ||
	    state_set(&t->boot, boot) < 0 || state_set(&t->digest, digest) < 0)
		return -ENOMEM;
	return state_write(p->place.state, t);
}

static int64_t start_stamp(pid_t pid)
{
	struct procfs_facts f;

	return procfs_read(pid, &f) == 0 ? f.start : 0;
}

static int state_finish(struct start *s)
{
	struct state *t = &s->state;

	t->front_pid = alive_holder(s->plan->place.front_lock);
	t->mux_pid = alive_holder(s->plan->place.mux_lock);
	if (t->front_pid <= 0 || t->mux_pid <= 0) {
		say_lost(s, t->mux_pid <= 0);
		return -ECHILD;
	}
	t->front_start = start_stamp((pid_t)t->front_pid);
	t->mux_start = start_stamp((pid_t)t->mux_pid);
	t->since_ms = clock_wall_ms();
	return state_set(&t->phase, "running") < 0 ? -ENOMEM : state_write(s->plan->place.state, t);
}

/* --- getting ready --- */

static bool mux_is_ready(const struct start *s)
{
	char *answer;

	if (alive_holder(s->plan->place.mux_lock) <= 0)
		return false;
	answer = question_ask(s->plan->place.mux_socket, "version\n", ASK_MS);
	free(answer);
	return answer != NULL;
}

/* The front end writes its pid file when it serves. */
static bool front_is_ready(const struct start *s)
{
	char text[16] = "";
	int64_t pid = 0;
	int fd = open(s->plan->place.front_pid, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd != -1)
		close(fd);
	text[strcspn(text, "\n")] = '\0';
	return n > 0 && number_parse(text, 1, INT32_MAX, &pid) == 0 &&
	       pid == alive_holder(s->plan->place.front_lock);
}

static void say_end(struct start *s, const char *program, struct child *c)
{
	buf_addf(s->why, "%s ", program);
	if (WIFSIGNALED(c->status))
		buf_addf(s->why, "was killed by signal %d", WTERMSIG(c->status));
	else
		buf_addf(s->why, "ended with status %d", WEXITSTATUS(c->status));
	add_errors(s, c);
}

/* One of the two programs. */
struct part {
	const char *program, *lock;
	struct child *child;
	bool (*is_ready)(const struct start *);
};

/* What we have started ends well when it goes into the background; then who is there has the lock. */
static bool has_died(const struct part *p)
{
	return child_has_ended(p->child) && (p->child->status != 0 || alive_holder(p->lock) == 0);
}

static bool has_lost_mux(const struct start *s)
{
	return s->mux_ready && alive_holder(s->plan->place.mux_lock) <= 0;
}

/* By a signal, or by an abrupt stop of somebody else. 0 or -errno. */
static int check_called_off(const struct start *s)
{
	if (run_interrupted())
		return -EINTR;
	return asked_since(&s->plan->place, s->plan->asked) == ASKED_ABRUPTLY ? -ECANCELED : 0;
}

/* 0 when it is ready; else -errno and `why'. */
static int await(struct start *s, const struct part *p)
{
	int rc;

	while (!p->is_ready(s)) {
		if (has_died(p)) {
			say_end(s, p->program, p->child);
			return -ECHILD;
		}
		if (has_lost_mux(s)) { /* the front end would wait for it */
			say_lost(s, true);
			return -ECHILD;
		}
		if ((rc = check_called_off(s)) < 0)
			return rc;
		if (clock_mono_ms() >= s->deadline_ms) {
			buf_addf(s->why, "%s was not ready within %llds", p->program, (long long)s->seconds);
			add_errors(s, p->child);
			return -ETIMEDOUT;
		}
		run_pause(POLL_MS);
	}
	return 0;
}

/* Takes the arguments. */
static int part_start(struct start *s, const struct part *p, struct args *args, int listen_fd)
{
	int rc = launch(s->plan, p->program, args, listen_fd, p->child);

	args_free(args);
	if (rc == 0)
		return await(s, p);
	buf_addf(s->why, "cannot start %s: %s", p->program, strerror(-rc));
	return rc;
}

static int mux_start(struct start *s)
{
	const struct part mux = { "mimedefang-multiplexor", s->plan->place.mux_lock, &s->mux, mux_is_ready };
	struct args args = { .n = 0 };

	plan_mux_args(s->plan, &args);
	return part_start(s, &mux, &args, -1);
}

static int front_start(struct start *s)
{
	const struct part front = { "mimedefang", s->plan->place.front_lock, &s->front, front_is_ready };
	struct args args = { .n = 0 };

	plan_front_args(s->plan, &args);
	return part_start(s, &front, &args, s->listen_fd);
}

/* A filter program that is not ours shows only now whether it starts. */
static int health_check(struct start *s)
{
	char *answer = question_ask(s->plan->place.mux_socket, "health\n", ASK_MS);
	int rc = answer != NULL && strncmp(answer, "degraded", strlen("degraded")) == 0 ? -ECHILD : 0;

	if (rc < 0)
		shown_add(s->why, answer, strcspn(answer, "\n"));
	free(answer);
	return rc;
}

static int settle(struct start *s)
{
	int64_t until = clock_mono_ms() + SETTLE_MS;
	int rc;

	do {
		run_pause(POLL_MS);
		if ((rc = check_called_off(s)) < 0)
			return rc;
		if (has_lost_mux(s) || alive_holder(s->plan->place.front_lock) <= 0) {
			say_lost(s, has_lost_mux(s));
			return -ECHILD;
		}
	} while (clock_mono_ms() < until);
	return health_check(s);
}

/* --- undoing --- */

/* Who is not ready has nothing in hand, and may be too young to be signalled by his lock. */
static void undo(struct start *s)
{
	const struct place *p = &s->plan->place;
	struct instance i;
	struct ending_target t;

	if (!s->front_ready)
		launch_kill(&s->front, p->front_lock);
	if (!s->mux_ready)
		launch_kill(&s->mux, p->mux_lock);
	if (instance_look(&i, s->run->run_dir, s->plan->name) < 0)
		return;
	ending_begin(&t, &i, CONTROL_OURS, END_ABORT, "INT", 0, true);
	while (t.result == ENDING_GOES_ON) {
		ending_step(&t, clock_mono_ms());
		run_pause(POLL_MS);
	}
	instance_update(&t.instance);
	ending_clean(&t.instance, false);
	ending_free(&t);
}

static int bring_up(struct start *s)
{
	int rc = state_begin(s);

	if (rc < 0) {
		buf_addf(s->why, "%s: %s", s->plan->place.state, strerror(-rc));
		return rc;
	}
	s->mux_ready = (rc = mux_start(s)) == 0;
	s->front_ready = rc == 0 && (rc = front_start(s)) == 0;
	if (rc < 0 || (rc = settle(s)) < 0)
		return rc;
	rc = state_finish(s);
	if (rc < 0 && s->why->len == 0)
		buf_addf(s->why, "%s: %s", s->plan->place.state, strerror(-rc));
	return rc;
}

enum status start_up(const struct run *r, const struct plan *p, int listen_fd, pid_t *pid, struct buf *why)
{
	struct start s = {
		.run = r,
		.plan = p,
		.mux.err_fd = -1,
		.front.err_fd = -1,
		.listen_fd = listen_fd,
		.seconds = run_start_seconds(r, p->start_timeout_s),
		.why = why,
	};
	int rc;

	s.deadline_ms = clock_mono_ms() + 1000 * s.seconds;
	launch_keep_children();
	rc = bring_up(&s);
	if (rc < 0)
		undo(&s);
	else
		*pid = (pid_t)s.state.front_pid;
	close(listen_fd);
	child_free(&s.mux);
	child_free(&s.front);
	state_free(&s.state);
	return rc == 0 ? STATUS_OK : rc == -EINTR ? run_interrupted_status() : STATUS_FAILED;
}
