/* ask.h - one question to a server that answers one line per connection and closes: connect, send a line,
 * read to the end of file. So speak the controller's and the front end's request sockets. */
#ifndef DEFANG_BASE_ASK_H
#define DEFANG_BASE_ASK_H

#include "base/address.h"
#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>

struct ask;

enum ask_result {
	ASK_ANSWERED,    /* `answer` is all that was sent, up to the limit; may be empty */
	ASK_TRUNCATED,   /* the same, but the server sent more than the limit */
	ASK_NO_CONNECT,  /* `error` says why */
	ASK_WRITE_ERROR, /* `error` */
	ASK_READ_ERROR,  /* `error` */
	ASK_TIMEOUT,     /* the deadline passed */
};

/* Called once, then the ask is freed by itself. `answer` is NUL-terminated and valid during the call.
 * `error` is -errno or 0. */
typedef void ask_fn(enum ask_result result, char *answer, size_t len, int error, void *arg);

/* Send `line` (its LF included by the caller; copied). At most `limit` bytes of answer are kept.
 * `deadline_ms` is on the loop's clock, 0 for none. A full backlog is tried again until the deadline. NULL
 * with errno set only when out of memory: every other failure arrives by the callback, never from within
 * ask_start(). */
struct ask *ask_start(struct loop *loop, const struct address *to, const char *line, size_t len, size_t limit,
		      int64_t deadline_ms, ask_fn *cb, void *arg);

/* Hang up; the callback will not be called. NULL is allowed. */
void ask_cancel(struct ask *a);

#endif
