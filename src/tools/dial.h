/* dial.h - connecting, with a time limit; tries again while the backlog of a UNIX-domain socket is full. */
#ifndef DEFANG_TOOLS_DIAL_H
#define DEFANG_TOOLS_DIAL_H

#include "base/address.h"
#include "base/loop.h"

#include <stdint.h>

struct dial;

/* Called once, from the loop; then the dial is freed by itself. `fd` is the callee's, or -errno (-ETIMEDOUT
 * when the time is over). */
typedef void dial_fn(int fd, void *arg);

/* NULL with errno set when out of memory. */
struct dial *dial_start(struct loop *loop, const struct address *to, int64_t timeout_ms, dial_fn *cb,
			void *arg);
void dial_cancel(struct dial *d); /* no callback follows; NULL is allowed */

#endif
