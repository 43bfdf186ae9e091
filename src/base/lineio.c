#include "base/lineio.h"

#include "base/conn.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MIN_INPUT 16384 /* bytes; short lines are still read many at a time */

struct lineio {
	struct loop *loop;
	struct conn *conn;
	lineio_fn *cb;
	void *arg;
	size_t max_line;
	size_t scanned; /* input bytes known to hold no LF */
	char *line;     /* of the event being delivered */
	size_t line_len;
	bool skipping; /* the rest of an over-long line */
	bool held;
	bool resume_due; /* deliver() is deferred */
	bool freed;
};

static void lineio_destroy(void *arg)
{
	free(arg);
}

/* False when the owner has freed `io` in the callback. */
static bool tell(struct lineio *io, enum lineio_event event)
{
	io->cb(io, event, io->arg);
	io->line = NULL;
	io->line_len = 0;
	return !io->freed;
}

/* Deliver the first `n` bytes of input; `used` of them and what follows are then done with. What stands
 * behind the line is its LF, a byte to be skipped, or conn's own NUL: our NUL may take its place. */
static bool deliver_line(struct lineio *io, enum lineio_event event, size_t n, size_t used)
{
	size_t len;

	io->line = (char *)conn_input(io->conn, &len);
	io->line_len = n;
	io->line[n] = '\0';
	io->scanned = 0;
	conn_consume(io->conn, used); /* first, since the owner may ask for what is left; moves nothing */
	return tell(io, event);
}

/* Drop bytes of an over-long line, up to its LF when that is here. */
static void skip(struct lineio *io, const char *in, size_t n, const char *lf)
{
	io->scanned = 0;
	io->skipping = lf == NULL;
	conn_consume(io->conn, lf == NULL ? n : (size_t)(lf - in) + 1);
}

/* Deliver all lines that are here, unless the owner holds. */
static void deliver(struct lineio *io)
{
	bool alive = true;

	while (alive && !io->held) {
		size_t n, len;
		const char *in = conn_input(io->conn, &n), *lf;

		if (n == io->scanned)
			return;
		lf = memchr(in + io->scanned, '\n', n - io->scanned);
		len = lf == NULL ? n : (size_t)(lf - in);
		if (io->skipping) {
			skip(io, in, n, lf);
		} else if (len > io->max_line) {
			io->skipping = true;
			alive = deliver_line(io, LINEIO_OVERLONG, io->max_line, io->max_line);
		} else if (lf != NULL) {
			alive = deliver_line(io, LINEIO_LINE, len, len + 1);
		} else {
			io->scanned = n;
		}
	}
}

static void deliver_eof(struct lineio *io)
{
	size_t n;

	conn_input(io->conn, &n);
	if (n > 0 && !io->held && !io->skipping && !deliver_line(io, LINEIO_PARTIAL, n, n))
		return;
	tell(io, LINEIO_EOF);
}

static void on_conn(struct conn *c, enum conn_event event, void *arg)
{
	struct lineio *io = arg;

	switch (event) {
	case CONN_INPUT:
		deliver(io);
		break;
	case CONN_EOF:
		deliver_eof(io);
		break;
	case CONN_DRAINED:
		tell(io, LINEIO_DRAINED);
		break;
	case CONN_TIMEOUT:
		tell(io, LINEIO_TIMEOUT);
		break;
	case CONN_ERROR:
		tell(io, LINEIO_ERROR);
		break;
	}
}

struct lineio *lineio_new(struct loop *loop, int rfd, int wfd, size_t max_line, lineio_fn *cb, void *arg)
{
	struct lineio *io = calloc(1, sizeof(*io));
	size_t limit = max_line + 1 > MIN_INPUT ? max_line + 1 : MIN_INPUT;

	if (io == NULL)
		return NULL;
	*io = (struct lineio){ .loop = loop, .cb = cb, .arg = arg, .max_line = max_line };
	if ((io->conn = conn_new(loop, rfd, wfd, limit, on_conn, io)) == NULL) {
		free(io);
		return NULL;
	}
	return io;
}

void lineio_free(struct lineio *io)
{
	if (io == NULL)
		return;
	io->freed = true;
	conn_free(io->conn);
	loop_defer(io->loop, lineio_destroy, io);
}

char *lineio_line(struct lineio *io, size_t *len)
{
	if (len != NULL)
		*len = io->line_len;
	return io->line;
}

static void on_resume(void *arg)
{
	struct lineio *io = arg;

	io->resume_due = false;
	if (!io->freed)
		deliver(io);
}

void lineio_hold(struct lineio *io, int hold)
{
	io->held = hold;
	if (hold || io->resume_due)
		return;
	io->resume_due = true;
	loop_defer(io->loop, on_resume, io);
}

bool lineio_has_input(const struct lineio *io)
{
	size_t n;

	conn_input(io->conn, &n);
	return n > 0 || io->skipping;
}

void lineio_write(struct lineio *io, const void *data, size_t n)
{
	conn_write(io->conn, data, n);
}

size_t lineio_pending(const struct lineio *io)
{
	return conn_pending(io->conn);
}

void lineio_flush(struct lineio *io)
{
	conn_flush(io->conn);
}

void lineio_end_output(struct lineio *io)
{
	conn_end_output(io->conn);
}

void lineio_set_deadline(struct lineio *io, int64_t at_ms)
{
	conn_set_deadline(io->conn, at_ms);
}

int lineio_error(const struct lineio *io)
{
	return conn_error(io->conn);
}
