/* delivery.h - what becomes of a message: the changes that a filter asks for, and the message and envelope
 * after them. Pure. The rules are those of Postfix, whatever MTA is played otherwise:
 *
 * - A header is added at the end of the headers.
 * - The index of an inserted header counts all headers from 0, the MTA's own Received (not written) among
 *   them: 0 is before that, 1 behind it; beyond the end is at the end.
 * - The index of a changed header counts those of that name, in any case, from 1 (0 is 1), as they are after
 *   the changes before. An empty value deletes. When there is no such header, it is added at the end.
 * - The pieces of a new body stand one behind the other; bare LF becomes CR LF.
 * - A recipient is added once, and deleted when equal to what was given; brackets do not matter. */
#ifndef DEFANG_TOOLS_DELIVERY_H
#define DEFANG_TOOLS_DELIVERY_H

#include "base/buf.h"
#include "proto/milter.h"
#include "tools/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct change {
	enum milter_response response;
	uint32_t index;
	char *name;      /* of a header; or the address, the reason of QUARANTINE */
	char *value;     /* of a header; or the parameters; "" without */
	struct buf body; /* REPLBODY */
};

/* In the order of the filter; several REPLBODY are one change, at the place of the first. */
struct changes {
	struct change *list;
	size_t n;
};

/* Note a change (copied). Not one (a verdict, PROGRESS): nothing. 0 or -ENOMEM. */
int changes_add(struct changes *c, const struct milter_answer *a);
void changes_free(struct changes *c); /* empty afterwards */

/* Append the message as it is delivered, with LF line ends. `lead_space`: the filter has asked for
 * HDR_LEADSPC, so that its header values bring their own blank. 0 or -ENOMEM. */
int delivery_write(struct buf *out, const struct message *m, const struct changes *c, bool lead_space);

/* An envelope; the strings are the caller's. */
struct envelope {
	const char *from;
	const char **rcpts; /* room for as many more as there are changes */
	size_t n_rcpts;
};

/* Apply the changes to an envelope; its strings then point into the changes too. */
void delivery_envelope(struct envelope *e, const struct changes *c);

#endif
