/* guard.h - what of the process a filter may change and must not keep: each request finds it as the first one
 * did. What a filter had left changed is told in the log (leftover.h). */
#ifndef DEFANG_WORKER_GUARD_H
#define DEFANG_WORKER_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct guard {
	int cwd; /* the folder that the worker was started in: the spool directory */
	dev_t device;
	ino_t inode; /* of it */
	mode_t mask;
	pid_t pid;
	bool settled;
	uint64_t open; /* descriptors, when last looked: bit 0 is the one behind standard error */
};

/* Note how things stand. 0 or -errno. */
int guard_take(struct guard *g);
void guard_release(struct guard *g);

/* Once the filter is initialized: from now on signal handlers, PATH and descriptors are put back, too. */
void guard_settle(struct guard *g);

/* After filter code has run: end this process when it is a child that the filter made and let run on, since
 * only one may answer; else put back the folder, the umask, the alarm and Perl's own settings, and close
 * descriptors that the filter forgot in the work directory. Ends the request's hold on that. */
void guard_restore(struct guard *g);

#endif
