/* shown.h - text of others on one line of ours, for a terminal. Pure. */
#ifndef DEFANG_PMX_SHOWN_H
#define DEFANG_PMX_SHOWN_H

#include "base/buf.h"

#include <stddef.h>

/* White space at its end is left out; line ends become `; ', other control characters `?'. */
void shown_add(struct buf *out, const char *text, size_t n);

#endif
