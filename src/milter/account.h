/* account.h - what a session does, put down: in the figures of its loop, and for each message in a line of
 * the log. Told by session.c and stages.c as things happen; decides nothing. */
#ifndef DEFANG_MILTER_ACCOUNT_H
#define DEFANG_MILTER_ACCOUNT_H

#include "base/buf.h"
#include "milter/fate.h"
#include "milter/phase.h"
#include "proto/facts.h"
#include "proto/milter.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

struct account { /* of the message in hand; part of its session */
	bool open;
	int64_t begun_ms;
	enum fate fate; /* FATES: not decided */
	enum phase phase;
	enum failure failure;
	struct facts facts; /* of the scan */
	struct buf reply;   /* in the filter's words; empty when the MTA chooses them */
};

void account_init(struct account *a);
void account_free(struct account *a);

/* MAIL: a message begins. */
void account_begin(struct session *s);

/* The message is decided at a command. `reply` is NULL when the MTA chooses the words; `failure` is the
 * reason if the filter is not. Nothing when no message is in hand. */
void account_decide(struct session *s, enum milter_command c, enum verdict v, const struct smtp_reply *reply,
		    enum failure failure);

/* It ends otherwise than it may have been decided. */
void account_break(struct session *s, enum fate fate, enum failure failure);

/* It is over: tell of it. One that nothing was decided about was aborted. `sender` is that of MAIL. */
void account_end(struct session *s, const char *sender);

/* The MTA was given an answer that it waited for. */
void account_answer(struct session *s, enum milter_command c, enum verdict v);

/* Something went wrong; not what account_decide() or account_break() are told. */
void account_failure(struct session *s, enum failure failure);

#endif
