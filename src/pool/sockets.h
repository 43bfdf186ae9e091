/* sockets.h - the controller's listening sockets, those of -s, -a, -N and -O: opened here, or passed by the
 * service manager under the names `requests`, `open`, `map` and `notify` (base/activation.h). One that is
 * passed alone is that of -s whatever its name. */
#ifndef DEFANG_POOL_SOCKETS_H
#define DEFANG_POOL_SOCKETS_H

#include "base/activation.h"
#include "base/loop.h"
#include "pool/pool.h"
#include "pool/settings.h"

struct sockets;

/* Open those that the settings name or that were passed, and serve; all of `passed` is taken. 0 and *out, or
 * a sysexits status, which was told through daemon_fail(); *out is then still to be freed. */
int sockets_open(struct loop *loop, struct pool *pool, const struct settings *settings,
		 struct activation *passed, struct sockets **out);

/* Nobody comes in any more; files of our own are unlinked. NULL is allowed in all three. */
void sockets_close(struct sockets *s);

/* Hang up on all who wait for the pool: before it is freed. */
void sockets_hang_up(struct sockets *s);

void sockets_free(struct sockets *s); /* after the pool */

#endif
