#include "milter/session.h"

#include "base/conn.h"
#include "base/log.h"
#include "milter/ahead.h"
#include "milter/answer.h"
#include "milter/packet.h"
#include "milter/patience.h"
#include "milter/stages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_LIMIT 262144 /* bytes that an MTA may send ahead; at least one packet */
#define OUTPUT_LIMIT 65536 /* bytes of answers that it may leave unread before we read on */
#define LEAVE_MS 1000      /* for an MTA to notice that we have closed */

const struct settings *session_settings(const struct session *s)
{
	return s->server->site->settings;
}

struct who session_who(const struct session *s)
{
	return (struct who){
		.queue_id = s->message != NULL ? message_id(s->message) : NO_QUEUE_ID,
		.session = s->id,
	};
}

static bool delay_runs(const struct session *s)
{
	return s->delay != NULL && timer_is_set(s->delay);
}

static bool is_busy(const struct session *s)
{
	return s->question != NULL || s->scan != NULL || delay_runs(s);
}

/* Answers */

/* The flag by which the MTA is asked not to wait at a stage; 0 where it always waits. */
static uint32_t no_reply_flag(enum milter_command c)
{
	switch (c) {
	case MILTER_CONNECT:
		return MILTER_P_NR_CONN;
	case MILTER_HELO:
		return MILTER_P_NR_HELO;
	case MILTER_MAIL:
		return MILTER_P_NR_MAIL;
	case MILTER_RCPT:
		return MILTER_P_NR_RCPT;
	case MILTER_DATA:
		return MILTER_P_NR_DATA;
	case MILTER_UNKNOWN:
		return MILTER_P_NR_UNKN;
	case MILTER_HEADER:
		return MILTER_P_NR_HDR;
	case MILTER_EOH:
		return MILTER_P_NR_EOH;
	case MILTER_BODY:
		return MILTER_P_NR_BODY;
	default:
		return 0;
	}
}

static void write_answer(struct session *s, enum milter_command c, enum verdict v)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	answer_put(&out, v, NULL);
	conn_write(s->conn, out.data, out.len);
	buf_free(&out);
	account_answer(s, c, v);
}

void session_answer(struct session *s, enum milter_command c, enum verdict v)
{
	if (agreement_answers(&s->agreed, no_reply_flag(c)))
		write_answer(s, c, v);
}

void session_drop_message(struct session *s)
{
	if (s->message != NULL)
		account_end(s, message_sender(s->message));
	message_free(s->message);
	s->message = NULL;
	s->given_up = VERDICT_CONTINUE;
}

void session_end_message(struct session *s)
{
	session_drop_message(s);
	macros_forget_after(&s->macros, MILTER_HELO);
}

void session_give_up(struct session *s, enum milter_command c, enum verdict v, enum failure why)
{
	account_decide(s, c, v, NULL, why);
	session_drop_message(s);
	s->given_up = v;
	session_answer(s, c, v);
}

void session_fail_message(struct session *s, enum milter_command c, enum failure why)
{
	session_give_up(s, c, VERDICT_TEMPFAIL, why);
}

/* End of connection */

static void cancel_work(struct session *s)
{
	question_cancel(s->question);
	s->question = NULL;
	scan_cancel(s->scan);
	s->scan = NULL;
	if (s->delay != NULL)
		timer_clear(s->delay);
	buf_clear(&s->held);
}

static void session_free(struct session *s)
{
	cancel_work(s);
	session_drop_message(s);
	LIST_REMOVE(s, link);
	server_count(s->server, -1);
	conn_flush(s->conn); /* what was answered before a QUIT */
	conn_free(s->conn);
	timer_free(s->delay);
	peer_free(&s->peer);
	macros_free(&s->macros);
	buf_free(&s->held);
	account_free(&s->account);
	free(s);
}

void session_stop(struct session *s)
{
	bool waits = s->question != NULL || delay_runs(s) || (s->scan != NULL && scan_is_asking(s->scan));
	enum milter_command c = s->scan != NULL ? MILTER_EOM : s->asking;

	cancel_work(s);
	if (waits) {
		account_decide(s, c, VERDICT_TEMPFAIL, NULL, FAILURE_STOPPING);
		write_answer(s, c, VERDICT_TEMPFAIL);
	} else
		account_break(s, FATE_LOST, FAILURE_STOPPING);
	session_free(s);
}

/* The end of the server */

struct session *session_next(const struct session *s)
{
	return LIST_NEXT(s, link);
}

/* Whether there is a message, one that failed without the MTA knowing, or what may be the begin of one. */
static bool is_at_work(const struct session *s)
{
	size_t n;

	conn_input(s->conn, &n);
	return is_busy(s) || s->message != NULL || s->given_up != VERDICT_CONTINUE || n > 0;
}

/* End our side, and hear the MTA out for a moment: were we to close with a command of it unread, TCP would
 * reset the connection, and our last answer could be lost with it. */
static void leave(struct session *s)
{
	s->leaving = true;
	conn_end_output(s->conn);
	conn_set_deadline(s->conn, loop_now(s->server->loop) + LEAVE_MS);
}

static void on_leaving(struct session *s, enum conn_event event)
{
	if (event == CONN_INPUT)
		conn_discard_input(s->conn);
	else if (event != CONN_DRAINED)
		session_free(s);
}

void session_retire(struct session *s)
{
	bool quiet = loop_now(s->server->loop) - s->heard_ms >= SERVER_QUIET_MS;

	if (s->leaving || is_at_work(s))
		return;
	if (quiet && conn_pending(s->conn) == 0)
		session_free(s);
	else if (quiet || s->server->state == SERVER_CLOSING)
		leave(s);
}

