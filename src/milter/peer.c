#include "milter/peer.h"

#include "base/number.h"
#include "milter/site.h"
#include "proto/mailpath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOPBACK "127.0.0.1"
#define LOOPBACK6 "::1"

void peer_free(struct peer *p)
{
	free(p->name);
	free(p->helo);
	*p = (struct peer){ 0 };
}

/* What is too long to be an address is cut. */
static void copy_ip(char out[INET6_ADDRSTRLEN], const char *ip)
{
	size_t n = strnlen(ip, INET6_ADDRSTRLEN - 1);

	memcpy(out, ip, n);
	out[n] = '\0';
}

static void set_address(struct peer *p, const struct site *site, char family, const char *address)
{
	const char *alias = site->settings->like_loopback;

	if (family == 'L')
		copy_ip(p->ip, LOOPBACK);
	else if (mailpath_client_ip(address, p->ip) < 0) {
		p->loopback = true; /* no address: started on this host */
		return;
	} else
		p->loopback = strcmp(p->ip, LOOPBACK) == 0 || strcmp(p->ip, LOOPBACK6) == 0;
	if (*alias != '\0' && strcmp(p->ip, alias) == 0)
		copy_ip(p->ip, LOOPBACK);
}

/* Where the client came in. Behind a proxy or on loopback the macro says nothing useful: our own address
 * then. */
static void set_own(struct peer *p, const struct site *site, const struct macros *macros)
{
	const char *ip = macros_get(macros, "if_addr"), *port = macros_get(macros, "daemon_port");
	int64_t n;

	copy_ip(p->own_ip, ip != NULL && *ip != '\0' && strcmp(ip, LOOPBACK) != 0 ? ip : site->own_ip);
	if (port != NULL && number_parse(port, 0, 65535, &n) == 0)
		p->own_port = (int)n;
}

int peer_connect(struct peer *p, const struct site *site, const struct macros *macros,
		 const struct milter_msg *connect)
{
	peer_free(p);
	p->port = connect->connect.port;
	set_address(p, site, connect->connect.family, connect->connect.address);
	set_own(p, site, macros);
	p->name = strdup(connect->connect.host);
	return p->name != NULL ? 0 : -ENOMEM;
}

int peer_helo(struct peer *p, const char *helo)
{
	free(p->helo);
	p->helo = strdup(helo);
	return p->helo != NULL ? 0 : -ENOMEM;
}
