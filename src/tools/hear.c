#include "tools/hear.h"

#include "tools/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void decide(struct session *s, enum outcome o, const char *reply)
{
	bool on = s->watcher->decided(s->arg, o, s->stage, reply);
	bool closing = strncmp(reply, "421", 3) == 0;

	s->waiting = false;
	if (!on || closing || s->stage < STAGE_MAIL) {
		say_goodbye(s);
		return;
	}
	/* Sendmail aborts only a transaction that its client has given up. */
	if (s->script->like == MTA_POSTFIX || s->stage == STAGE_RCPT)
		say_abort(s);
	s->stage = STAGE_MAIL;
	s->unit = 0;
	say_new_message(s);
}

static void decide_positive(struct session *s, enum outcome o)
{
	char reply[sizeof("250 2.0.0 Ok: queued as ") + sizeof(s->queue_id)];

	/* A message decided early is taken for all its recipients. */
	if (s->stage < STAGE_RCPT)
		memset(s->passed, true, s->script->n_rcpts * sizeof(*s->passed));
	else if (s->stage == STAGE_RCPT)
		memset(s->passed + s->unit, true, (s->script->n_rcpts - s->unit) * sizeof(*s->passed));
	snprintf(reply, sizeof(reply), "250 2.0.0 Ok: queued as %s", s->queue_id);
	decide(s, o, reply);
}

/* The reply that the SMTP client gets. In REPLYCODE every `%` is doubled. To free(); NULL out of memory. */
static char *smtp_reply_of(const struct session *s, const struct milter_answer *a)
{
	const char *text = "451 4.7.1 Service unavailable - try again later";
	struct buf reply;

	if (a->response == MILTER_REJECT)
		text = s->script->like == MTA_POSTFIX ? "550 5.7.1 Command rejected"
						      : "554 5.7.1 Command rejected";
	else if (a->response == MILTER_SHUTDOWN)
		text = "421 4.7.0 Server closing connection";
	else if (a->response == MILTER_REPLYCODE)
		text = a->text;
	buf_init(&reply, BUF_NO_LIMIT);
	for (; *text != '\0'; text++) {
		if (text[0] == '%' && text[1] == '%')
			text++;
		buf_addc(&reply, *text);
	}
	return buf_take(&reply);
}

static void unit_done(struct session *s)
{
	s->waiting = false;
	s->unit++;
}

static bool any_passed(const struct session *s)
{
	for (size_t i = 0; i < s->script->n_rcpts; i++) {
		if (s->passed[i])
			return true;
	}
	return false;
}

static void on_refusal(struct session *s, const struct milter_answer *a)
{
	char *reply = smtp_reply_of(s, a);

	if (reply == NULL) {
		session_fail(s, FAILURE_PROTOCOL, "%s", strerror(ENOMEM));
		return;
	}
	if (s->stage == STAGE_RCPT && (s->unit + 1 < s->script->n_rcpts || any_passed(s)) &&
	    strncmp(reply, "421", 3) != 0) {
		unit_done(s); /* the message goes on for the others */
		free(reply);
		return;
	}
	decide(s, reply[0] == '4' ? OUTCOME_TEMPFAIL : OUTCOME_REJECT, reply);
	free(reply);
}

static void on_continue(struct session *s)
{
	if (s->stage == STAGE_EOM) {
		decide_positive(s, OUTCOME_ACCEPT);
		return;
	}
	if (s->stage == STAGE_RCPT)
		s->passed[s->unit] = true;
	unit_done(s);
}

/* No more of this stage; for Postfix so at RCPT and HEADER too. The same as CONTINUE elsewhere. */
static void on_skip(struct session *s)
{
	bool rest = s->stage == STAGE_BODY ||
		    (s->script->like == MTA_POSTFIX && (s->stage == STAGE_RCPT || s->stage == STAGE_HEADER));
	size_t from = s->unit;

	if (s->script->like == MTA_SENDMAIL && s->stage == STAGE_EOM) {
		session_fail(s, FAILURE_PROTOCOL, "eom: SKIP where only a verdict is of use");
		return;
	}
	on_continue(s);
	if (!rest)
		return;
	s->unit = say_units(s);
	for (; s->stage == STAGE_RCPT && from < s->script->n_rcpts; from++)
		s->passed[from] = true;
}

