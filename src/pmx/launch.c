#include "pmx/launch.h"

#include "base/clock.h"
#include "base/procfs.h"
#include "base/self.h"
#include "base/spawn.h"
#include "pmx/logfile.h"
#include "pmx/run.h"
#include "pmx/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ERRORS 1024 /* bytes */
#define PID_ROOM "           "
#define POLL_MS 20
#define MAX_ARGUMENTS 16384 /* bytes */
#define KILL_TRIES 100

/* Variables of the caller that may matter, and can do no harm. Those of the sanitizers only where they are
 * built in. */
static const char *const kept[] = {
	"TZ",
#ifdef __SANITIZE_ADDRESS__
	"ASAN_OPTIONS",
	"LSAN_OPTIONS",
	"UBSAN_OPTIONS",
#endif
};

static void environment_make(struct args *env, bool socket)
{
	args_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (getenv(kept[i]) != NULL)
			args_add(env, "%s=%s", kept[i], getenv(kept[i]));
	if (!socket)
		return;
	args_add(env, "LISTEN_FDS=1");
	args_add(env, "LISTEN_FDNAMES=milter");
	args_add(env, "LISTEN_PID=%s", PID_ROOM); /* the last: spawn() completes it */
}

/* A file of nobody else: for the errors of a start. */
static int memory_open(void)
{
	int fd = memfd_create("errors", MFD_CLOEXEC);

	return fd == -1 ? -errno : fd;
}

static int errors_open(const struct plan *p)
{
	int fd = logfile_open(p->log_file != NULL ? p->log_file : p->err_file);

	if (fd < 0 && p->log_file == NULL && p->err_is_default)
		fd = memory_open();
	return fd;
}

static int child_start(const char *path, const struct args *args, int in_fd, int out_fd, int listen_fd,
		       struct child *c)
{
	const int fds[] = { in_fd, out_fd, c->err_fd, listen_fd };
	struct args env = { .n = 0 };
	struct spawn how = {
		.argv = args->v,
		.path = path,
		.fds = fds,
		.n_fds = listen_fd >= 0 ? 4 : 3,
		.umask = 077,
		.cwd = "/",
		.session = true,
	};
	pid_t pid;

	environment_make(&env, listen_fd >= 0);
	how.env = env.v;
	if (listen_fd >= 0 && !env.failed)
		how.pid_at = env.v[env.n - 1] + strlen("LISTEN_PID=");
	pid = args->failed || env.failed ? -ENOMEM : spawn(&how);
	args_free(&env);
	if (pid > 0)
		c->pid = pid;
	return pid < 0 ? (int)pid : 0;
}

int launch(const struct plan *p, const char *program, const struct args *args, int listen_fd,
	   struct child *out)
{
	char name[64], *path;
	struct stat st;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), out_fd, rc;

	*out = (struct child){ .err_fd = errors_open(p) };
	out_fd = p->out_file != NULL ? logfile_open(p->out_file) : fcntl(null_fd, F_DUPFD_CLOEXEC, 0);
	snprintf(name, sizeof(name), "bin/%s", program);
	path = self_path(name);
	if (null_fd == -1)
		rc = -errno;
	else if (out->err_fd < 0 || out_fd < 0)
		rc = out->err_fd < 0 ? out->err_fd : out_fd;
	else if (path == NULL || fstat(out->err_fd, &st) == -1)
		rc = -errno;
	else {
		out->err_from = st.st_size;
		rc = child_start(path, args, null_fd, out_fd, listen_fd, out);
	}
	free(path);
	if (out_fd >= 0)
		close(out_fd);
	close(null_fd);
	return rc;
}

int launch_files_check(const struct plan *p, struct buf *why)
{
	const char *const files[] = { p->log_file, p->out_file, p->err_is_default ? NULL : p->err_file };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = files[i] != NULL ? logfile_open(files[i]) : -1;

		if (fd >= 0)
			close(fd);
		if (files[i] == NULL || fd >= 0)
			continue;
		buf_addf(why, "log file %s: %s", files[i], strerror(-fd));
		return fd;
	}
	return 0;
}

