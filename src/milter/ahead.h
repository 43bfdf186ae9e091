/* ahead.h - a look at packets whose turn has not come. Pure. */
#ifndef DEFANG_MILTER_AHEAD_H
#define DEFANG_MILTER_AHEAD_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the first packet in in[0..n), macros aside, is an ABORT: the MTA no longer wants to hear the answer
 * that is being worked out. *passed is the number of bytes of macros at the start that were looked at before:
 * 0 at first, then what the last call left there, as long as nothing was taken from the start of `in`. So all
 * calls together look at each packet of macros once. */
bool ahead_is_abort(const char *in, size_t n, size_t *passed);

#endif
