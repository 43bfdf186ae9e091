/* status.h - the status socket: what the front end tells of itself, one request line and its reply for each
 * connection (base/desk.h). The requests are those of `help`, see mimedefang-protocol(7). On the first loop.
 */
#ifndef DEFANG_MILTER_STATUS_H
#define DEFANG_MILTER_STATUS_H

#include "base/loop.h"
#include "milter/loops.h"
#include "milter/settings.h"

struct status;

enum status_state { STATUS_STARTING, STATUS_SERVING, STATUS_ENDING };

/* Listen on settings->status. `loops` outlives the status. 0 or -errno. */
int status_open(struct loop *loop, const struct settings *settings, struct loops *loops, struct status **out);

/* The state that is told; at first STARTING. NULL is allowed. */
void status_set_state(struct status *s, enum status_state state);

/* Close and unlink the socket, hang up on who still waits. NULL is allowed. */
void status_free(struct status *s);

#endif
