/* resolve.h - addresses whose host is a name. Blocking, for as long as the resolver takes: only for the
 * start. */
#ifndef DEFANG_BASE_RESOLVE_H
#define DEFANG_BASE_RESOLVE_H

#include "base/address.h"

/* `text` is one for which address_parse() said ADDRESS_NAMED_HOST. Its host's first address of the family is
 * put into *out, with the port. 0, or an error of getaddrinfo(3) for gai_strerror(); *out is then untouched.
 */
int resolve_address(const char *text, struct address *out);

#endif
