/* bodyfile.h - decoded bodies as files. Their names are ours: nothing of a name comes from the message. */
#ifndef DEFANG_WORKER_BODYFILE_H
#define DEFANG_WORKER_BODYFILE_H

#include <stddef.h>

struct mime;
struct mime_part;

struct bodyfiles {
	const char *folder; /* as the paths shall have it: `./Work` */
	unsigned last;      /* number of the file made last */
};

#define BODYFILE_PATH_SIZE 256

/* Decode the body of `p` into a new file `FOLDER/msg-PID-N.EXT` and give its path. 0 or -errno. */
int bodyfile_write(struct bodyfiles *b, const struct mime *m, const struct mime_part *p,
		   char path[BODYFILE_PATH_SIZE]);

#endif