/* --- what was started and is not wanted --- */

void launch_keep_children(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* without it, launch_kill() misses what went into the background */
}

/* Whether the process was started with this argument. */
static bool has_argument(pid_t pid, const char *argument)
{
	char path[40], text[MAX_ARGUMENTS];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && memmem(text, (size_t)n, argument, strlen(argument) + 1) != NULL;
}

static size_t kill_once(const char *lock)
{
	pid_t *pids;
	size_t n, killed = 0;

	if (procfs_children(getpid(), &pids, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!has_argument(pids[i], lock))
			continue;
		kill(pids[i], SIGKILL); /* a child: the number stays his until we have waited for him */
		killed++;
	}
	free(pids);
	return killed;
}

void launch_kill(struct child *c, const char *lock)
{
	int rests = 0;

	if (c->pid > 0 && !child_has_ended(c))
		kill(c->pid, SIGKILL); /* it may not have become the program yet */
	/* Children of the killed become ours, perhaps while we look. */
	for (int i = 0; i < KILL_TRIES && rests < 2; i++) {
		rests = kill_once(lock) > 0 ? 0 : rests + 1;
		run_pause(POLL_MS);
	}
}

bool child_has_ended(struct child *c)
{
	if (!c->ended && c->pid > 0 && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = true;
	return c->ended;
}

void child_errors(const struct child *c, struct buf *out)
{
	char text[MAX_ERRORS + 1], path[40];
	int fd;
	ssize_t n;
	struct stat st;
	off_t from = c->err_from;

	/* Opened anew: ours is for appending only. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->err_fd);
	if (c->err_fd < 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	if (fstat(fd, &st) == 0 && st.st_size - from > MAX_ERRORS)
		from = st.st_size - MAX_ERRORS;
	n = pread(fd, text, MAX_ERRORS, from);
	close(fd);
	shown_add(out, text, n > 0 ? (size_t)n : 0);
}

void child_free(struct child *c)
{
	if (c->err_fd >= 0)
		close(c->err_fd);
	c->err_fd = -1;
}

/* --- does the filter load? --- */

static int await(struct child *c, int64_t seconds)
{
	int64_t deadline = clock_mono_ms() + seconds * 1000;

	while (!child_has_ended(c)) {
		if (clock_mono_ms() >= deadline || run_interrupted()) {
			kill(-c->pid, SIGKILL);
			waitpid(c->pid, &c->status, 0);
			c->ended = true;
			return run_interrupted() ? -EINTR : -ETIMEDOUT;
		}
		run_pause(POLL_MS);
	}
	return WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0 ? 0 : -EINVAL;
}

int launch_filter_load(const struct plan *p, int64_t seconds, struct buf *why)
{
	struct args args = { .n = 0 };
	struct child c = { .err_fd = memory_open() };
	char *path = self_path("bin/mimedefang.pl");
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), rc;

	args_add(&args, "mimedefang.pl");
	if (p->rules != NULL) {
		args_add(&args, "-f");
		args_add(&args, "%s", p->rules);
	}
	args_add(&args,
		 "-server"); /* which loads it, and ends at the end of file; -test would run it on messages */
	if (c.err_fd < 0 || path == NULL || null_fd == -1)
		rc = c.err_fd < 0 ? c.err_fd : -errno;
	else if ((rc = child_start(path, &args, null_fd, null_fd, -1, &c)) == 0)
		rc = await(&c, seconds);
	if (rc == -EINVAL)
		child_errors(&c, why);
	else if (rc == -ETIMEDOUT)
		buf_addf(why, "not within %llds", (long long)seconds);
	else if (rc == -EINTR)
		buf_adds(why, "interrupted");
	else if (rc < 0)
		buf_adds(why, strerror(-rc));
	args_free(&args);
	free(path);
	close(null_fd);
	child_free(&c);
	return rc;
}
