/* macros.h - the macros that an MTA has told us, one set per stage of the session. Pure.
 *
 * A set is replaced by the next one of its stage. Look-up goes from the latest stage back, and `x` and `{x}`
 * are the same name, as in libmilter. */
#ifndef DEFANG_MILTER_MACROS_H
#define DEFANG_MILTER_MACROS_H

#include "base/buf.h"
#include "proto/milter.h"

#include <stdbool.h>

#define MACROS_MAX_BYTES 32768 /* of one set; what goes beyond is dropped */

struct macros {
	struct buf sets[MILTER_STAGES]; /* pairs, names without braces: see macros.c */
};

void macros_init(struct macros *m);
void macros_free(struct macros *m);

/* Take the pairs of a macro packet for command `letter`; a letter without a set of its own is ignored. False
 * when some did not fit. */
bool macros_store(struct macros *m, char letter, struct milter_strings pairs);

/* Forget the sets of all stages after that of command `letter`, which must have a set. */
void macros_forget_after(struct macros *m, char letter);
void macros_forget(struct macros *m); /* all of them */

/* The value, "" for one that is defined and empty, NULL for an undefined one. Valid until the next change. */
const char *macros_get(const struct macros *m, const char *name);

#endif
