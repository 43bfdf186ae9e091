/* message.h - a message file as an MTA would hand it to a filter: headers, and a body with CR LF line ends.
 * Pure.
 *
 * Line ends of the file may be LF or CR LF. A first line `From ..` (mbox) is left out. The header section
 * ends at the first empty line, or at the first line that is no header, which then starts the body (as
 * Postfix has it). */
#ifndef DEFANG_TOOLS_MESSAGE_H
#define DEFANG_TOOLS_MESSAGE_H

#include "base/buf.h"

#include <stddef.h>

struct header {
	char *name;  /* without the colon and blanks before it */
	char *value; /* all behind the colon, its blanks too; folded lines joined by LF; ends at a NUL */
};

struct message {
	struct header *headers;
	size_t n_headers;
	struct buf body; /* bare LF made CR LF, bare CR kept; not empty: ends with CR LF */
};

/* Parse bytes[0..n). 0, or -ENOMEM with *out empty. Free with message_free() either way. */
int message_parse(struct message *out, const char *bytes, size_t n);
void message_free(struct message *m);

/* Append text with every bare LF made CR LF. `last` is the byte before it, 0 at the start: a CR LF may be
 * split over two calls. */
void message_add_crlf(struct buf *out, const char *bytes, size_t n, char last);

#endif
