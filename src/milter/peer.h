/* peer.h - the SMTP client on whose behalf an MTA speaks to us, as the filter is to see it. */
#ifndef DEFANG_MILTER_PEER_H
#define DEFANG_MILTER_PEER_H

#include "milter/macros.h"
#include "proto/milter.h"

#include <netinet/in.h>
#include <stdbool.h>

struct site;

struct peer {
	char *name;                    /* as the MTA gives it; NULL or "" when it gave none */
	char ip[INET6_ADDRSTRLEN];     /* in canonical form; "" when unknown */
	int port;                      /* 0 when unknown */
	bool loopback;                 /* really this host, -L or not; false for a local socket */
	char *helo;                    /* NULL before HELO */
	char own_ip[INET6_ADDRSTRLEN]; /* the address that the client came to; "" when unknown */
	int own_port;                  /* 0 when unknown */
};

/* Take what CONNECT says, and the macros of that stage. What `p` held is freed. 0 or -ENOMEM. */
int peer_connect(struct peer *p, const struct site *site, const struct macros *macros,
		 const struct milter_msg *connect);
int peer_helo(struct peer *p, const char *helo); /* 0 or -ENOMEM */
void peer_free(struct peer *p);                  /* leaves an empty one */

#endif
