/* session.h - one connection to a milter, spoken as an MTA does: negotiation, the stages of one message after
 * another, the rules by which a reply at each stage decides.
 *
 * A filter that breaks the protocol ends the session, as it does in the MTAs. */
#ifndef DEFANG_TOOLS_SESSION_H
#define DEFANG_TOOLS_SESSION_H

#include "base/address.h"
#include "base/loop.h"
#include "proto/milter.h"
#include "tools/macros.h"
#include "tools/message.h"
#include "tools/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A command line parameter such as `<a@b> SIZE=9`: address in brackets, ESMTP parameters. */
struct path {
	char *address;
	char **args;
	int n_args;
};

/* What is said to the milter; the same for every message. Nothing of it is owned by a session. */
struct script {
	struct address milter;
	enum mta like;
	uint32_t version, actions, protocol; /* offered */
	char family;                         /* as on the wire */
	uint16_t port;
	const char *client_name, *client_address, *helo;
	struct path from;
	struct path *rcpts;
	size_t n_rcpts;
	const struct macro *given;
	size_t n_given;
	const char *queue_id; /* NULL: made up */
	const struct message *message;
	int64_t command_timeout_ms, content_timeout_ms; /* for each reply; PROGRESS starts it anew */
};

enum outcome {
	OUTCOME_ACCEPT,
	OUTCOME_REJECT,
	OUTCOME_TEMPFAIL,
	OUTCOME_DISCARD,
	OUTCOMES,
};

const char *outcome_name(enum outcome o);

enum failure {
	FAILURE_NONE,     /* ended after its last message, or by the filter's decision on the connection */
	FAILURE_CONNECT,  /* no connection came about */
	FAILURE_PROTOCOL, /* closed, silent for too long, or an answer that an MTA does not take */
};

struct session;

/* What a session tells. The functions must not free the session, except `ended`, after which it is gone
 * anyway. */
struct session_watcher {
	/* The filter's answer to the offer; may be NULL. */
	void (*negotiated)(void *arg, uint32_t version, uint32_t actions, uint32_t protocol);
	/* A reply or a change; `unit` numbers recipients, headers and pieces of body. May be NULL. */
	void (*answer)(void *arg, enum stage stage, size_t unit, const struct milter_answer *a);
	/* A message is decided, at `stage`; `reply` is what the SMTP client hears. Whether another one
	 * follows. */
	bool (*decided)(void *arg, enum outcome o, enum stage stage, const char *reply);
	/* The end, the last call. `why` is for people, NULL for FAILURE_NONE. Never from within
	 * session_start(). */
	void (*ended)(void *arg, enum failure f, const char *why);
};

/* NULL with errno set when out of memory; all other trouble arrives by `ended`. */
struct session *session_start(struct loop *loop, const struct script *script,
			      const struct session_watcher *watcher, void *arg);

/* Which of the script's recipients the filter let pass, for the message being decided. */
bool session_rcpt_passed(const struct session *s, size_t i);
bool session_lead_space(const struct session *s);
const char *session_queue_id(const struct session *s);

#endif
