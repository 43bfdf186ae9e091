/* memory.h - watches the resident memory of workers (-R): each second, and after each request. Above the
 * limit policy has the worker replaced; above twice the limit it is killed at once, whatever it does.
 *
 * A worker is watched from its first request on: one that only holds its filter and is above the limit
 * already does some work before it goes, and no worker is replaced for ever by one that is no smaller. */
#ifndef DEFANG_POOL_MEMORY_H
#define DEFANG_POOL_MEMORY_H

#include "base/loop.h"
#include "pool/slots.h"

#include <stdint.h>

struct memory;
struct pool;

/* Of the workers in `slots`, which `p` owns; a limit of 0 kB is none. NULL with errno set. */
struct memory *memory_new(struct loop *loop, struct pool *p, struct slots *slots, int64_t limit_kb);
void memory_free(struct memory *m); /* NULL is allowed */

/* Look at one now. May kill it. */
void memory_look(struct memory *m, struct worker *w);

#endif
