/* reply.h - replies of the controller, and SMTP reply texts made of them. */
#ifndef DEFANG_PROTO_REPLY_H
#define DEFANG_PROTO_REPLY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* What a filter said of a connection, HELO, sender, recipient or message. */
enum verdict {
	VERDICT_CONTINUE,
	VERDICT_REJECT,
	VERDICT_TEMPFAIL,
	VERDICT_ACCEPT, /* no more filtering */
	VERDICT_DISCARD,
};

#define VERDICTS (VERDICT_DISCARD + 1)

const char *verdict_name(enum verdict v); /* `continue`, `reject` .. */

/* An SMTP reply: code and enhanced status that fit each other and the verdict, and a text. */
struct smtp_reply {
	char code[4]; /* "554" */
	char dsn[10]; /* "5.7.1" */
	char *text;   /* points into the parsed bytes, or to a constant; may hold LFs between lines */
};

/* Set `out` for a REJECT (5xx) or TEMPFAIL (4xx) from what a filter gave. A bad or missing code or dsn
 * becomes 554 5.7.1 or 451 4.3.0; an empty text `Forbidden for policy reasons` or `Please try again later`.
 * Any of the three may be NULL. Control bytes of `text` other than LF become spaces, in place. */
void smtp_reply_set(struct smtp_reply *out, enum verdict v, const char *code, const char *dsn, char *text);

#define SMTP_REPLY_MAX_LINES 31
#define SMTP_REPLY_MAX_LINE 980 /* bytes of text in a line, libmilter's limit */

/* The text as the milter protocol has it in REPLYCODE, without the NUL: `550 5.7.1 text`, several lines as
 * `550-5.7.1 a` CR LF `550 5.7.1 b`; `%` doubled; lines beyond the limits cut. A final LF in the text adds no
 * line. */
void smtp_reply_format(struct buf *out, const struct smtp_reply *r);

/* `ok N TEXT CODE DSN DELAY` of relayok, helook, senderok, recipok. */
struct check_reply {
	enum verdict verdict;
	bool has_reply; /* a TEXT field was there: `reply` is set for REJECT and TEMPFAIL */
	struct smtp_reply reply;
	int delay_s; /* seconds to wait before answering the MTA; 0 without; at most REPLY_MAX_DELAY */
};

#define REPLY_MAX_DELAY 3600

enum reply_error {
	REPLY_OK,
	REPLY_NOT_OK, /* `error: ..`, `ERR ..` or anything that is not a reply of this kind */
	REPLY_EMPTY,
};

/* `line` is all that the controller sent, its LF included (the bare forms need it exactly); decoded in place,
 * the result points into it. On error *out is untouched, and the LF is removed from `line` so that it can be
 * logged. */
enum reply_error check_reply_parse(char *line, struct check_reply *out);

/* The reply to `free`, with or without its LF: a number of workers >= 0 in *out, untouched on error. */
enum reply_error free_reply_parse(const char *line, int *out);

/* The reply to `scan`: exactly `ok` LF. */
enum reply_error scan_reply_parse(char *line);

/* Whether a reply of the controller reports an error (`error:` or `ERR `): what the control tool exits on. */
bool reply_is_error(const char *line);

#endif
