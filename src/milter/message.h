/* message.h - one message from MAIL to its end: what the MTA tells of it, written into its work directory as
 * the filter reads it (mimedefang-protocol(7)).
 *
 * Functions that return int: 0, or -errno when the directory could not be written; that failure sticks, and
 * the message cannot be judged any more. */
#ifndef DEFANG_MILTER_MESSAGE_H
#define DEFANG_MILTER_MESSAGE_H

#include "milter/header.h"
#include "milter/id.h"
#include "milter/macros.h"
#include "milter/peer.h"
#include "milter/site.h"
#include "milter/who.h"
#include "proto/milter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

/* Make the work directory and note the envelope's beginning. `session` is the id of the session, which
 * outlives the message. On failure, which is logged, -errno. */
int message_new(const struct site *site, struct id_source *ids, const char *session, const struct peer *peer,
		const struct macros *macros, const struct milter_msg *mail, struct message **out);

/* Forget the message, and remove its directory unless the administrator wants it kept. NULL is allowed. */
void message_free(struct message *m);

/* The filter failed on it: with -k the directory is then kept. */
void message_set_failed(struct message *m);

/* The queue id as far as it is known, else `NOQUEUE`: for requests. */
const char *message_id(const struct message *m);
struct who message_who(const struct message *m);              /* for log lines */
const char *message_dir(const struct message *m);             /* the directory's whole path */
const char *message_sender(const struct message *m);          /* as in MAIL FROM */
const char *message_first_recipient(const struct message *m); /* as in RCPT TO; NULL before the first */
size_t message_recipients(const struct message *m);           /* accepted, by the MTA too */
uint64_t message_size(const struct message *m);               /* bytes of it so far, as the filter gets it */

/* Look for the queue id among the macros: some MTAs know it only after MAIL. */
void message_learn_id(struct message *m, const struct macros *macros);

/* A recipient is under judgement; a former one that was not kept is forgotten. */
int message_rcpt(struct message *m, const struct macros *macros, const struct milter_msg *rcpt);
int message_rcpt_keep(struct message *m); /* it was accepted */

int message_header(struct message *m, const struct header_field *field);
int message_end_headers(struct message *m); /* once is enough; more does nothing */
int message_body(struct message *m, const char *bytes, size_t n);

int message_sync(struct message *m);   /* make the files fit to be read by a check */
int message_finish(struct message *m); /* the message is complete: close the files */

/* As spool_open_file(). */
int message_open_file(const struct message *m, const char *name, size_t *size);

/* What its headers were like, as far as that decides about changes. */
struct message_traits {
	int content_types; /* Content-Type headers; all but the first are hidden from the filter */
	bool mime_version; /* had a MIME-Version header */
	bool validated;    /* had the validation header */
};
const struct message_traits *message_traits(const struct message *m);

/* The queue id among the macros when it is fit for a path and a log line, else NULL. */
const char *message_queue_id(const struct macros *macros);

#endif
