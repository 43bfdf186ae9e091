/* channel.h - the pipe pair to the controller: requests in, replies out, a line each. Blocking, since a
 * worker does one thing at a time.
 *
 * Standard input and output are taken away from the process and kept out of the reach of the filter and of
 * the programs that it starts: what they print goes to standard error, what they read is empty. */
#ifndef DEFANG_WORKER_CHANNEL_H
#define DEFANG_WORKER_CHANNEL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct channel {
	int in, out;      /* close-on-exec; owned */
	struct buf input; /* bytes read and not yet handed out */
	size_t used;      /* of them, those of the line handed out last */
	bool skipping;    /* within an over-long line */
};

enum channel_event {
	CHANNEL_LINE,
	CHANNEL_OVERLONG, /* a line above REQUEST_MAX_LINE; the rest of it will be skipped */
	CHANNEL_END,      /* end of file; bytes behind the last LF are no request */
	CHANNEL_ERROR,    /* reading failed: errno */
};

/* 0 or -errno; call before Perl starts, so that it finds the new descriptors 0 and 1. */
int channel_open(struct channel *c);
void channel_close(struct channel *c);

/* Wait for a line. *line is NUL-terminated, without its LF, writable, and valid until the next call. */
enum channel_event channel_read(struct channel *c, char **line);

/* Write a reply: `text` up to its end with control bytes made spaces, and one LF. 0 or -errno. */
int channel_reply(struct channel *c, struct buf *text);

#endif
