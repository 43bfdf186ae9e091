#include "proto/mailpath.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* The last `@` of the address, or NULL. A space ends the address only behind an `@`: mail servers pass local
 * parts with blanks. */
static const char *at_find(const char *path)
{
	const char *at = NULL;
	bool quoted = false;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '@')
			at = p;
		else if (!quoted && (*p == '>' || (*p == ' ' && at != NULL)))
			break;
	}
	return at;
}

const char *mailpath_domain(const char *path, size_t *len)
{
	const char *at = at_find(path);
	size_t n = at != NULL ? strcspn(at + 1, "> ") : 0;

	if (n == 0)
		return NULL;
	*len = n;
	return at + 1;
}

int mailpath_client_ip(const char *text, char out[46])
{
	struct in6_addr ip6;
	struct in_addr ip4;

	if (strncasecmp(text, "IPv6:", 5) == 0)
		text += 5;
	if (inet_pton(AF_INET, text, &ip4) != 1) {
		if (inet_pton(AF_INET6, text, &ip6) != 1)
			return -1;
		if (!IN6_IS_ADDR_V4MAPPED(&ip6) && !IN6_IS_ADDR_V4COMPAT(&ip6)) {
			inet_ntop(AF_INET6, &ip6, out, INET6_ADDRSTRLEN);
			return 0;
		}
		memcpy(&ip4, ip6.s6_addr + 12, sizeof(ip4));
	}
	inet_ntop(AF_INET, &ip4, out, INET6_ADDRSTRLEN);
	return 0;
}
