/* notify.h - what the controller says on its notification socket, and what listeners may say to it: lines,
 * ended by an LF each (mimedefang-notify(7)). */
#ifndef DEFANG_PROTO_NOTIFY_H
#define DEFANG_PROTO_NOTIFY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_GREETING "*OK\n"
#define NOTIFY_NO_SLOTS "*ERR No free listening slots\n"

#define NOTIFY_MAX_SUBSCRIPTION 256 /* bytes of a subscription that count */
#define NOTIFY_MAX_TEXT 200         /* bytes of a status tag, or of an error, that are sent */

/* The kinds of messages; each begins with its letter. */
enum notify_kind {
	NOTIFY_BUSY_TIMEOUT = 'B', /* a worker took too long over a client's request */
	NOTIFY_ERROR = 'E',        /* a reread has failed: `E TEXT`; MIMEDefang has none of these */
	NOTIFY_FREE = 'F',         /* the number of free workers has changed: `F N` */
	NOTIFY_REREAD = 'R',
	NOTIFY_STATUS = 'S',     /* of a worker: `S N TAG`, `S N StateChange OLD -> NEW` */
	NOTIFY_UNEXPECTED = 'U', /* a worker has ended that had not been asked to */
	NOTIFY_SOME_FREE = 'Y',  /* a worker is free, after a time without any */
	NOTIFY_NONE_FREE = 'Z',
};

/* Sets of letters: bit 0 is A, bit 25 is Z. */
#define NOTIFY_ALL UINT32_C(0x3ffffff)

bool notify_wants(uint32_t set, enum notify_kind kind);

/* Read a listener's `line` (no LF). True when it is a subscription, `?` and letters, and *out replaces what
 * it had asked for: upper-case letters count, `*` means all, other bytes nothing. */
bool notify_subscription_parse(const char *line, size_t n, uint32_t *out);

void notify_add(struct buf *out, enum notify_kind kind); /* a message of one letter */
void notify_add_free(struct buf *out, int n);

/* Bytes of a text outside 32..126 become spaces, so that a message stays one line; at most NOTIFY_MAX_TEXT
 * are sent. */
void notify_add_error(struct buf *out, const char *text);

/* What a worker does. Nothing is appended for an empty tag. */
void notify_add_tag(struct buf *out, int worker, const char *tag);
void notify_add_state(struct buf *out, int worker, const char *from, const char *to);

#endif