/* Packets */

/* Whether what waits behind the running work is an ABORT. */
static bool abort_waits(struct session *s)
{
	size_t n;
	const char *in = conn_input(s->conn, &n);

	return ahead_is_abort(in, n, &s->passed);
}

/* Whether work for a message is going on that can still be withdrawn without a trace on the wire. */
static bool is_withdrawable(const struct session *s)
{
	if (s->scan != NULL)
		return scan_is_asking(s->scan);
	return is_busy(s) && s->message != NULL;
}

/* Nobody waits for the running work any more: stop it. False when it is to go on. */
static bool withdraw_if_aborted(struct session *s)
{
	if (!is_withdrawable(s) || !abort_waits(s))
		return false;
	who_info(session_who(s), "the MTA aborted while the filter was asked");
	cancel_work(s);
	return true;
}

/* Whether the next packet's turn has come. An MTA that does not take its answers is not read, either. */
static bool may_go_on(struct session *s)
{
	if (is_busy(s) && !withdraw_if_aborted(s))
		return false;
	return conn_pending(s->conn) < OUTPUT_LIMIT;
}

static void set_deadline(struct session *s, int64_t seconds)
{
	conn_set_deadline(s->conn, loop_now(s->server->loop) + seconds * 1000);
}

/* An MTA may be silent for long between packets, but not within one. */
static void watch_silence(struct session *s)
{
	size_t held;

	bool in_packet;

	conn_input(s->conn, &held);
	in_packet = held > 0 && !is_busy(s);
	if (!in_packet)
		set_deadline(s, session_settings(s)->idle_timeout_s);
	else if (!s->in_packet)
		set_deadline(s, session_settings(s)->content_timeout_s);
	s->in_packet = in_packet;
}

static enum next take_next(struct session *s, const struct milter_packet *p, size_t used)
{
	enum next next;

	s->answer_by = patience_command(session_settings(s), loop_now(s->server->loop));
	next = packet_take(s, p);
	conn_consume(s->conn, used);
	s->passed = 0;
	s->in_packet = false;
	return next;
}

/* Handle the packets that are here, until one has to be waited for. May free the session. */
void session_pump(struct session *s)
{
	enum next next = NEXT_PACKET;
	enum milter_frame frame = MILTER_FRAME_WHOLE;

	while (next == NEXT_PACKET && frame == MILTER_FRAME_WHOLE && may_go_on(s)) {
		struct milter_packet packet;
		size_t n, used;
		const char *in = conn_input(s->conn, &n);

		frame = milter_frame((char *)in, n, MILTER_MAX_DATA, &packet, &used);
		if (frame == MILTER_FRAME_WHOLE)
			next = take_next(s, &packet, used);
	}
	if (frame == MILTER_FRAME_EMPTY || frame == MILTER_FRAME_TOO_LONG) {
		who_warn(session_who(s), "packet of impossible length from the MTA: closing");
		next = packet_is_bad(s);
	}
	if (next == NEXT_CLOSE) {
		session_free(s);
		return;
	}
	watch_silence(s);
	if (s->server->state != SERVER_OPEN)
		session_retire(s);
}

/* Events of the connection */

static void on_drained(struct session *s)
{
	if (s->scan != NULL)
		scan_on_drained(s->scan);
	else
		session_pump(s);
}

static void on_hangup(struct session *s, const char *why)
{
	account_break(s, FATE_LOST, FAILURE_HANGUP);
	if (s->message != NULL)
		who_info(session_who(s), "connection of the MTA lost in a message: %s", why);
	session_free(s);
}

/* While we work it is not the MTA that we wait for, and the work has limits of its own. */
static void on_silence(struct session *s)
{
	if (is_busy(s)) {
		set_deadline(s, session_settings(s)->idle_timeout_s);
		return;
	}
	account_break(s, FATE_LOST, FAILURE_SILENCE);
	who_info(session_who(s), "the MTA was silent for too long%s: closing",
		 s->in_packet ? " in a packet" : "");
	session_free(s);
}

static void on_conn(struct conn *c, enum conn_event event, void *arg)
{
	struct session *s = arg;

	if (s->leaving) {
		on_leaving(s, event);
		return;
	}
	switch (event) {
	case CONN_INPUT:
		s->heard_ms = loop_now(s->server->loop);
		session_pump(s);
		break;
	case CONN_DRAINED:
		on_drained(s);
		break;
	case CONN_EOF:
		on_hangup(s, "closed");
		break;
	case CONN_ERROR:
		on_hangup(s, strerror(-conn_error(c)));
		break;
	case CONN_TIMEOUT:
		on_silence(s);
		break;
	}
}

void session_start(struct server *server, int fd)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->conn = conn_new(server->loop, fd, fd, INPUT_LIMIT, on_conn, s)) == NULL) {
		log_err("session not started: %s", strerror(errno));
		close(fd);
		free(s);
		figures_count(&server->figures.sessions_refused, 1);
		return;
	}
	s->server = server;
	id_make_session(&server->session_ids, s->id);
	conn_set_output_limit(s->conn, session_settings(s)->content_timeout_s * 1000);
	macros_init(&s->macros);
	buf_init(&s->held, BUF_NO_LIMIT);
	set_deadline(s, session_settings(s)->idle_timeout_s);
	s->begun_ms = s->heard_ms = loop_now(server->loop);
	s->at = PHASES;
	account_init(&s->account);
	LIST_INSERT_HEAD(&server->sessions, s, link);
	server_count(server, 1);
}
