#include "base/resolve.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

int resolve_address(const char *text, struct address *out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	const char *colon = strchr(text, ':'), *at = strrchr(text, '@');
	struct address a = { 0 };
	int rc;

	assert(colon != NULL && at != NULL);
	hints.ai_family = strncmp(text, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	if ((rc = getaddrinfo(at + 1, NULL, &hints, &found)) != 0)
		return rc;
	a.len = found->ai_addrlen;
	memcpy(&a.sa, found->ai_addr, found->ai_addrlen); /* of a known family, so it fits */
	freeaddrinfo(found);
	if (a.sa.sa_family == AF_INET6)
		a.in6.sin6_port = htons((uint16_t)atoi(colon + 1));
	else
		a.in.sin_port = htons((uint16_t)atoi(colon + 1));
	*out = a;
	return 0;
}
