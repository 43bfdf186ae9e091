/* stages.h - what is done at each command of an MTA, and the state of a session that it is done to. Private
 * to session.c, which runs the connection and decides when a command's turn has come, and stages.c. */
#ifndef DEFANG_MILTER_STAGES_H
#define DEFANG_MILTER_STAGES_H

#include "base/conn.h"
#include "milter/account.h"
#include "milter/client.h"
#include "milter/macros.h"
#include "milter/message.h"
#include "milter/negotiate.h"
#include "milter/peer.h"
#include "milter/scan.h"
#include "milter/server.h"
#include "milter/who.h"
#include "proto/milter.h"

#include <stdbool.h>

/* How far a message has come. Commands may leave steps out, but never go back. */
enum step { STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_HEADER, STEP_EOH, STEP_BODY, STEP_EOM };

struct session {
	LIST_ENTRY(session) link;
	struct server *server;
	char id[SESSION_ID_SIZE]; /* for the log */
	struct conn *conn;
	int64_t begun_ms; /* on the loop's clock */
	enum phase at;    /* of the last command; PHASES before the first */
	int64_t heard_ms; /* when the MTA last said something, on the loop's clock */
	bool leaving;     /* we have said all; what still comes is thrown away */
	bool negotiated;
	struct agreement agreed;
	struct macros macros;
	struct peer peer;
	struct message *message; /* NULL outside of one, and after a failure: what follows is then refused */
	enum verdict
		given_up; /* what the MTA is still to hear of a message that was given up; else CONTINUE */
	enum step step;
	struct account account;
	int64_t taken_ms; /* when the command that is being handled was taken up, on the loop's clock */

	/* At most one of these is going on; meanwhile input waits. */
	struct question *question;
	struct timer *delay; /* made when first needed */
	struct scan *scan;

	enum milter_command asking; /* the command that question or delay belong to */
	int64_t answer_by;          /* when the command in hand has to be answered */
	enum verdict held_verdict;  /* of the answer that a delay holds back */
	struct buf held;            /* its packet */
	size_t passed;              /* see ahead_is_abort() */
	bool in_packet;             /* the time for the rest of a packet runs */

	/* At CONNECT or HELO the filter said to discard all mail of this client; else 0. MTAs do not take
	 * that answer there (Sendmail then filters nothing at all): it is given to each message instead. */
	enum milter_command discards;
};

/* What becomes of the session after a packet. */
enum next { NEXT_PACKET, NEXT_CLOSE };

/* A command of the name. The message that RCPT and later ones belong to is there. */
enum next stage_optneg(struct session *s, const struct milter_msg *m);
enum next stage_connect(struct session *s, const struct milter_msg *m);
enum next stage_helo(struct session *s, const struct milter_msg *m);
enum next stage_mail(struct session *s, const struct milter_msg *m);
enum next stage_rcpt(struct session *s, const struct milter_msg *m);
enum next stage_data(struct session *s, const struct milter_msg *m);
enum next stage_header(struct session *s, const struct milter_msg *m);
enum next stage_eoh(struct session *s, const struct milter_msg *m);
enum next stage_body(struct session *s, const struct milter_msg *m);
enum next stage_eom(struct session *s, const struct milter_msg *m);

/* Of session.c, for the stages. */

const struct settings *session_settings(const struct session *s);
struct who session_who(const struct session *s); /* for log lines */

/* Answer a command. Silent where the MTA does not wait: a failure is then told at the next stage at which it
 * does. */
void session_answer(struct session *s, enum milter_command c, enum verdict v);

/* Forget the message in hand, if there is one; the same, when it is over for the MTA, too. */
void session_drop_message(struct session *s);
void session_end_message(struct session *s);

/* Give the message up at a command; the MTA hears the verdict when it next waits for us. The second: it keeps
 * the message, and is to try again later. */
void session_give_up(struct session *s, enum milter_command c, enum verdict v, enum failure why);
void session_fail_message(struct session *s, enum milter_command c, enum failure why);

/* Work that packets had to wait for is over: go on with them. May free the session. */
void session_pump(struct session *s);

#endif
