/* desk.h - a listening socket, and the visitors that come there: each says one request line, gets one reply,
 * and is hung up on, unless it asks for the connection to be kept (ask.h). The other side of ask.h: so are
 * served the request sockets of the controller and the status socket of the front end.
 *
 * A line ends with LF or at a NUL. One above `max_line` bytes is answered `error: Command too long`. */
#ifndef DEFANG_BASE_DESK_H
#define DEFANG_BASE_DESK_H

#include "base/address.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct desk;
struct visitor;

struct desk_config {
	struct address address;
	int passed_fd; /* the socket, when the service manager has opened it; else -1 */
	int backlog;
	mode_t umask; /* for the socket's file */
	size_t max_line;
	int max_visitors; /* within at a time; one more is closed at once. 0: no limit */
	int64_t limit_ms; /* for a request to come, and for a reply to be taken */
	bool keeps;       /* connections, for those that ask for it (ASK_KEEP) */
};

/* What a desk calls, from the loop. */
struct desk_events {
	/* The request of a visitor, who is owed a visitor_reply(), now or later. `line` is valid, and may be
	 * changed, during the call. */
	void (*request)(struct visitor *v, char *line, void *arg);
	/* A line behind the request, before its reply; not those of ask.h. NULL: they are ignored. */
	void (*more)(struct visitor *v, char *line, void *arg);
	/* It is gone before its reply, which nobody wants any more; `v` is freed afterwards. NULL when
	 * replies are always given at once. */
	void (*gone)(struct visitor *v, void *arg);
};

/* Open the socket and serve. `events` stays the caller's. 0 and *out, or -errno. */
int desk_open(struct loop *loop, const struct desk_config *config, const struct desk_events *events,
	      void *arg, struct desk **out);

/* Close the socket, and unlink it if it is ours: nobody comes in any more; those within keep waiting. NULL is
 * allowed. */
void desk_close(struct desk *d);

/* Hang up on those still within, too. NULL is allowed. */
void desk_free(struct desk *d);

/* The reply, copied. An empty one hangs up at once. The visitor must not be used any more. */
void visitor_reply(struct visitor *v, const char *reply, size_t len);

/* Drop one CR from the end of a line. */
void desk_drop_cr(char *line);

/* What the visitor waits for, as its owner likes to call it. NULL at first. */
void visitor_set(struct visitor *v, void *waits_for);
void *visitor_get(const struct visitor *v);

#endif
