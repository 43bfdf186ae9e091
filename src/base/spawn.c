#include "base/spawn.h"

#include "base/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define MAX_FDS 64
#define MAX_NOTE 4096 /* bytes that a daemon may say of its start */

/* The child, between fork() and execv(): only async-signal-safe calls, since another thread of the parent
 * may have held any lock. */

static _Noreturn void child_fail(const char *doing, const char *what)
{
	const char *parts[] = { doing, " ", what, ": ", strerrordesc_np(errno), "\n" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0)
			break;
	_exit(127);
}

static void child_signals_reset(void)
{
	struct sigaction act = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &act, NULL); /* fails for those that cannot be changed */
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All sources move above n first, then down: one may be another's target. */
static void child_plumb(const int fds[], int n)
{
	int moved[MAX_FDS];

	for (int i = 0; i < n; i++)
		if (fds[i] >= 0 && (moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, n)) == -1)
			child_fail("cannot copy", "descriptor");
	for (int i = 0; i < n; i++) {
		if (fds[i] < 0)
			close(i);
		else if (dup2(moved[i], i) == -1)
			child_fail("cannot copy", "descriptor");
	}
	if (close_range((unsigned)n, ~0U, 0) == -1)
		child_fail("cannot close", "descriptors");
}

/* Never above the limit that we are under: only root may raise that. */
static void child_limit(__rlimit_resource_t resource, uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == -1)
		child_fail("cannot limit", "memory");
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > bytes)
		limit.rlim_max = bytes;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(resource, &limit) == -1)
		child_fail("cannot limit", "memory");
}

/* snprintf() is not among the calls that are safe here. */
static void child_pid_write(char *at)
{
	char digits[12];
	int n = 0;

	for (pid_t pid = getpid(); pid > 0; pid /= 10)
		digits[n++] = (char)('0' + pid % 10);
	while (n > 0)
		*at++ = digits[--n];
	*at = '\0';
}

static _Noreturn void child_run(const struct spawn *how)
{
	if (how->session)
		setsid();
	else
		setpgid(0, 0); /* a kill then reaches grandchildren too */
	child_signals_reset();
	child_plumb(how->fds, how->n_fds);
	if (how->cwd != NULL && chdir(how->cwd) == -1)
		child_fail("cannot enter", how->cwd);
	if (how->umask >= 0)
		umask((mode_t)how->umask);
	if (how->max_memory > 0) {
		child_limit(RLIMIT_AS, how->max_memory);
		child_limit(RLIMIT_DATA, how->max_memory);
	}
	descriptors_limit_restore();
	if (how->pid_at != NULL)
		child_pid_write(how->pid_at);
	execve(how->path, how->argv, how->env != NULL ? how->env : environ);
	child_fail("cannot execute", how->path);
}

pid_t spawn(const struct spawn *how)
{
	sigset_t all, old;
	pid_t pid;
	int err;

	assert(how->n_fds <= MAX_FDS);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* our handlers must not run in the child */
	pid = fork();
	err = errno;
	if (pid == 0)
		child_run(how);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid == -1)
		return -err;
	if (!how->session)
		setpgid(pid, pid); /* here as well: the caller may signal the group at once */
	return pid;
}

/* Into the background */

/* Read what the daemon has to say, to its end: a status byte, then text. The bytes. */
static size_t note_read(int fd, char note[MAX_NOTE])
{
	size_t n = 0;
	ssize_t got;

	while (n < MAX_NOTE && (got = read(fd, note + n, MAX_NOTE - n)) != 0) {
		if (got > 0)
			n += (size_t)got;
		else if (errno != EINTR)
			break;
	}
	return n;
}

/* The first process: wait for the daemon's word and leave as it says. */
static _Noreturn void parent_wait(int fd)
{
	char note[MAX_NOTE];
	size_t n = note_read(fd, note);

	if (n == 0) {
		dprintf(STDERR_FILENO, "Error from child: it ended before it was ready\n");
		_exit(EX_SOFTWARE);
	}
	if (note[0] != 0)
		dprintf(STDERR_FILENO, "Error from child: %.*s\n", (int)(n - 1), note + 1);
	else
		dprintf(STDERR_FILENO, "%.*s", (int)(n - 1), note + 1); /* warnings, whole lines */
	_exit((unsigned char)note[0]);
}

static int std_to_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), rc = 0;

	if (fd == -1)
		return -errno;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (dup2(fd, i) == -1)
			rc = -errno;
	if (fd > STDERR_FILENO)
		close(fd);
	return rc;
}

/* The second process, which leads the new session, and the third, which does not: so the daemon cannot get a
 * controlling terminal. */
static int daemon_settle(void)
{
	pid_t pid;

	if (setsid() == -1 || (pid = fork()) == -1)
		return -errno;
	if (pid > 0)
		_exit(0);
	return std_to_null();
}

int spawn_background(int *ready_fd)
{
	int fds[2], err;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -errno;
	fflush(NULL); /* or each process would print what is buffered */
	if ((pid = fork()) == -1) {
		err = -errno;
		close(fds[0]);
		close(fds[1]);
		return err;
	}
	if (pid > 0) {
		close(fds[1]);
		parent_wait(fds[0]);
	}
	close(fds[0]);
	/* Above the standard descriptors, should we have been started without them. */
	if ((*ready_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) == -1)
		return -errno;
	close(fds[1]);
	return daemon_settle();
}

int spawn_aside(void)
{
	pid_t pid;
	int rc;

	fflush(NULL); /* or each process would print what is buffered */
	if ((pid = fork()) != 0)
		return pid == -1 ? -errno : 1;
	setsid();
	rc = chdir("/"); /* the caller's folder is not to be in use */
	(void)rc;
	(void)std_to_null(); /* what is printed then goes where it went */
	return 0;
}
