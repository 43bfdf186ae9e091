#include "milter/session.h"

#include "base/conn.h"
#include "base/log.h"
#include "milter/answer.h"
#include "milter/check.h"
#include "milter/client.h"
#include "milter/macros.h"
#include "milter/message.h"
#include "milter/negotiate.h"
#include "milter/peer.h"
#include "milter/scan.h"
#include "milter/server.h"
#include "milter/wanted.h"
#include "proto/milter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_LIMIT 262144    /* bytes that an MTA may send ahead; at least one packet */
#define IDLE_LIMIT_MS 7210000 /* without a packet, as libmilter has it */

/* How far a message has come. Commands may leave steps out, but never go back. */
enum step { STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_HEADER, STEP_EOH, STEP_BODY };

struct session {
	LIST_ENTRY(session) link;
	struct server *server;
	struct conn *conn;
	bool negotiated;
	struct agreement agreed;
	struct macros macros;
	struct peer peer;
	struct message *message; /* NULL outside of one, and after a failure: what follows is then refused */
	bool failed;             /* the message in hand was given up */
	enum step step;

	/* At most one of these is going on; meanwhile input waits. */
	struct question *question;
	struct timer *delay; /* made when first needed */
	struct scan *scan;

	enum milter_command asking; /* the command that question or delay belong to */
	enum verdict held_verdict;  /* of the answer that a delay holds back */
	struct buf held;            /* its packet */
};

/* What becomes of the session after a packet. */
enum next { NEXT_PACKET, NEXT_CLOSE };

static const struct settings *settings_of(const struct session *s)
{
	return s->server->site->settings;
}

