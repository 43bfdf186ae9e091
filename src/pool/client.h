/* client.h - the clients of the pool that come in by one socket: each sends one request line, gets one reply,
 * and is hung up on, unless it asks for the connection to be kept (ask.h). */
#ifndef DEFANG_POOL_CLIENT_H
#define DEFANG_POOL_CLIENT_H

#include "base/address.h"
#include "base/loop.h"
#include "pool/pool.h"

#include <stdbool.h>
#include <stdint.h>

struct clients;

struct clients_config {
	struct address address;
	int passed_fd; /* the socket, when the service manager has opened it; else -1 */
	int backlog;
	mode_t umask;      /* for the socket's file */
	bool privileged;   /* all requests are allowed */
	int max_clients;   /* within at a time; one more is closed at once. 0: no limit */
	int64_t client_ms; /* for a request to be read, and for a reply to be written */
};

/* Open the socket and serve. 0 and *out, or -errno. */
int clients_open(struct loop *loop, struct pool *pool, const struct clients_config *config,
		 struct clients **out);

/* Close and unlink the socket: nobody comes in any more; clients that wait for a reply keep waiting.
 * NULL is allowed. */
void clients_close(struct clients *c);

/* Hang up on those still within, before the pool is freed. NULL is allowed. */
void clients_free(struct clients *c);

#endif
