/* client.h - questions to the controller, over connections that it keeps for several of them if it is ours;
 * that of MIMEDefang closes after each. None blocks. Whatever goes wrong is logged here, and the callback
 * gets what then is to be done: a temporary failure. */
#ifndef DEFANG_MILTER_CLIENT_H
#define DEFANG_MILTER_CLIENT_H

#include "base/ask_pool.h"
#include "base/buf.h"
#include "base/loop.h"
#include "milter/figures.h"
#include "milter/who.h"
#include "proto/facts.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stdint.h>

struct client { /* whom to ask, and on which loop */
	struct loop *loop;
	struct ask_pool *controller;
	struct figures *figures; /* of the loop */
};

struct question;

/* Called once from the loop, after which the question is gone. `failure` tells why there is no good answer,
 * and is NONE for one; `reply` and what it points to, and `facts`, are valid during the call. */
typedef void check_fn(const struct check_reply *reply, enum failure failure, void *arg);
typedef void free_fn(int n_free, enum failure failure, void *arg); /* -1: no answer */
typedef void scan_fn(enum failure failure, const struct facts *facts, void *arg);

/* `about` is for log lines, and copied; its queue id must be there. `line` is a request, its LF included; it
 * may be freed at once. `deadline` is on the loop's clock, in milliseconds, 0 for none: then the question is
 * withdrawn, and counts as not answered. NULL when out of memory or when the line is too long: that is
 * logged, and no callback comes. */
struct question *client_check(const struct client *c, struct who about, const struct buf *line,
			      int64_t deadline, check_fn *cb, void *arg);
struct question *client_free_workers(const struct client *c, struct who about, bool quiet, int64_t deadline,
				     free_fn *cb, void *arg);
struct question *client_scan(const struct client *c, struct who about, const char *dir, int64_t deadline,
			     scan_fn *cb, void *arg);

/* Withdraw: hang up on the controller; the callback will not come. NULL is allowed. */
void question_cancel(struct question *q);

#endif
