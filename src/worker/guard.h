/* guard.h - what of the process a filter may change and must not keep: each request finds it as the first one
 * did. */
#ifndef DEFANG_WORKER_GUARD_H
#define DEFANG_WORKER_GUARD_H

#include <sys/types.h>

struct guard {
	int cwd; /* the folder that the worker was started in: the spool directory */
	mode_t mask;
	pid_t pid;
};

/* Note how things stand. 0 or -errno. */
int guard_take(struct guard *g);
void guard_release(struct guard *g);

/* After filter code has run: end this process when it is a child that the filter made and let run on, since
 * only one may answer; else put the folder, the umask and Perl's own settings back. */
void guard_restore(const struct guard *g);

#endif
