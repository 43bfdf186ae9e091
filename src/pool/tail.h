/* tail.h - the last lines that a worker wrote to its standard error. */
#ifndef DEFANG_POOL_TAIL_H
#define DEFANG_POOL_TAIL_H

#include "base/buf.h"

#define TAIL_LINES 20
#define TAIL_MAX_LINE 1000 /* bytes kept of a line */

/* All zero is empty. */
struct tail {
	char *lines[TAIL_LINES];
	unsigned next; /* where the next line goes */
};

/* Keep a copy of `line`, its control bytes as spaces. An empty line, or one there is no memory for, is not
 * kept. */
void tail_add(struct tail *t, const char *line);
void tail_free(struct tail *t);

/* The line `i` places before the last one (0: the last), or NULL. */
const char *tail_line(const struct tail *t, unsigned i);

/* Append the kept lines, oldest first, `separator` between them. */
void tail_join(const struct tail *t, const char *separator, struct buf *out);

#endif
