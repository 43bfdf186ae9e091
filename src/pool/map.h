/* map.h - the socket for look-ups (-N): a mail server sends netstrings, a worker answers them. A connection
 * stays for any number of look-ups, which are answered in their order, one at a time; those of other
 * connections do not wait for them. A look-up is never queued: without a free worker it fails temporarily. */
#ifndef DEFANG_POOL_MAP_H
#define DEFANG_POOL_MAP_H

#include "base/address.h"
#include "base/loop.h"
#include "pool/pool.h"

#include <stdint.h>
#include <sys/types.h>

#define MAP_MAX_CLIENTS 500 /* connections open at a time; one more is closed at once */

struct map;

struct map_config {
	struct address address;
	int passed_fd; /* the socket, when the service manager has opened it; else -1 */
	int backlog;
	mode_t umask;      /* for the socket's file */
	int64_t client_ms; /* for answers to be read; waiting for a look-up has no limit */
};

/* Open the socket and serve. 0 and *out, or -errno. */
int map_open(struct loop *loop, struct pool *pool, const struct map_config *config, struct map **out);

/* Close and unlink the socket: nobody comes in any more. NULL is allowed. */
void map_close(struct map *m);

/* Hang up on everybody, before the pool is freed. NULL is allowed. */
void map_free(struct map *m);

#endif
