#include "worker/guard.h"

#include "base/log.h"
#include "worker/leftover.h"
#include "worker/perlstate.h"
#include "worker/results.h"
#include "worker/strays.h"
#include "worker/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int guard_take(struct guard *g)
{
	struct stat st;

	g->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->cwd == -1 || fstat(g->cwd, &st) == -1)
		return -errno;
	g->device = st.st_dev;
	g->inode = st.st_ino;
	g->mask = umask(0);
	umask(g->mask);
	g->pid = getpid();
	g->settled = false;
	return 0;
}

void guard_release(struct guard *g)
{
	close(g->cwd);
	g->cwd = -1;
}

/* The request itself goes to its work directory; anywhere else only the filter can have gone. */
static void folder_restore(const struct guard *g)
{
	struct stat now, work;
	bool known = stat(".", &now) == 0;

	if (known && now.st_dev == g->device && now.st_ino == g->inode)
		return;
	if (fchdir(g->cwd) == -1)
		log_err("cannot go back to the spool directory: %s", strerror(errno));
	if (known && results_folder() != -1 && fstat(results_folder(), &work) == 0 &&
	    now.st_dev == work.st_dev && now.st_ino == work.st_ino)
		return;
	leftover_tell(LEFTOVER_FOLDER, "");
}

/* Which of the first descriptors are open, a bit each; those that only name a folder (O_PATH) do not count.
 * One system call; a filter that forgets descriptors gets low ones. */
static uint64_t descriptors_open(void)
{
	struct pollfd fds[64];
	uint64_t open = 0;

	for (int i = 0; i < 64; i++)
		fds[i] = (struct pollfd){ .fd = STDERR_FILENO + 1 + i };
	if (poll(fds, 64, 0) == -1)
		return 0;
	for (int i = 0; i < 64; i++)
		if (!(fds[i].revents & POLLNVAL))
			open |= UINT64_C(1) << i;
	return open;
}

/* What is open besides, and is to stay, like a connection to a database, makes us look once. */
static void descriptors_restore(struct guard *g)
{
	uint64_t now;

	if (!g->settled || results_folder() == -1)
		return;
	now = descriptors_open();
	if ((now & ~g->open) != 0) {
		strays_close(results_folder());
		now = descriptors_open();
	}
	g->open = now;
}

void guard_settle(struct guard *g)
{
	perlstate_note();
	g->open = descriptors_open();
	g->settled = true;
}

void guard_restore(struct guard *g)
{
	if (getpid() != g->pid)
		_exit(EXIT_FAILURE);
	if (alarm(0) != 0)
		leftover_tell(LEFTOVER_ALARM, "");
	if (umask(g->mask) != g->mask)
		leftover_tell(LEFTOVER_UMASK, "");
	folder_restore(g);
	perlstate_restore();
	tmpdir_restore();
	descriptors_restore(g);
	results_leave();
}
