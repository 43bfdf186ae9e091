/* words.h - header text to UTF-8: RFC 2047 words and character sets. */
#ifndef DEFANG_MIME_WORDS_H
#define DEFANG_MIME_WORDS_H

#include "base/buf.h"

#include <stddef.h>

/* Append s[0..n) with its encoded words decoded. Each word is decoded by itself; white space between two
 * words is dropped. What has no meaning in its character set, raw 8-bit bytes and NULs are written as \xHH,
 * as MIME::Head does; bytes above 126 of an unknown character set too. */
void words_decode(struct buf *out, const char *s, size_t n);

/* Append s[0..n), which is in `charset`. */
void words_convert(struct buf *out, const char *charset, const char *s, size_t n);

#endif
