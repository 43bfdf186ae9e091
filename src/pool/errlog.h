/* errlog.h - the standard error of a worker: read and logged line by line, the last lines kept. */
#ifndef DEFANG_POOL_ERRLOG_H
#define DEFANG_POOL_ERRLOG_H

#include "base/loop.h"
#include "pool/tail.h"

#include <stdbool.h>

struct errlog;
struct worker_facts;

/* Read `fd`, which it takes when it succeeds. Lines are logged with -l (`verbose`), with the number and the
 * queue id that `facts` has at that moment; NULL is for a template. `closed` is called last when the worker,
 * and whoever else holds the pipe, has ended it. NULL with errno set. */
struct errlog *errlog_new(struct loop *loop, int fd, bool verbose, const struct worker_facts *facts,
			  void (*closed)(void *arg), void *arg);
void errlog_free(struct errlog *e); /* NULL is allowed */

/* Add the lines of another process to the last ones kept. */
void errlog_adopt(struct errlog *e, const struct tail *words);

bool errlog_is_closed(const struct errlog *e);
const struct tail *errlog_tail(const struct errlog *e);

#endif
