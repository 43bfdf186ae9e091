/* check.h - the request lines of the checks at connect, HELO, MAIL and RCPT. Pure. What is not known is told
 * as `UNKNOWN`, `NOQUEUE` or `?`. */
#ifndef DEFANG_MILTER_CHECK_H
#define DEFANG_MILTER_CHECK_H

#include "base/buf.h"
#include "milter/peer.h"
#include "proto/milter.h"

/* What the requests about a message share. */
struct check_about {
	const struct peer *peer;
	const char *queue_id; /* `NOQUEUE` when unknown */
	const char *dir;      /* the work directory */
	const char *sender;
	const char *first_recipient;
};

void check_relay(struct buf *out, const struct peer *peer, const char *queue_id);
void check_helo(struct buf *out, const struct peer *peer, const char *queue_id);
void check_sender(struct buf *out, const struct check_about *about, const struct milter_msg *mail);
void check_recipient(struct buf *out, const struct check_about *about, const struct macros *macros,
		     const struct milter_msg *rcpt);

/* The recipient's mailer, host or address by the MTA's macro `name`; `?` when there is none. */
const char *check_rcpt_macro(const struct macros *macros, const char *name);

#endif
