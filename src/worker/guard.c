#include "worker/guard.h"

#include "base/log.h"
#include "worker/interp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int guard_take(struct guard *g)
{
	g->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->cwd == -1)
		return -errno;
	g->mask = umask(0);
	umask(g->mask);
	g->pid = getpid();
	return 0;
}

void guard_release(struct guard *g)
{
	close(g->cwd);
	g->cwd = -1;
}

void guard_restore(const struct guard *g)
{
	if (getpid() != g->pid)
		_exit(EXIT_FAILURE);
	if (fchdir(g->cwd) == -1)
		log_err("cannot go back to the spool directory: %s", strerror(errno));
	umask(g->mask);
	interp_settle();
}
