/* macros.h - the macros that an MTA gives to a filter: which at which stage, and with what values. */
#ifndef DEFANG_TOOLS_MACROS_H
#define DEFANG_TOOLS_MACROS_H

#include "base/buf.h"
#include "proto/milter.h"

#include <stddef.h>

/* Whose habits to follow: Postfix tells `i` from the second recipient on, Sendmail at MAIL. */
enum mta { MTA_POSTFIX, MTA_SENDMAIL };

/* A macro of the user's. It replaces what the MTA would say. Sent where the MTA sends one of that name, or
 * with CONNECT when it does so nowhere. */
struct macro {
	const char *name; /* as written, with or without braces */
	const char *value;
};

struct macros;

/* No values yet. `given` stays the caller's and must outlive it. NULL with errno set. */
struct macros *macros_new(enum mta like, const struct macro *given, size_t n_given);
void macros_free(struct macros *m); /* NULL is allowed */

/* What the MTA knows of the macro from now on (copied); NULL: nothing. 0 or -ENOMEM. */
int macros_set(struct macros *m, const char *name, const char *value);

/* The filter's own list for a stage: names separated by blanks or commas (copied). Stages that do not exist
 * are ignored. 0 or -ENOMEM. */
int macros_ask(struct macros *m, uint32_t stage, const char *names);

/* The macro packet that goes before command `letter`; nothing when this MTA sends none there. */
void macros_put(const struct macros *m, struct buf *out, enum milter_command letter);

#endif
