#include "milter/packet.h"

/* Commands at any time */

static enum next on_macro(struct session *s, const struct milter_msg *m)
{
	if (!macros_store(&s->macros, m->macro.stage, m->macro.pairs))
		who_warn(session_who(s), "macros of stage %c are too long: some are dropped", m->macro.stage);
	return NEXT_PACKET;
}

static enum next on_unknown(struct session *s, const struct milter_msg *m)
{
	session_answer(s, MILTER_UNKNOWN, VERDICT_CONTINUE);
	return NEXT_PACKET;
}

static enum next on_abort(struct session *s, const struct milter_msg *m)
{
	account_break(s, FATE_ABORTED, FAILURE_ABORTED);
	session_end_message(s);
	return NEXT_PACKET;
}

static enum next on_quit(struct session *s, const struct milter_msg *m)
{
	return NEXT_CLOSE;
}

/* Another client follows on the same connection; what was agreed stands. */
static enum next on_quit_nc(struct session *s, const struct milter_msg *m)
{
	session_drop_message(s);
	macros_forget(&s->macros);
	peer_free(&s->peer);
	id_make_session(&s->server->session_ids, s->id);
	s->begun_ms = loop_now(s->server->loop);
	s->at = PHASES;
	return NEXT_PACKET;
}

/* Packets */

struct rule {
	enum next (*take)(struct session *s, const struct milter_msg *m);
	bool in_message;        /* only between MAIL and the end of the message */
	enum step latest, then; /* only up to this step; which it then is */
};

static const struct rule rules[128] = {
	[MILTER_OPTNEG] = { stage_optneg },
	[MILTER_MACRO] = { on_macro },
	[MILTER_CONNECT] = { stage_connect },
	[MILTER_HELO] = { stage_helo },
	[MILTER_UNKNOWN] = { on_unknown },
	[MILTER_MAIL] = { stage_mail },
	[MILTER_RCPT] = { stage_rcpt, true, STEP_RCPT, STEP_RCPT },
	[MILTER_DATA] = { stage_data, true, STEP_RCPT, STEP_DATA },
	[MILTER_HEADER] = { stage_header, true, STEP_HEADER, STEP_HEADER },
	[MILTER_EOH] = { stage_eoh, true, STEP_HEADER, STEP_EOH },
	[MILTER_BODY] = { stage_body, true, STEP_BODY, STEP_BODY },
	[MILTER_EOM] = { stage_eom, true, STEP_BODY, STEP_EOM },
	[MILTER_ABORT] = { on_abort },
	[MILTER_QUIT] = { on_quit },
	[MILTER_QUIT_NC] = { on_quit_nc },
};

static enum next take_in_message(struct session *s, const struct rule *rule, const struct milter_msg *m)
{
	enum failure why = FAILURE_NONE;

	if (s->message != NULL && s->step <= rule->latest) {
		s->step = rule->then;
		return rule->take(s, m);
	}
	if (s->given_up == VERDICT_CONTINUE) {
		who_warn(session_who(s), "%s out of order", milter_command_name((char)m->command));
		s->given_up = VERDICT_TEMPFAIL;
		why = FAILURE_PROTOCOL;
	}
	session_give_up(s, m->command, s->given_up, why);
	if (m->command == MILTER_EOM)
		session_end_message(s); /* now the MTA knows */
	return NEXT_PACKET;
}

enum next packet_is_bad(struct session *s)
{
	if (s->message != NULL)
		account_break(s, FATE_LOST, FAILURE_PROTOCOL);
	else
		account_failure(s, FAILURE_PROTOCOL);
	return NEXT_CLOSE;
}

enum next packet_take(struct session *s, const struct milter_packet *p)
{
	struct milter_msg m;
	const struct rule *rule;

	s->taken_ms = loop_now(s->server->loop);
	if (milter_parse(p, &m) != MILTER_OK) {
		who_warn(session_who(s), "malformed packet '%c' of %zu bytes from the MTA: closing",
			 p->letter, p->len);
		return packet_is_bad(s);
	}
	if (!s->negotiated && m.command != MILTER_OPTNEG && m.command != MILTER_QUIT) {
		who_warn(session_who(s), "%s before negotiation: closing", milter_command_name(p->letter));
		return packet_is_bad(s);
	}
	if (phase_of(m.command) != PHASES)
		s->at = phase_of(m.command);
	rule = &rules[m.command];
	return rule->in_message ? take_in_message(s, rule, &m) : rule->take(s, &m);
}
