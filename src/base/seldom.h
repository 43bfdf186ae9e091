/* seldom.h - what may happen thousands of times a second, and is worth a line in the log once in a while.
 * Pure. */
#ifndef DEFANG_BASE_SELDOM_H
#define DEFANG_BASE_SELDOM_H

#include <stdbool.h>
#include <stdint.h>

struct seldom { /* all 0 at first */
	int64_t told_ms;
	int64_t untold;
	bool told;
};

/* It has happened. True when that is to be told: the first time, and then when `every_ms` have passed since
 * it was last told. *n is the number of times that were not told yet. */
bool seldom_due(struct seldom *s, int64_t now_ms, int64_t every_ms, int64_t *n);

#endif
