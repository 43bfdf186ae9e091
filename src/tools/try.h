/* try.h - one message over one connection, and all that the filter said of it. */
#ifndef DEFANG_TOOLS_TRY_H
#define DEFANG_TOOLS_TRY_H

#include "base/loop.h"
#include "tools/delivery.h"
#include "tools/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Equal replies in a row, as those to headers mostly are. */
struct reply {
	enum stage stage;
	size_t unit; /* of the first: which recipient, header .. */
	enum milter_response response;
	char *text; /* of REPLYCODE, as on the wire; else "" */
	unsigned count;
};

struct story {
	uint32_t version, actions, protocol; /* negotiated; version 0: not so far */
	struct reply *replies;
	size_t n_replies;
	struct changes changes; /* empty unless they count: those of a message not delivered are dropped */
	bool decided;
	enum outcome outcome;
	enum stage stage;    /* where it was decided */
	char *smtp_reply;    /* what the client hears */
	const char *reason;  /* of QUARANTINE, in `changes`; NULL: none */
	const char **passed; /* recipients the filter let pass; strings of the script */
	size_t n_passed;
	char queue_id[64];
	bool lead_space;
	int64_t us; /* from the first packet to the decision */
	enum failure failure;
	char *why;
	bool out_of_memory;
};

/* Run it; serves the loop until the connection is closed. */
void try_message(struct loop *loop, const struct script *script, struct story *out);
void story_free(struct story *s);

#endif
