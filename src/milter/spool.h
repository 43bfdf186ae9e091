/* spool.h - the work directory of one message and the three files that we write there: COMMANDS, HEADERS,
 * INPUTMSG. Knows nothing of what is in them.
 *
 * Everything is done relative to descriptors, so that nobody can move the ground beneath us; no link is
 * followed. What is added is collected and written in big pieces: call spool_sync() before anybody else is to
 * look. The calls block for as long as the disk does. */
#ifndef DEFANG_MILTER_SPOOL_H
#define DEFANG_MILTER_SPOOL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spool_file { SPOOL_COMMANDS, SPOOL_HEADERS, SPOOL_INPUTMSG, SPOOL_FILES };

struct spool;

/* All work directories begin with it. */
#define SPOOL_PREFIX "mdefang-"

/* Who has a directory open here owns it: it is locked (flock(2) on the directory itself), so the mark dies
 * with its owner, whatever he dies of. One that nobody has locked is stale, unless it is to be kept.
 *
 * Make the directory `name` below `parent_fd`, which must stay open; `group` lets the group read. 0 or
 * -errno: -EEXIST when there is one of that name. */
int spool_new(int parent_fd, const char *name, bool group, struct spool **out);

/* Open a directory whose owner has died, and own it from now on, so that it can be removed. 0 or -errno:
 * -EBUSY when its owner lives, -EEXIST when it is to be kept, -EPERM when it is another user's, -ENOTDIR or
 * -ELOOP when it is no directory, -ENOENT when it is gone. */
int spool_adopt(int parent_fd, const char *name, struct spool **out);

/* Mark the directory as one to be kept after its owner is gone. 0 or -errno. */
int spool_keep(const struct spool *s);

/* Where to add bytes to a file; follow with spool_added(). */
struct buf *spool_buf(struct spool *s, enum spool_file file);

/* Write if much has come together. Failures, of memory too, stick: 0 or -errno of the first. */
int spool_added(struct spool *s, enum spool_file file);

/* Write what is waiting: COMMANDS and HEADERS exist then, INPUTMSG if it has begun. 0 or -errno. */
int spool_sync(struct spool *s);

/* The same, and the files are complete: closes them. */
int spool_finish(struct spool *s);

/* Bytes added to a file so far, written or not. */
uint64_t spool_size(const struct spool *s, enum spool_file file);

/* Open a file that somebody else put there, for reading. The descriptor and its size; -errno: -ENOENT,
 * -EINVAL when it is not a regular file. */
int spool_open_file(const struct spool *s, const char *name, size_t *size);

/* Remove the directory with all that is in it, however deep, and with whatever rights the filter has left on
 * folders; `s` is still to be freed. 0 or -errno: the rest stays. */
int spool_remove(struct spool *s);

void spool_free(struct spool *s); /* leaves the directory where it is; NULL is allowed */

#endif
