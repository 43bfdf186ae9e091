/* ask_pool.h - connections to one server that have served a question and may serve another. For ask.h;
 * whoever asks often owns one and gives it to ask_start_kept(). One that the server closes goes by itself. */
#ifndef DEFANG_BASE_ASK_POOL_H
#define DEFANG_BASE_ASK_POOL_H

#include "base/address.h"
#include "base/conn.h"
#include "base/loop.h"

#include <sys/queue.h>

struct ask_pool {
	struct loop *loop;
	struct address to; /* a UNIX-domain socket: see ask_start_kept() */
	LIST_HEAD(ask_idle_list, ask_idle) idle;
	int n_idle;
};

void ask_pool_init(struct ask_pool *p, struct loop *loop, const struct address *to);

/* Close those that are idle. Must come before the loop is freed; the pool stays fit for use. */
void ask_pool_clear(struct ask_pool *p);

/* The connection that was given back last, or NULL. It is the caller's: conn_set_owner(). */
struct conn *ask_pool_take(struct ask_pool *p);

/* Take it: kept, or closed when there are enough. */
void ask_pool_give(struct ask_pool *p, struct conn *c);

#endif
