/* percent.h - the percent coding of requests, replies, COMMANDS and RESULTS. Bytes up to 32, above 126 and
 * the four `%` `\` `'` `"` become %XX with upper-case digits (mimedefang-protocol(7)). */
#ifndef DEFANG_PROTO_PERCENT_H
#define DEFANG_PROTO_PERCENT_H

#include "base/buf.h"

#include <stddef.h>

void percent_encode(struct buf *out, const char *s, size_t n);
void percent_encode_str(struct buf *out, const char *s);

/* Decode in place; digits of any case; a `%` not followed by two hex digits stays. The new length; a NUL is
 * put behind the result, which may itself hold NULs. */
size_t percent_decode(char *s);
size_t percent_decode_n(char *s, size_t n); /* s[n] must be writable */

#endif
