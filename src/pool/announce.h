/* announce.h - what the service manager is told of the pool (base/sdnotify.h): that it is ready, reloading or
 * stopping, how it is in words, and that it is alive. Does nothing where there is no manager that listens. */
#ifndef DEFANG_POOL_ANNOUNCE_H
#define DEFANG_POOL_ANNOUNCE_H

#include "base/loop.h"
#include "pool/pool.h"

struct announce;

/* Observe the pool. NULL with errno set. Free it after the pool. */
struct announce *announce_new(struct loop *loop, struct pool *pool);
void announce_free(struct announce *a); /* NULL is allowed */

void announce_ready(struct announce *a); /* requests are taken; from now on tells how it is, and is alive */
void announce_stopping(struct announce *a); /* no more of that */

#endif
