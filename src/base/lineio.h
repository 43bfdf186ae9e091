/* lineio.h - a connection that speaks in lines: conn.h with line splitting. A line ends with LF; the LF
 * is not part of it. At the end of file, bytes behind the last LF are delivered as LINEIO_PARTIAL.
 *
 * Ownership and freeing as in conn.h: lineio_free() is safe in any callback, and nothing follows it. */
#ifndef DEFANG_BASE_LINEIO_H
#define DEFANG_BASE_LINEIO_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lineio;

enum lineio_event {
	LINEIO_LINE,     /* a whole line: lineio_line() */
	LINEIO_OVERLONG, /* a line above the limit; lineio_line() has its first bytes, the rest up to LF is
			  * dropped. Comes when the limit is passed, not when the line ends */
	LINEIO_PARTIAL,  /* end of file in the middle of a line; lineio_line() has it. LINEIO_EOF follows */
	LINEIO_EOF,      /* the peer has ended its side. Once; at once even under lineio_hold(), so that
			  * work can be withdrawn: lines that wait may follow, a partial one then does not */
	LINEIO_DRAINED,  /* all output is written */
	LINEIO_TIMEOUT,  /* the deadline passed; it is cleared */
	LINEIO_ERROR,    /* as CONN_ERROR. Once; free it */
};

typedef void lineio_fn(struct lineio *io, enum lineio_event event, void *arg);

/* `max_line` is the longest line accepted, in bytes without its LF. Takes the descriptors as conn_new(). */
struct lineio *lineio_new(struct loop *loop, int rfd, int wfd, size_t max_line, lineio_fn *cb, void *arg);
void lineio_free(struct lineio *io);

/* The line of the event being delivered, NUL-terminated (it may hold NULs too: use *len). Valid, and
 * writable by the callback, until the callback returns. `len` may be NULL. */
char *lineio_line(struct lineio *io, size_t *len);

/* Stop delivering lines after the one being delivered (what is buffered stays), or go on. Lines that
 * wait are delivered from the loop, never from within lineio_hold(). */
void lineio_hold(struct lineio *io, int hold);

/* Whether input has been read, whole lines or parts, that is not delivered so far. */
bool lineio_has_input(const struct lineio *io);

void lineio_write(struct lineio *io, const void *data, size_t n);
size_t lineio_pending(const struct lineio *io);
void lineio_flush(struct lineio *io);
void lineio_end_output(struct lineio *io);
void lineio_set_deadline(struct lineio *io, int64_t at_ms);
int lineio_error(const struct lineio *io);

#endif
