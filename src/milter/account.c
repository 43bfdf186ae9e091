#include "milter/account.h"

#include "milter/stages.h"
#include "milter/summary.h"

void account_init(struct account *a)
{
	*a = (struct account){ .fate = FATES };
	buf_init(&a->reply, BUF_NO_LIMIT);
}

void account_free(struct account *a)
{
	buf_free(&a->reply);
}

static int64_t now(const struct session *s)
{
	return loop_now(s->server->loop);
}

void account_begin(struct session *s)
{
	struct account *a = &s->account;

	account_free(a);
	*a = (struct account){
		.open = true,
		.begun_ms = now(s),
		.fate = FATES,
		.phase = PHASE_MAIL,
		.facts = FACTS_UNKNOWN,
		.reply = a->reply,
	};
}

void account_failure(struct session *s, enum failure failure)
{
	if (failure != FAILURE_NONE)
		figures_count(&s->server->figures.failures[failure], 1);
}

void account_decide(struct session *s, enum milter_command c, enum verdict v, const struct smtp_reply *reply,
		    enum failure failure)
{
	struct account *a = &s->account;

	account_failure(s, failure);
	if (!a->open)
		return;
	a->fate = fate_of_verdict(v);
	a->phase = phase_of(c);
	a->failure = failure;
	buf_clear(&a->reply);
	if (reply != NULL && (v == VERDICT_REJECT || v == VERDICT_TEMPFAIL))
		buf_addf(&a->reply, "%s %s %s", reply->code, reply->dsn, reply->text);
}

/* How far the message in hand has come. */
static enum phase phase_reached(const struct session *s)
{
	static const enum phase reached[] = {
		[STEP_MAIL] = PHASE_MAIL,     [STEP_RCPT] = PHASE_RCPT, [STEP_DATA] = PHASE_DATA,
		[STEP_HEADER] = PHASE_HEADER, [STEP_EOH] = PHASE_EOH,   [STEP_BODY] = PHASE_BODY,
		[STEP_EOM] = PHASE_EOM,
	};

	return reached[s->step];
}

void account_break(struct session *s, enum fate fate, enum failure failure)
{
	struct account *a = &s->account;

	if (!a->open)
		return;
	account_failure(s, failure);
	buf_clear(&a->reply);
	a->fate = fate;
	a->phase = phase_reached(s);
	a->failure = failure;
}

static void write_line(struct session *s, const char *sender)
{
	const struct account *a = &s->account;
	struct summary summary = {
		.ip = s->peer.ip,
		.name = s->peer.name,
		.sender = sender,
		.recipients = s->message != NULL ? message_recipients(s->message) : 0,
		.size = s->message != NULL ? message_size(s->message) : 0,
		.verdict = fate_name(a->fate),
		.stage = phase_name(a->phase),
		.reply = a->reply.data,
		.cause = fate_failure_name(a->failure),
		.facts = a->facts,
		.total_ms = now(s) - a->begun_ms,
	};
	struct who about = session_who(s);
	struct buf line;

	if (s->message == NULL && message_queue_id(&s->macros) != NULL)
		about.queue_id = message_queue_id(&s->macros);
	buf_init(&line, BUF_NO_LIMIT);
	summary_add(&line, &summary);
	who_info(about, "%s", line.data);
	buf_free(&line);
}

void account_end(struct session *s, const char *sender)
{
	struct account *a = &s->account;

	if (!a->open)
		return;
	if (a->fate == FATES)
		account_break(s, FATE_ABORTED, FAILURE_ABORTED);
	figures_count(&s->server->figures.fates[a->fate], 1);
	if (!session_settings(s)->no_summary)
		write_line(s, sender);
	a->open = false;
	buf_free(&a->reply);
}

void account_answer(struct session *s, enum milter_command c, enum verdict v)
{
	struct figures *f = &s->server->figures;
	enum phase phase = phase_of(c);

	if (phase == PHASES)
		return;
	figures_count(&f->answers[phase][v], 1);
	figures_latency(&f->phases[phase], now(s) - s->taken_ms);
}
