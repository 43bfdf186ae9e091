/* wanted.h - the MTA's macros that a filter gets: a fixed list, then those that the administrator names.
 * Pure. */
#ifndef DEFANG_MILTER_WANTED_H
#define DEFANG_MILTER_WANTED_H

#include "base/buf.h"
#include "milter/settings.h"

/* The fixed names, without braces, in their order in COMMANDS; NULL ends them. */
extern const char *const wanted_macros[];

/* All names as an MTA is asked for them: with a space between them, and longer ones in braces. */
void wanted_list(struct buf *out, const struct settings *settings);

#endif
