/* summary.h - the line that the log has of each message when it is over: what follows its queue id. Pure.
 *
 *   message client=[192.0.2.1] name=mx.example from=<a@example.org> nrcpts=1 size=512 verdict=reject
 *   stage=eom reply="554 5.7.1 No" cause= worker=3 queued_ms=0 run_ms=12 total_ms=20
 *
 * All keys are always there, in this order; the value of one that does not apply or is not known is empty. A
 * value is in double quotes when it has bytes other than 33 to 126, or a double quote or backslash: these two
 * are then preceded by a backslash, and bytes outside 32 to 126 are written as \x and two hexadecimal
 * digits. */
#ifndef DEFANG_MILTER_SUMMARY_H
#define DEFANG_MILTER_SUMMARY_H

#include "base/buf.h"
#include "proto/facts.h"

#include <stddef.h>
#include <stdint.h>

#define SUMMARY_MAX_VALUE 512 /* bytes of a value, before quoting; a longer one is cut, and `...` added */

struct summary { /* texts may be NULL, which is the same as empty */
	const char *ip, *name;
	const char *sender;
	size_t recipients; /* that were accepted */
	uint64_t size;     /* in bytes, as the filter got it */
	const char *verdict, *stage, *reply, *cause;
	struct facts facts;
	int64_t total_ms; /* since MAIL */
};

void summary_add(struct buf *out, const struct summary *s);

#endif
