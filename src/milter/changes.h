/* changes.h - the changes that a filter wants made to a message, in the order in which the MTA gets them.
 * Pure.
 *
 * Owns the list, not the strings: they live as long as what they were read from. */
#ifndef DEFANG_MILTER_CHANGES_H
#define DEFANG_MILTER_CHANGES_H

#include "base/buf.h"
#include "proto/milter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANGES_MAX 262144

struct change {
	enum milter_response kind; /* MILTER_REPLBODY stands for the whole of NEWBODY */
	uint32_t index;            /* INSHEADER, CHGHEADER */
	const char *name;          /* of a header; else NULL */
	const char *value;         /* "" deletes a header; an address; a reason; NULL for REPLBODY */
	const char *params;        /* ESMTP parameters of an address, with spaces between; NULL without */
};

struct changes {
	struct change *list;
	size_t n, room;
};

void changes_init(struct changes *c);
void changes_free(struct changes *c); /* leaves an empty list */

/* 0, -ENOMEM, or -E2BIG above CHANGES_MAX. */
int changes_add(struct changes *c, struct change change);

/* The actions (MILTER_F_*) that an MTA must have offered for all of them. */
uint32_t changes_actions(const struct changes *c);

/* Keep only the changes of one kind. */
void changes_keep_only(struct changes *c, enum milter_response kind);

/* Make the numbers of header fields mean those that the filter saw, with every MTA: Postfix counts anew after
 * each deletion, Sendmail does not. Where CHGHEADERs stand in a row, changes go before deletions, deletions
 * from the highest number down, and a deletion that another line for the same field follows is left out. 0,
 * or -ENOMEM with nothing changed. */
int changes_settle(struct changes *c);

/* One change, other than REPLBODY, as a packet. `lead_space`: the MTA puts nothing between the colon and the
 * value of a header, so that the space there is ours to send. */
void change_put(struct buf *out, const struct change *change, bool lead_space);

#endif
