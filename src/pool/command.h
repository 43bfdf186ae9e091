/* command.h - a request line and what is to be done about it: answered here, or handed on. One table of
 * handlers over that of proto/request.h. */
#ifndef DEFANG_POOL_COMMAND_H
#define DEFANG_POOL_COMMAND_H

#include "base/buf.h"
#include "pool/pool.h"
#include "proto/request.h"

#include <stdbool.h>

enum command_result {
	COMMAND_ANSWERED, /* the reply is in `reply`; it may be empty */
	COMMAND_WORKER,   /* a worker has to answer it */
	COMMAND_REREAD,   /* the reply is the outcome of a reload */
	COMMAND_CHECK,    /* the same, of a filter that is only tried */
};

/* `privileged`: it came on the socket that may do everything. */
enum command_result command_run(const struct pool *p, bool privileged, const struct request *request,
				struct buf *reply);

#endif