static const char *id(const struct session *s)
{
	return s->message != NULL ? message_id(s->message) : NO_QUEUE_ID;
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

/* Silent where the MTA does not wait: a failure is then told at the next stage at which it does. */
static void answer(struct session *s, enum milter_command c, enum verdict v)
{
	struct buf out;

	if (!agreement_answers(&s->agreed, no_reply_flag(c)))
		return;
	buf_init(&out, BUF_NO_LIMIT);
	answer_put(&out, v, NULL);
	conn_write(s->conn, out.data, out.len);
	buf_free(&out);
}

static void drop_message(struct session *s)
{
	message_free(s->message);
	s->message = NULL;
	s->failed = false;
}

/* The message is over for the MTA, too. */
static void end_message(struct session *s)
{
	drop_message(s);
	macros_forget_after(&s->macros, MILTER_HELO);
}

/* Give the message up; the MTA keeps it, and hears of the failure when it next waits for us. */
static void fail_message(struct session *s, enum milter_command c)
{
	drop_message(s);
	s->failed = true;
	answer(s, c, VERDICT_TEMPFAIL);
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
	drop_message(s);
	LIST_REMOVE(s, link);
	conn_flush(s->conn); /* what was answered before a QUIT */
	conn_free(s->conn);
	timer_free(s->delay);
	peer_free(&s->peer);
	macros_free(&s->macros);
	buf_free(&s->held);
	free(s);
}

void session_stop(struct session *s)
{
	bool waits = s->question != NULL || delay_runs(s) || (s->scan != NULL && scan_is_asking(s->scan));

	cancel_work(s);
	if (waits)
		answer(s, MILTER_EOM, VERDICT_TEMPFAIL);
	session_free(s);
}

/* Checks: a question to the controller, perhaps a delay, then the answer to the MTA */

static void pump(struct session *s);

/* What a verdict other than CONTINUE means for the message. */
static void after_verdict(struct session *s, enum milter_command c, enum verdict v)
{
	bool recipient_only = c == MILTER_RCPT && (v == VERDICT_REJECT || v == VERDICT_TEMPFAIL);

	if (v != VERDICT_CONTINUE && (c == MILTER_MAIL || c == MILTER_RCPT) && !recipient_only)
		end_message(s);
}

static void send_held(struct session *s)
{
	conn_write(s->conn, s->held.data, s->held.len);
	buf_free(&s->held);
	after_verdict(s, s->asking, s->held_verdict);
	pump(s);
}

static void on_delay_over(void *arg)
{
	send_held(arg);
}

/* False when there is no memory for a timer; the answer then goes out at once. */
static bool start_delay(struct session *s, int seconds)
{
	if (s->delay == NULL)
		s->delay = timer_new(s->server->loop, on_delay_over, s);
	if (s->delay == NULL)
		return false;
	timer_set(s->delay, (int64_t)seconds * 1000);
	return true;
}

/* Judge by `verdict`, now or after a delay. At CONNECT no words and no delay can be given. */
static void conclude(struct session *s, const struct check_reply *reply)
{
	bool plain = s->asking == MILTER_CONNECT;

	s->held_verdict = reply->verdict;
	if (s->asking == MILTER_RCPT && reply->verdict == VERDICT_CONTINUE &&
	    message_rcpt_keep(s->message) < 0)
		s->held_verdict = VERDICT_TEMPFAIL;
	answer_put(&s->held, s->held_verdict,
		   reply->has_reply && !plain && s->held_verdict == reply->verdict ? &reply->reply : NULL);
	if (plain || reply->delay_s <= 0 || !start_delay(s, reply->delay_s))
		send_held(s);
}

static void on_check(const struct check_reply *reply, void *arg)
{
	struct session *s = arg;

	s->question = NULL;
	conclude(s, reply);
}

/* Ask `line` on behalf of a command. 0, or -1 when it cannot be asked, which is logged. */
static int ask(struct session *s, enum milter_command c, const struct buf *line)
{
	s->asking = c;
	s->question = client_check(&s->server->client, id(s), line, on_check, s);
	return s->question != NULL ? 0 : -1;
}

/* CONNECT and HELO */

static int ask_relay(struct session *s)
{
	const char *queue_id = message_queue_id(&s->macros);
	struct buf line;
	int rc;

	buf_init(&line, BUF_NO_LIMIT);
	check_relay(&line, &s->peer, queue_id != NULL ? queue_id : NO_QUEUE_ID);
	rc = ask(s, MILTER_CONNECT, &line);
	buf_free(&line);
	return rc;
}

/* The connection may be taken as far as the pool is concerned. */
static void admit(struct session *s)
{
	if (!settings_of(s)->relay_check)
		answer(s, MILTER_CONNECT, VERDICT_CONTINUE);
	else if (ask_relay(s) < 0)
		answer(s, MILTER_CONNECT, VERDICT_TEMPFAIL);
}

/* Fewest free workers that the client needs. With -R this host itself is always served. */
static int workers_needed(const struct session *s)
{
	int reserved = settings_of(s)->reserved;

	if (reserved < 0)
		return 1;
	return s->peer.loopback ? 0 : reserved;
}

static void on_free_workers(int n_free, void *arg)
{
	struct session *s = arg;
	int needed = workers_needed(s);

	s->question = NULL;
	if (n_free >= needed)
		admit(s);
	else {
		if (n_free < 0)
			log_warn("mfconnect: Error communicating with multiplexor");
		else
			log_warn("mfconnect: No free workers: Need %d, found %d", needed, n_free);
		answer(s, MILTER_CONNECT, VERDICT_TEMPFAIL);
	}
	pump(s);
}

static enum next on_connect(struct session *s, const struct milter_msg *m)
{
	drop_message(s);
	macros_forget_after(&s->macros, MILTER_CONNECT);
	if (peer_connect(&s->peer, s->server->site, &s->macros, m) < 0) {
		log_err("%s: out of memory: closing", NO_QUEUE_ID);
		return NEXT_CLOSE;
	}
	if (settings_of(s)->queue_connections) {
		admit(s);
		return NEXT_PACKET;
	}
	s->asking = MILTER_CONNECT;
	s->question = client_free_workers(&s->server->client, false, on_free_workers, s);
	if (s->question == NULL)
		answer(s, MILTER_CONNECT, VERDICT_TEMPFAIL);
	return NEXT_PACKET;
}

static int ask_helo(struct session *s)
{
	const char *queue_id = message_queue_id(&s->macros);
	struct buf line;
	int rc;

	buf_init(&line, BUF_NO_LIMIT);
	check_helo(&line, &s->peer, queue_id != NULL ? queue_id : NO_QUEUE_ID);
	rc = ask(s, MILTER_HELO, &line);
	buf_free(&line);
	return rc;
}

/* HELO within a message ends it, as it does in SMTP. */
static enum next on_helo(struct session *s, const struct milter_msg *m)
{
	drop_message(s);
	macros_forget_after(&s->macros, MILTER_HELO);
	if (peer_helo(&s->peer, m->text) < 0) {
		log_err("%s: out of memory: closing", NO_QUEUE_ID);
		return NEXT_CLOSE;
	}
	if (!settings_of(s)->helo_check)
		answer(s, MILTER_HELO, VERDICT_CONTINUE);
	else if (ask_helo(s) < 0)
		answer(s, MILTER_HELO, VERDICT_TEMPFAIL);
	return NEXT_PACKET;
}

/* MAIL and RCPT */

static struct check_about about_message(const struct session *s)
{
	return (struct check_about){
		.peer = &s->peer,
		.queue_id = message_id(s->message),
		.dir = message_dir(s->message),
		.sender = message_sender(s->message),
		.first_recipient = message_first_recipient(s->message),
	};
}

static int ask_sender(struct session *s, const struct milter_msg *m)
{
	struct check_about about = about_message(s);
	struct buf line;
	int rc;

	if (message_sync(s->message) < 0)
		return -1;
	buf_init(&line, BUF_NO_LIMIT);
	check_sender(&line, &about, m);
	rc = ask(s, MILTER_MAIL, &line);
	buf_free(&line);
	return rc;
}

static enum next on_mail(struct session *s, const struct milter_msg *m)
{
	struct server *server = s->server;

	drop_message(s);
	macros_forget_after(&s->macros, MILTER_MAIL);
	s->step = STEP_MAIL;
	if (message_new(server->site, &server->ids, &s->peer, &s->macros, m, &s->message) < 0) {
		s->message = NULL;
		fail_message(s, MILTER_MAIL);
	} else if (!settings_of(s)->sender_check)
		answer(s, MILTER_MAIL, VERDICT_CONTINUE);
	else if (ask_sender(s, m) < 0)
		fail_message(s, MILTER_MAIL);
	return NEXT_PACKET;
}

static int ask_recipient(struct session *s, const struct milter_msg *m)
{
	struct check_about about = about_message(s);
	struct buf line;
	int rc;

	if (message_sync(s->message) < 0)
		return -1;
	buf_init(&line, BUF_NO_LIMIT);
	check_recipient(&line, &about, &s->macros, m);
	rc = ask(s, MILTER_RCPT, &line);
	buf_free(&line);
	return rc;
}

static enum next on_rcpt(struct session *s, const struct milter_msg *m)
{
	int err;

	macros_forget_after(&s->macros, MILTER_RCPT);
	message_learn_id(s->message, &s->macros);
	err = message_rcpt(s->message, &s->macros, m);
	if (err == 0 && settings_of(s)->recipient_check)
		err = ask_recipient(s, m);
	else if (err == 0 && (err = message_rcpt_keep(s->message)) == 0)
		answer(s, MILTER_RCPT, VERDICT_CONTINUE);
	if (err < 0)
		fail_message(s, MILTER_RCPT);
	return NEXT_PACKET;
}

/* Content */

static enum next on_data(struct session *s, const struct milter_msg *m)
{
	message_learn_id(s->message, &s->macros);
	answer(s, MILTER_DATA, VERDICT_CONTINUE);
	return NEXT_PACKET;
}

/* Answer a stage at which something was stored. */
static enum next stored(struct session *s, enum milter_command c, int err)
{
	if (err == 0)
		answer(s, c, VERDICT_CONTINUE);
	else {
		log_err("%s: message not written: %s", id(s), strerror(-err));
		fail_message(s, c);
	}
	return NEXT_PACKET;
}

static enum next on_header(struct session *s, const struct milter_msg *m)
{
	return stored(s, MILTER_HEADER, message_header(s->message, m->header.name, m->header.value));
}

static enum next on_eoh(struct session *s, const struct milter_msg *m)
{
	message_learn_id(s->message, &s->macros);
	return stored(s, MILTER_EOH, message_end_headers(s->message));
}

static enum next on_body(struct session *s, const struct milter_msg *m)
{
	message_learn_id(s->message, &s->macros);
	return stored(s, MILTER_BODY, message_body(s->message, m->body.bytes, m->body.len));
}

static void on_scan_done(enum verdict verdict, void *arg)
{
	struct session *s = arg;

	s->scan = NULL;
	end_message(s);
	pump(s);
}

static enum next on_eom(struct session *s, const struct milter_msg *m)
{
	struct scan_about about = {
		.site = s->server->site,
		.client = &s->server->client,
		.agreed = &s->agreed,
		.own_ip = s->peer.own_ip,
		.mta = s->conn,
		.message = s->message,
	};
	int err = 0;

	message_learn_id(s->message, &s->macros);
	if (m->body.len > 0)
		err = message_body(s->message, m->body.bytes, m->body.len);
	if (err == 0 && (s->scan = scan_start(&about, on_scan_done, s)) != NULL)
		return NEXT_PACKET;
	if (err < 0)
		log_err("%s: message not written: %s", id(s), strerror(-err));
	end_message(s);
	answer(s, MILTER_EOM, VERDICT_TEMPFAIL);
	return NEXT_PACKET;
}

/* Commands at any time */

static enum next on_optneg(struct session *s, const struct milter_msg *m)
{
	const struct settings *settings = settings_of(s);
	const struct needs needs = {
		.connect = !settings->queue_connections || settings->relay_check,
		.helo = settings->helo_check,
		.mail = settings->sender_check,
		.rcpt = settings->recipient_check,
		.refused_rcpt = !settings->hide_refused,
	};
	const char *lists[MILTER_STAGES] = { NULL };
	struct buf out, names;

	if (s->negotiated ||
	    negotiate(&needs, m->optneg.version, m->optneg.actions, m->optneg.protocol, &s->agreed) < 0) {
		log_warn("%s: MTA offers protocol version %u%s: closing", id(s), m->optneg.version,
			 s->negotiated ? " for a second time" : "");
		return NEXT_CLOSE;
	}
	s->negotiated = true;
	buf_init(&out, BUF_NO_LIMIT);
	buf_init(&names, BUF_NO_LIMIT);
	if (settings->ask_macros) {
		wanted_list(&names, settings);
		for (int i = 0; i < MILTER_STAGES; i++)
			lists[i] = names.data;
	}
	milter_put_optneg(&out, s->agreed.version, s->agreed.actions, s->agreed.protocol, lists);
	conn_write(s->conn, out.data, out.len);
	buf_free(&names);
	buf_free(&out);
	return NEXT_PACKET;
}

static enum next on_macro(struct session *s, const struct milter_msg *m)
{
	if (!macros_store(&s->macros, m->macro.stage, m->macro.pairs))
		log_warn("%s: macros of stage %c are too long: some are dropped", id(s), m->macro.stage);
	return NEXT_PACKET;
}

static enum next on_unknown(struct session *s, const struct milter_msg *m)
{
	answer(s, MILTER_UNKNOWN, VERDICT_CONTINUE);
	return NEXT_PACKET;
}

static enum next on_abort(struct session *s, const struct milter_msg *m)
{
	end_message(s);
	return NEXT_PACKET;
}

static enum next on_quit(struct session *s, const struct milter_msg *m)
{
	return NEXT_CLOSE;
}

/* Another client follows on the same connection; what was agreed stands. */
static enum next on_quit_nc(struct session *s, const struct milter_msg *m)
{
	drop_message(s);
	macros_forget(&s->macros);
	peer_free(&s->peer);
	return NEXT_PACKET;
}

/* Packets */

struct rule {
	enum next (*take)(struct session *s, const struct milter_msg *m);
	bool in_message;        /* only between MAIL and the end of the message */
	enum step latest, then; /* only up to this step; which it then is */
};

static const struct rule rules[128] = {
	[MILTER_OPTNEG] = { on_optneg },
	[MILTER_MACRO] = { on_macro },
	[MILTER_CONNECT] = { on_connect },
	[MILTER_HELO] = { on_helo },
	[MILTER_UNKNOWN] = { on_unknown },
	[MILTER_MAIL] = { on_mail },
	[MILTER_RCPT] = { on_rcpt, true, STEP_RCPT, STEP_RCPT },
	[MILTER_DATA] = { on_data, true, STEP_RCPT, STEP_DATA },
	[MILTER_HEADER] = { on_header, true, STEP_HEADER, STEP_HEADER },
	[MILTER_EOH] = { on_eoh, true, STEP_HEADER, STEP_EOH },
	[MILTER_BODY] = { on_body, true, STEP_BODY, STEP_BODY },
	[MILTER_EOM] = { on_eom, true, STEP_BODY, STEP_BODY },
	[MILTER_ABORT] = { on_abort },
	[MILTER_QUIT] = { on_quit },
	[MILTER_QUIT_NC] = { on_quit_nc },
};

static enum next take_in_message(struct session *s, const struct rule *rule, const struct milter_msg *m)
{
	if (s->message != NULL && s->step <= rule->latest) {
		s->step = rule->then;
		return rule->take(s, m);
	}
	if (!s->failed)
		log_warn("%s: %s out of order", id(s), milter_command_name((char)m->command));
	fail_message(s, m->command);
	return NEXT_PACKET;
}

static enum next take_packet(struct session *s, const struct milter_packet *p)
{
	struct milter_msg m;
	const struct rule *rule;

	if (milter_parse(p, &m) != MILTER_OK) {
		log_warn("%s: malformed packet '%c' of %zu bytes from the MTA: closing", id(s), p->letter,
			 p->len);
		return NEXT_CLOSE;
	}
	if (!s->negotiated && m.command != MILTER_OPTNEG && m.command != MILTER_QUIT) {
		log_warn("%s: %s before negotiation: closing", id(s), milter_command_name(p->letter));
		return NEXT_CLOSE;
	}
	rule = &rules[m.command];
	return rule->in_message ? take_in_message(s, rule, &m) : rule->take(s, &m);
}

/* Handle the packets that are here, until one has to be waited for. May free the session. */
static void pump(struct session *s)
{
	enum next next = NEXT_PACKET;
	enum milter_frame frame = MILTER_FRAME_WHOLE;

	while (next == NEXT_PACKET && frame == MILTER_FRAME_WHOLE && !is_busy(s)) {
		struct milter_packet packet;
		size_t n, used;
		const char *in = conn_input(s->conn, &n);

		frame = milter_frame((char *)in, n, MILTER_MAX_DATA, &packet, &used);
		if (frame == MILTER_FRAME_WHOLE) {
			next = take_packet(s, &packet);
			conn_consume(s->conn, used);
		}
	}
	if (frame == MILTER_FRAME_EMPTY || frame == MILTER_FRAME_TOO_LONG) {
		log_warn("%s: packet of impossible length from the MTA: closing", id(s));
		next = NEXT_CLOSE;
	}
	if (next == NEXT_CLOSE)
		session_free(s);
}

/* Events of the connection */

/* Whether what waits behind the running work is an ABORT: the MTA no longer wants to hear the answer. */
static bool abort_waits(const struct session *s)
{
	struct milter_packet packet = { .letter = MILTER_MACRO };
	size_t n, used = 0;
	const char *in = conn_input(s->conn, &n);

	while (packet.letter == MILTER_MACRO) {
		in += used;
		n -= used;
		if (milter_frame((char *)in, n, MILTER_MAX_DATA, &packet, &used) != MILTER_FRAME_WHOLE)
			return false;
	}
	return packet.letter == MILTER_ABORT;
}

/* Whether work for a message is going on that can still be withdrawn without a trace on the wire. */
static bool is_withdrawable(const struct session *s)
{
	if (s->scan != NULL)
		return scan_is_asking(s->scan);
	return is_busy(s) && s->message != NULL;
}

static void on_input(struct session *s)
{
	conn_set_deadline(s->conn, loop_now(s->server->loop) + IDLE_LIMIT_MS);
	if (is_withdrawable(s) && abort_waits(s)) {
		log_info("%s: the MTA aborted while the filter was asked", id(s));
		cancel_work(s);
	}
	pump(s);
}

static void on_hangup(struct session *s, const char *why)
{
	if (s->message != NULL)
		log_info("%s: connection of the MTA lost in a message: %s", id(s), why);
	session_free(s);
}

static void on_idle(struct session *s)
{
	if (is_busy(s))
		conn_set_deadline(s->conn, loop_now(s->server->loop) + IDLE_LIMIT_MS);
	else
		on_hangup(s, "it sent nothing for too long");
}

static void on_conn(struct conn *c, enum conn_event event, void *arg)
{
	struct session *s = arg;

	switch (event) {
	case CONN_INPUT:
		on_input(s);
		break;
	case CONN_DRAINED:
		if (s->scan != NULL)
			scan_on_drained(s->scan);
		break;
	case CONN_EOF:
		on_hangup(s, "closed");
		break;
	case CONN_ERROR:
		on_hangup(s, strerror(-conn_error(c)));
		break;
	case CONN_TIMEOUT:
		on_idle(s);
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
		return;
	}
	s->server = server;
	macros_init(&s->macros);
	buf_init(&s->held, BUF_NO_LIMIT);
	conn_set_deadline(s->conn, loop_now(server->loop) + IDLE_LIMIT_MS);
	LIST_INSERT_HEAD(&server->sessions, s, link);
}
