/* body.h - the body as the MTA sends it, turned into the body of INPUTMSG: CR LF becomes LF. Pure.
 *
 * The pieces may be cut anywhere: the same bytes give the same result however they arrive. */
#ifndef DEFANG_MILTER_BODY_H
#define DEFANG_MILTER_BODY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct body {
	bool strip_cr;   /* drop a CR that no LF follows, rather than keep it; set by the owner */
	bool suspicious; /* a CR without LF, or a NUL, was seen */
	bool cr_waits;   /* the last piece ended in a CR */
};

/* Convert one piece, appending to `out`: at most n + 1 bytes. */
void body_convert(struct body *b, const char *in, size_t n, struct buf *out);

/* The body is over. A CR as its very last byte is lost, and suspicious. */
void body_end(struct body *b);

#endif
