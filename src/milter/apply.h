/* apply.h - the changes of a message as milter packets, a piece at a time, so that a large new body is never
 * in memory as a whole. */
#ifndef DEFANG_MILTER_APPLY_H
#define DEFANG_MILTER_APPLY_H

#include "base/buf.h"
#include "milter/changes.h"

struct apply {
	const struct changes *changes;
	size_t next;     /* the change to send next */
	int body_fd;     /* the new body, -1 without one; owned */
	bool body_begun; /* an MTA wants all packets of the body in one run */
	bool lead_space; /* see change_put() */
};

enum apply_state {
	APPLY_MORE, /* there is more to send: call again when this has been sent */
	APPLY_DONE,
	APPLY_FAILED, /* unreadable new body, or no memory: only a temporary failure may follow */
};

/* `changes` stay the caller's and must not change; `body_fd` is taken. */
void apply_init(struct apply *a, const struct changes *changes, int body_fd, bool lead_space);
void apply_close(struct apply *a);

/* Append packets to `out` until it holds at least `enough` bytes, or all is there. */
enum apply_state apply_fill(struct apply *a, struct buf *out, size_t enough);

#endif
