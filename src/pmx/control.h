/* control.h - the lock of who changes a milter: one pmx-milter at a time. It belongs to a descriptor
 * (fcntl(2), F_OFD_SETLK), so that looking at it never lets our own go. */
#ifndef DEFANG_PMX_CONTROL_H
#define DEFANG_PMX_CONTROL_H

#include "pmx/place.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In place of a descriptor. */
#define CONTROL_OTHERS (-1) /* somebody else has the lock */
#define CONTROL_OURS (-2)   /* it is held further up */
#define CONTROL_NONE (-3)   /* there is none (any more), or it cannot be made: a file system that is full */

struct control_holder {
	int64_t pid;
	char verb[16]; /* what he does; "" when that cannot be read */
};

/* Take the lock to do `verb', waiting for at most so long. 0 and *fd; -EAGAIN: somebody else has it, *holder
 * is who; -EINTR: a signal came; -EINVAL: what is there is not a plain file; -errno. */
int control_take(const struct place *p, const char *verb, int64_t wait_ms, int *fd,
		 struct control_holder *holder);
const char *control_error(int rc);                   /* for people */
void control_release(const struct place *p, int fd); /* below 0: nothing */

/* Write into the file who has it, we, and for what: after a fork. */
void control_tell(int fd, const char *verb);

/* Who has it, as the file says: for people only. pid 0 when that cannot be read. */
void control_holder_read(const struct place *p, struct control_holder *holder);

/* Whether somebody has it, we ourselves too. */
bool control_is_held(const struct place *p);

#endif
