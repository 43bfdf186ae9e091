/* facts.h - how the controller served a request: a second line of its reply, for clients that ask for it by a
 * second line behind their request.
 *
 *   scan QID DIR LF  facts LF      ->      ok LF  facts worker=3 queued_ms=0 run_ms=12 LF
 *
 * Controllers that do not know it ignore what follows the first line, as MIMEDefang's does; a request that no
 * worker has had gets none. So a client has to do without. Pure. */
#ifndef DEFANG_PROTO_FACTS_H
#define DEFANG_PROTO_FACTS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define FACTS_REQUEST "facts" /* the second line of a request, without its LF */
#define FACTS_NONE (-1)       /* of a number that is not told */

struct facts {
	int64_t worker;    /* the number of its slot */
	int64_t queued_ms; /* the request waited for it */
	int64_t run_ms;    /* it took */
};

#define FACTS_UNKNOWN ((struct facts){ FACTS_NONE, FACTS_NONE, FACTS_NONE })

/* Append the line. */
void facts_add(struct buf *out, const struct facts *f);

/* If `reply` has such a line behind its first one, and nothing behind that, cut it off and read it; else
 * leave `reply` as it is, and *out is FACTS_UNKNOWN. Words that are not known, and numbers that are none, are
 * passed over. Whether there was one. */
bool facts_take(char *reply, struct facts *out);

#endif
