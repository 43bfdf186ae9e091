/* bodyfile.h - decoded bodies as files. Their names are ours: nothing of a name comes from the message. */
#ifndef DEFANG_WORKER_BODYFILE_H
#define DEFANG_WORKER_BODYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct mime;
struct mime_part;

struct bodyfiles {
	const char *folder; /* as the paths shall have it: `./Work` */
	int fd;             /* of the folder */
	unsigned last;      /* number of the file made last */
};

#define BODYFILE_PATH_SIZE 256

/* What a file is known by that nobody has written to. */
struct bodyfile_stamp {
	ino_t inode;
	off_t size;
	struct timespec modified;
};

/* Decode the body of `p` into a new file `FOLDER/msg-PID-N.EXT` and give its path. Its time of modification
 * is set into the past, so that any writing to it shows. 0 or -errno. */
int bodyfile_write(struct bodyfiles *b, const struct mime *m, const struct mime_part *p,
		   char path[BODYFILE_PATH_SIZE], struct bodyfile_stamp *stamp);

bool bodyfile_is_untouched(const struct bodyfiles *b, const char *path, const struct bodyfile_stamp *stamp);

#endif
