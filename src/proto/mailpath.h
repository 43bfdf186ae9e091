/* mailpath.h - envelope addresses, as far as a filter system needs to look into them. */
#ifndef DEFANG_PROTO_MAILPATH_H
#define DEFANG_PROTO_MAILPATH_H

#include <stddef.h>

/* The domain of an address such as `<a@b.example>` or `a@b.example`: the bytes behind the last `@` that is
 * outside a quoted local part, up to
 * `>`, a space or the end. A pointer into `path` and the length; NULL when there is none. */
const char *mailpath_domain(const char *path, size_t *len);

/* The client address as text in canonical form: an IPv4-mapped or -compatible IPv6 address becomes dotted
 * quad, a leading `IPv6:` is dropped, and the IPv6 text is the shortest form (RFC 5952). 0, or -1 when it is
 * not an address (then `out` is untouched). `out` has room for 46 bytes. */
int mailpath_client_ip(const char *text, char out[46]);

#endif
