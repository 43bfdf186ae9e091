/* session_state.h - the inside of a session, for the files that make it up: session.c has the connection,
 * say.c what the MTA says, hear.c what the replies mean. */
#ifndef DEFANG_TOOLS_SESSION_STATE_H
#define DEFANG_TOOLS_SESSION_STATE_H

#include "base/buf.h"
#include "base/conn.h"
#include "tools/dial.h"
#include "tools/session.h"

struct session {
	struct loop *loop;
	const struct script *script;
	const struct session_watcher *watcher;
	void *arg;
	struct dial *dial; /* until connected */
	struct conn *conn; /* from then on */
	struct macros *macros;
	struct buf out;
	uint32_t version, protocol; /* agreed */
	enum stage stage; /* what is to be said next, or has been said and is `waiting` for its reply */
	size_t unit;      /* recipient, header or piece of body of that stage */
	bool waiting;
	bool *passed;        /* recipients the filter let pass */
	bool body_row_begun; /* the filter has sent a new body .. */
	bool body_row_ended; /* .. and another change after it */
	char queue_id[64];
	enum failure failure;
	char *why;
};

/* End the session, at the end of this turn; `format` says why, for people. Later calls change nothing. */
void session_fail(struct session *s, enum failure f, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
