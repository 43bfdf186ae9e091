/* who.h - log lines about a session of an MTA: `QUEUE-ID: text session=ID`. The queue id stands first, where
 * people and programs that read MIMEDefang's log look for it, the text is as it was there, and the session's
 * id comes last. */
#ifndef DEFANG_MILTER_WHO_H
#define DEFANG_MILTER_WHO_H

#define NO_QUEUE_ID "NOQUEUE"

struct who {
	const char *queue_id; /* of the message, or NO_QUEUE_ID; NULL for lines that begin with neither */
	const char *session;  /* see id.h; NULL when no session is concerned */
};

#define WHO_NOBODY ((struct who){ .queue_id = NO_QUEUE_ID })

/* As log_debug() .. of base/log.h; a text that is too long for a line is cut, not the ids. */
void who_debug(struct who about, const char *format, ...) __attribute__((format(printf, 2, 3)));
void who_info(struct who about, const char *format, ...) __attribute__((format(printf, 2, 3)));
void who_warn(struct who about, const char *format, ...) __attribute__((format(printf, 2, 3)));
void who_err(struct who about, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
