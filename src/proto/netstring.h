/* netstring.h - netstrings, `LEN:BYTES,`: how a mail server and the controller's map socket frame what they
 * say (mimedefang-protocol(7)). LEN is read strictly: decimal digits only, no leading zero but `0` itself. */
#ifndef DEFANG_PROTO_NETSTRING_H
#define DEFANG_PROTO_NETSTRING_H

#include "base/buf.h"

#include <stddef.h>

#define NETSTRING_MAX 65536                     /* bytes between colon and comma */
#define NETSTRING_MAX_FRAME (NETSTRING_MAX + 7) /* with `65536:` and the comma */

enum netstring_result {
	NETSTRING_OK,
	NETSTRING_INCOMPLETE, /* all that is there may begin one: more is needed */
	NETSTRING_BAD_LENGTH, /* no LEN, or one above NETSTRING_MAX: where the next one begins is unknown */
	NETSTRING_NO_COMMA,   /* another byte is where the comma belongs; what follows may be read on */
};

struct netstring {
	const char *data; /* into what was parsed */
	size_t len;
	size_t used; /* bytes of the whole frame */
};

/* The netstring that the `n` bytes at `in` begin with. *out is set after OK; after NO_COMMA only `used` is,
 * and counts the byte in the place of the comma. */
enum netstring_result netstring_parse(const char *in, size_t n, struct netstring *out);

void netstring_add(struct buf *out, const char *data, size_t n);

#endif
