/* mailbox.h - notes from other threads to a loop. A pipe is all that is between them: nothing is shared, and
 * nothing is locked. The notes of one thread arrive in their order. */
#ifndef DEFANG_BASE_MAILBOX_H
#define DEFANG_BASE_MAILBOX_H

#include "base/loop.h"

struct mailbox;

struct note { /* what it means is between writer and reader */
	int what, value;
};

/* A mailbox that calls `cb` on the thread of `loop`, once for each note. NULL with errno set. */
struct mailbox *mailbox_new(struct loop *loop, void (*cb)(struct note note, void *arg), void *arg);

/* On the loop's thread, in `cb` too, and when nobody posts any more. Notes that wait are dropped. NULL is
 * allowed. */
void mailbox_free(struct mailbox *m);

/* From any thread, without waiting. 0, or -EAGAIN when thousands of notes have not been read. */
int mailbox_post(const struct mailbox *m, struct note note);

/* The same for what must arrive: waits until there is room. */
void mailbox_post_wait(const struct mailbox *m, struct note note);

#endif
