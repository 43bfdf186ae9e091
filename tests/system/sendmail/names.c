/* Loaded into a Sendmail under test (LD_PRELOAD): the names of hosts do not depend on the machine that it
 * runs on. Sendmail asks for its own before it reads its configuration, and waits a minute when the machine
 * has no qualified one; each client is looked up backwards, and without a network that waits, too. */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

static char own_name[] = "mx.example.org";

int gethostname(char *name, size_t size)
{
	strncpy(name, own_name, size);
	return 0;
}

/* A numeric IPv6 address is no name, and stays what it is. */
static struct hostent *numeric_v6(const char *name)
{
	static struct in6_addr number;
	static char *addresses[] = { (char *)&number, NULL }, *aliases[] = { NULL };
	static struct hostent host;

	if (inet_pton(AF_INET6, name, &number) != 1) {
		h_errno = NO_DATA;
		return NULL;
	}
	host = (struct hostent){ .h_name = own_name,
				 .h_aliases = aliases,
				 .h_addrtype = AF_INET6,
				 .h_length = sizeof(number),
				 .h_addr_list = addresses };
	return &host;
}

/* Every name is this host. */
struct hostent *gethostbyname2(const char *name, int family)
{
	static struct in_addr local;
	static char *addresses[] = { (char *)&local, NULL }, *aliases[] = { NULL };
	static struct hostent host;

	if (family != AF_INET)
		return numeric_v6(name);
	local.s_addr = htonl(INADDR_LOOPBACK);
	host = (struct hostent){ .h_name = own_name,
				 .h_aliases = aliases,
				 .h_addrtype = AF_INET,
				 .h_length = sizeof(local),
				 .h_addr_list = addresses };
	return &host;
}

struct hostent *gethostbyname(const char *name)
{
	return gethostbyname2(name, AF_INET);
}

/* No address has a name. */
struct hostent *gethostbyaddr(const void *address, socklen_t size, int family)
{
	h_errno = HOST_NOT_FOUND;
	return NULL;
}
