/* listeners.h - the notification socket (-O): programs that connect, say what they want to hear of, and are
 * told at once what happens in the pool. Messages and their order: mimedefang-notify(7).
 *
 * Nobody is waited for: a listener that does not read is hung up on, once it has too much before it or for
 * too long. States are those of the working slots: what happens to a worker in a spare slot is not told. */
#ifndef DEFANG_POOL_LISTENERS_H
#define DEFANG_POOL_LISTENERS_H

#include "base/address.h"
#include "base/loop.h"
#include "pool/pool.h"

#include <sys/types.h>

#define LISTENERS_MAX 5

struct listeners;

struct listeners_config {
	struct address address;
	int passed_fd; /* the socket, when the service manager has opened it; else -1 */
	mode_t umask;  /* for the socket's file */
};

/* Open the socket and observe the pool. 0 and *out, or -errno. */
int listeners_open(struct loop *loop, struct pool *pool, const struct listeners_config *config,
		   struct listeners **out);

/* Close and unlink the socket: nobody comes in any more. NULL is allowed. */
void listeners_close(struct listeners *l);

/* Hang up on everybody, after the pool was freed. NULL is allowed. */
void listeners_free(struct listeners *l);

#endif
