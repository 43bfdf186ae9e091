#include "milter/asking.h"

#include "milter/answer.h"
#include "milter/patience.h"

#include <string.h>

void asking_log_unwritten(const struct session *s, int err)
{
	who_err(session_who(s), "message not written: %s", strerror(-err));
}

int asking_sync(struct session *s)
{
	int err = message_sync(s->message);

	if (err < 0)
		asking_log_unwritten(s, err);
	return err < 0 ? -1 : 0;
}

int asking_keep_recipient(struct session *s)
{
	int err = message_rcpt_keep(s->message);

	if (err < 0)
		asking_log_unwritten(s, err);
	return err < 0 ? -1 : 0;
}

/* Whether a verdict is the end of the message. */
static bool ends_message(enum milter_command c, enum verdict v)
{
	bool recipient_only = c == MILTER_RCPT && (v == VERDICT_REJECT || v == VERDICT_TEMPFAIL);

	return v != VERDICT_CONTINUE && (c == MILTER_MAIL || c == MILTER_RCPT) && !recipient_only;
}

static void send_held(struct session *s)
{
	conn_write(s->conn, s->held.data, s->held.len);
	buf_free(&s->held);
	account_answer(s, s->asking, s->held_verdict);
	if (ends_message(s->asking, s->held_verdict))
		session_end_message(s);
	session_pump(s);
}

static void on_delay_over(void *arg)
{
	send_held(arg);
}

/* False when there is no memory for a timer; the answer then goes out at once. */
static bool start_delay(struct session *s, int seconds)
{
	int64_t wanted = (int64_t)seconds * 1000;
	int64_t delay = patience_delay(wanted, loop_now(s->server->loop), s->answer_by);

	if (delay < wanted)
		who_warn(session_who(s),
			 "delay of %d s cut short: the MTA is not kept waiting for longer than %lld s",
			 seconds, (long long)session_settings(s)->command_timeout_s);
	if (s->delay == NULL)
		s->delay = timer_new(s->server->loop, on_delay_over, s);
	if (s->delay == NULL)
		return false;
	timer_set(s->delay, delay);
	return true;
}

void asking_conclude(struct session *s, const struct check_reply *reply, enum failure failure)
{
	bool plain = s->asking == MILTER_CONNECT;
	const struct smtp_reply *words = reply->has_reply && !plain ? &reply->reply : NULL;

	s->held_verdict = reply->verdict;
	if (reply->verdict == VERDICT_DISCARD && (s->asking == MILTER_CONNECT || s->asking == MILTER_HELO)) {
		s->discards = s->asking;
		s->held_verdict = VERDICT_CONTINUE;
	}
	if (s->asking == MILTER_RCPT && reply->verdict == VERDICT_CONTINUE && asking_keep_recipient(s) < 0) {
		s->held_verdict = VERDICT_TEMPFAIL;
		failure = FAILURE_SPOOL;
		words = NULL;
	}
	if (ends_message(s->asking, s->held_verdict))
		account_decide(s, s->asking, s->held_verdict, words, failure);
	else
		account_failure(s, failure);
	answer_put(&s->held, s->held_verdict, words);
	if (plain || reply->delay_s <= 0 || !start_delay(s, reply->delay_s))
		send_held(s);
}

static void on_check(const struct check_reply *reply, enum failure failure, void *arg)
{
	struct session *s = arg;

	s->question = NULL;
	asking_conclude(s, reply, failure);
}

int asking_ask(struct session *s, enum milter_command c, struct buf *line)
{
	s->asking = c;
	s->question = client_check(&s->server->client, session_who(s), line, s->answer_by, on_check, s);
	buf_free(line);
	return s->question != NULL ? 0 : -1;
}

void asking_failed(struct session *s, enum milter_command c)
{
	account_failure(s, FAILURE_NOT_ASKED);
	session_answer(s, c, VERDICT_TEMPFAIL);
}