static void on_verdict(struct session *s, const struct milter_answer *a)
{
	switch (a->response) {
	case MILTER_CONTINUE:
		on_continue(s);
		break;
	case MILTER_ACCEPT:
		decide_positive(s, OUTCOME_ACCEPT);
		break;
	case MILTER_DISCARD:
		if (s->stage < STAGE_MAIL) /* Postfix ignores it there */
			on_continue(s);
		else
			decide_positive(s, OUTCOME_DISCARD);
		break;
	case MILTER_SKIP:
		on_skip(s);
		break;
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_REPLYCODE:
	case MILTER_SHUTDOWN:
		on_refusal(s, a);
		break;
	default:
		session_fail(s, FAILURE_PROTOCOL, "%s: answered %s, a failure to every MTA",
			     stage_name(s->stage), milter_response_name((char)a->response));
	}
}

/* A new body must come in one row: Postfix takes anything between its packets for a failure. */
static void on_change(struct session *s, const struct milter_answer *a)
{
	if (s->stage != STAGE_EOM) {
		session_fail(s, FAILURE_PROTOCOL, "%s: %s comes before the end of the message",
			     stage_name(s->stage), milter_response_name((char)a->response));
		return;
	}
	if (a->response != MILTER_REPLBODY) {
		s->body_row_ended = s->body_row_begun;
		return;
	}
	if (s->body_row_ended && s->script->like == MTA_POSTFIX)
		session_fail(s, FAILURE_PROTOCOL, "eom: another change lies between packets of the new body");
	s->body_row_begun = true;
}

static void on_negotiated(struct session *s, const struct milter_answer *a)
{
	struct milter_lists lists = a->optneg.lists;
	const char *names;
	uint32_t stage;

	if (a->optneg.version > s->script->version) {
		session_fail(s, FAILURE_PROTOCOL, "negotiate: version %u was offered, %u answered",
			     (unsigned)s->script->version, (unsigned)a->optneg.version);
		return;
	}
	if (a->optneg.actions & ~s->script->actions) {
		session_fail(s, FAILURE_PROTOCOL, "negotiate: actions 0x%x were offered, 0x%x answered",
			     (unsigned)s->script->actions, (unsigned)a->optneg.actions);
		return;
	}
	if (a->optneg.protocol & ~s->script->protocol && s->script->like == MTA_SENDMAIL) {
		session_fail(s, FAILURE_PROTOCOL,
			     "negotiate: protocol flags 0x%x were offered, 0x%x answered",
			     (unsigned)s->script->protocol, (unsigned)a->optneg.protocol);
		return;
	}
	s->version = a->optneg.version;
	s->protocol = a->optneg.protocol & s->script->protocol;
	while (milter_next_list(&lists, &stage, &names) == 0)
		macros_ask(s->macros, stage, names);
	if (s->watcher->negotiated != NULL)
		s->watcher->negotiated(s->arg, a->optneg.version, a->optneg.actions, a->optneg.protocol);
	unit_done(s);
}

void hear_answer(struct session *s, const struct milter_answer *a)
{
	if (!s->waiting) {
		session_fail(s, FAILURE_PROTOCOL, "%s: %s, where no reply is due", stage_name(s->stage),
			     a->is_optneg ? "OPTNEG" : milter_response_name((char)a->response));
		return;
	}
	if (a->is_optneg != (s->stage == STAGE_NEGOTIATE)) {
		session_fail(s, FAILURE_PROTOCOL, "%s: %s", stage_name(s->stage),
			     a->is_optneg ? "a second OPTNEG" : "an answer other than OPTNEG");
		return;
	}
	if (a->is_optneg) {
		on_negotiated(s, a);
		return;
	}
	if (s->watcher->answer != NULL)
		s->watcher->answer(s->arg, s->stage, s->unit, a);
	if (milter_is_verdict(a->response))
		on_verdict(s, a);
	else if (a->response != MILTER_PROGRESS)
		on_change(s, a);
	else if (s->script->like == MTA_SENDMAIL && s->stage != STAGE_EOM)
		session_fail(s, FAILURE_PROTOCOL, "%s: PROGRESS, which Sendmail takes at eom only",
			     stage_name(s->stage));
	if (s->stage != STAGE_OVER)
		say_deadline(s);
}
