/* ask.h - one question to a server that answers one line per connection and closes: connect, send a line,
 * read to the end of file. So speak the controller's and the front end's request sockets. */
#ifndef DEFANG_BASE_ASK_H
#define DEFANG_BASE_ASK_H

#include "base/address.h"
#include "base/ask_pool.h"
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

/* The line behind a question that asks the server to keep the connection for another question, and the line
 * behind its answer by which it does so. A server that does not know of it closes, as ever. */
#define ASK_KEEP "keep\n"
#define ASK_KEPT "kept\n"

/* The same over a connection of the pool, or a new one that goes there if the server keeps it. Several lines
 * may be asked at once if the first is the question. `limit` includes the line ASK_KEPT, the answer does not.
 *
 * A kept connection may have been closed by the server in the meantime. The question is then asked again on a
 * new one, but only if it is certain that the server has not read it: on a UNIX-domain socket a close with
 * something unread is told as ECONNRESET. */
struct ask *ask_start_kept(struct ask_pool *pool, const char *line, size_t len, size_t limit,
			   int64_t deadline_ms, ask_fn *cb, void *arg);

/* Hang up; the callback will not be called. NULL is allowed. */
void ask_cancel(struct ask *a);

#endif
