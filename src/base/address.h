/* address.h - socket addresses as options name them. Pure: no look-ups of names, no sockets.
 *
 *	/path  unix:/path  local:/path	UNIX-domain
 *	inet:PORT[@HOST]		IPv4; inet6:PORT[@HOST]	IPv6
 *	inet_any:PORT  inet6_any:PORT	all addresses of the family
 *	anything else			a UNIX-domain path
 *
 * HOST is a numeric address (in brackets if liked) or `localhost`; a name is for resolve_address(). Two
 * dialects: the controller's, where inet: and inet6: without HOST mean loopback; and libmilter's, where they
 * mean all addresses, and an unknown KIND: is an error rather than part of a path. */
#ifndef DEFANG_BASE_ADDRESS_H
#define DEFANG_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
	socklen_t len;
	bool wildcard; /* all addresses of a family, and the text did not say so (`_any` or a HOST) */
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

enum address_default {
	ADDRESS_LOOPBACK, /* the controller's dialect */
	ADDRESS_WILDCARD, /* libmilter's */
};

enum address_error {
	ADDRESS_OK,
	ADDRESS_EMPTY,
	ADDRESS_PATH_TOO_LONG, /* over 107 bytes, the kernel's limit */
	ADDRESS_BAD_PORT,      /* not a number of 1 to 65535 */
	ADDRESS_BAD_HOST,      /* neither a numeric address of the family nor a name */
	ADDRESS_NAMED_HOST,    /* a host name, otherwise all is well */
	ADDRESS_BAD_KIND,      /* libmilter's dialect: an unknown word before a colon */
};

/* On error *out is untouched. */
enum address_error address_parse(const char *text, enum address_default host, struct address *out);
const char *address_error_text(enum address_error e);

bool address_is_unix(const struct address *a);

#endif
