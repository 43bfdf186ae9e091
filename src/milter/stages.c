#include "milter/stages.h"

#include "milter/asking.h"
#include "milter/wanted.h"

#include <string.h>

/* Negotiation */

static struct needs needs_of(const struct settings *settings)
{
	return (struct needs){
		.connect = !settings->queue_connections || settings->relay_check,
		.helo = settings->helo_check,
		.mail = settings->sender_check,
		.rcpt = settings->recipient_check,
		.refused_rcpt = !settings->hide_refused,
	};
}

/* Tell what was agreed, and with -y which macros we want at each stage. */
static void send_agreement(struct session *s)
{
	const char *lists[MILTER_STAGES] = { NULL };
	struct buf out, names;

	buf_init(&out, BUF_NO_LIMIT);
	buf_init(&names, BUF_NO_LIMIT);
	if (session_settings(s)->ask_macros) {
		wanted_list(&names, session_settings(s));
		for (int i = 0; i < MILTER_STAGES; i++)
			lists[i] = names.data;
	}
	milter_put_optneg(&out, s->agreed.version, s->agreed.actions, s->agreed.protocol, lists);
	conn_write(s->conn, out.data, out.len);
	buf_free(&names);
	buf_free(&out);
}

/* Such a message is refused when a filter wants it changed: better known before. */
static void log_lacks(const struct session *s)
{
	uint32_t lacks = agreement_lacks(&s->agreed);
	struct buf names;

	if (lacks == 0)
		return;
	buf_init(&names, BUF_NO_LIMIT);
	milter_name_actions(&names, lacks);
	who_info(session_who(s), "the MTA, of protocol version %u, does not offer %s", s->agreed.version,
		 buf_error(&names) == 0 ? names.data : "all changes");
	buf_free(&names);
}

static enum next no_agreement(struct session *s)
{
	account_failure(s, FAILURE_PROTOCOL);
	return NEXT_CLOSE;
}

enum next stage_optneg(struct session *s, const struct milter_msg *m)
{
	const struct needs needs = needs_of(session_settings(s));

	if (s->negotiated) {
		who_warn(session_who(s), "MTA negotiates for a second time: closing");
		return no_agreement(s);
	}
	if (negotiate(&needs, m->optneg.version, m->optneg.actions, m->optneg.protocol, &s->agreed) < 0) {
		who_warn(session_who(s), "MTA offers protocol version %u: closing", m->optneg.version);
		return no_agreement(s);
	}
	s->negotiated = true;
	log_lacks(s);
	send_agreement(s);
	return NEXT_PACKET;
}

/* CONNECT and HELO */

/* The queue id as far as it is known before there is a message: some MTAs have one that early. */
static const char *early_id(const struct session *s)
{
	const char *queue_id = message_queue_id(&s->macros);

	return queue_id != NULL ? queue_id : NO_QUEUE_ID;
}

static int ask_relay(struct session *s)
{
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	check_relay(&line, &s->peer, early_id(s));
	return asking_ask(s, MILTER_CONNECT, &line);
}

/* The connection may be taken as far as the pool is concerned. */
static void admit(struct session *s)
{
	if (!session_settings(s)->relay_check)
		session_answer(s, MILTER_CONNECT, VERDICT_CONTINUE);
	else if (ask_relay(s) < 0)
		asking_failed(s, MILTER_CONNECT);
}

/* Fewest free workers that the client needs. With -R this host itself is always served. */
static int workers_needed(const struct session *s)
{
	int reserved = (int)session_settings(s)->reserved;

	if (reserved < 0)
		return 1;
	return s->peer.loopback ? 0 : reserved;
}

/* A line that MIMEDefang writes without a queue id. */
static struct who nameless(const struct session *s)
{
	return (struct who){ .session = s->id };
}

static void on_free_workers(int n_free, enum failure failure, void *arg)
{
	struct session *s = arg;
	int needed = workers_needed(s);

	s->question = NULL;
	if (n_free >= needed)
		admit(s);
	else {
		if (n_free < 0)
			who_warn(nameless(s), "mfconnect: Error communicating with multiplexor");
		else
			who_warn(nameless(s), "mfconnect: No free workers: Need %d, found %d", needed,
				 n_free);
		account_failure(s, n_free < 0 ? failure : FAILURE_NO_WORKER);
		session_answer(s, MILTER_CONNECT, VERDICT_TEMPFAIL);
	}
	session_pump(s);
}

enum next stage_connect(struct session *s, const struct milter_msg *m)
{
	session_drop_message(s);
	s->discards = 0;
	macros_forget_after(&s->macros, MILTER_CONNECT);
	if (peer_connect(&s->peer, s->server->site, &s->macros, m) < 0) {
		who_err(session_who(s), "out of memory: closing");
		account_failure(s, FAILURE_MEMORY);
		return NEXT_CLOSE;
	}
	if (session_settings(s)->queue_connections) {
		admit(s);
		return NEXT_PACKET;
	}
	s->asking = MILTER_CONNECT;
	s->question = client_free_workers(&s->server->client, session_who(s), false, s->answer_by,
					  on_free_workers, s);
	if (s->question == NULL)
		asking_failed(s, MILTER_CONNECT);
	return NEXT_PACKET;
}

static int ask_helo(struct session *s)
{
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	check_helo(&line, &s->peer, early_id(s));
	return asking_ask(s, MILTER_HELO, &line);
}

/* HELO within a message ends it, as it does in SMTP. */
enum next stage_helo(struct session *s, const struct milter_msg *m)
{
	session_drop_message(s);
	if (s->discards == MILTER_HELO)
		s->discards = 0;
	macros_forget_after(&s->macros, MILTER_HELO);
	if (peer_helo(&s->peer, m->text) < 0) {
		who_err(session_who(s), "out of memory: closing");
		account_failure(s, FAILURE_MEMORY);
		return NEXT_CLOSE;
	}
	if (!session_settings(s)->helo_check)
		session_answer(s, MILTER_HELO, VERDICT_CONTINUE);
	else if (ask_helo(s) < 0)
		asking_failed(s, MILTER_HELO);
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

/* NONE, or why it cannot be asked. */
static enum failure ask_sender(struct session *s, const struct milter_msg *m)
{
	struct check_about about = about_message(s);
	struct buf line;

	if (asking_sync(s) < 0)
		return FAILURE_SPOOL;
	buf_init(&line, BUF_NO_LIMIT);
	check_sender(&line, &about, m);
	return asking_ask(s, MILTER_MAIL, &line) < 0 ? FAILURE_NOT_ASKED : FAILURE_NONE;
}

enum next stage_mail(struct session *s, const struct milter_msg *m)
{
	struct server *server = s->server;
	enum failure why = FAILURE_NONE;
	int err;

	session_drop_message(s);
	macros_forget_after(&s->macros, MILTER_MAIL);
	s->step = STEP_MAIL;
	account_begin(s);
	if (s->discards != 0) {
		who_info(session_who(s), "Discarding because filter instructed us to at %s",
			 milter_command_name((char)s->discards));
		session_give_up(s, MILTER_MAIL, VERDICT_DISCARD, FAILURE_NONE);
		account_end(s, m->envelope.address);
		return NEXT_PACKET;
	}
	err = message_new(server->site, &server->ids, s->id, &s->peer, &s->macros, m, &s->message);
	if (err < 0) {
		s->message = NULL;
		session_fail_message(s, MILTER_MAIL, fate_failure_of(err));
		account_end(s, m->envelope.address);
	} else if (!session_settings(s)->sender_check)
		session_answer(s, MILTER_MAIL, VERDICT_CONTINUE);
	else if ((why = ask_sender(s, m)) != FAILURE_NONE)
		session_fail_message(s, MILTER_MAIL, why);
	return NEXT_PACKET;
}

static enum failure ask_recipient(struct session *s, const struct milter_msg *m)
{
	struct check_about about = about_message(s);
	struct buf line;

	if (asking_sync(s) < 0)
		return FAILURE_SPOOL;
	buf_init(&line, BUF_NO_LIMIT);
	check_recipient(&line, &about, &s->macros, m);
	return asking_ask(s, MILTER_RCPT, &line) < 0 ? FAILURE_NOT_ASKED : FAILURE_NONE;
}

enum next stage_rcpt(struct session *s, const struct milter_msg *m)
{
	enum failure why = FAILURE_NONE;
	int err;

	macros_forget_after(&s->macros, MILTER_RCPT);
	message_learn_id(s->message, &s->macros);
	if ((err = message_rcpt(s->message, &s->macros, m)) < 0) {
		asking_log_unwritten(s, err);
		why = fate_failure_of(err);
	} else if (session_settings(s)->recipient_check)
		why = ask_recipient(s, m);
	else if (asking_keep_recipient(s) < 0)
		why = FAILURE_SPOOL;
	else
		session_answer(s, MILTER_RCPT, VERDICT_CONTINUE);
	if (why != FAILURE_NONE)
		session_fail_message(s, MILTER_RCPT, why);
	return NEXT_PACKET;
}

/* Content */

enum next stage_data(struct session *s, const struct milter_msg *m)
{
	message_learn_id(s->message, &s->macros);
	session_answer(s, MILTER_DATA, VERDICT_CONTINUE);
	return NEXT_PACKET;
}

/* Answer a stage at which something was stored. */
static enum next stored(struct session *s, enum milter_command c, int err)
{
	if (err == 0)
		session_answer(s, c, VERDICT_CONTINUE);
	else {
		asking_log_unwritten(s, err);
		session_fail_message(s, c, fate_failure_of(err));
	}
	return NEXT_PACKET;
}

enum next stage_header(struct session *s, const struct milter_msg *m)
{
	const struct header_field field = header_field(m->header.name, m->header.value,
						       agreement_leads_space(&s->agreed));

	return stored(s, MILTER_HEADER, message_header(s->message, &field));
}

enum next stage_eoh(struct session *s, const struct milter_msg *m)
{
	message_learn_id(s->message, &s->macros);
	return stored(s, MILTER_EOH, message_end_headers(s->message));
}

enum next stage_body(struct session *s, const struct milter_msg *m)
{
	message_learn_id(s->message, &s->macros);
	return stored(s, MILTER_BODY, message_body(s->message, m->body.bytes, m->body.len));
}

static void on_scan_done(const struct scan_result *result, void *arg)
{
	struct session *s = arg;

	s->scan = NULL;
	account_answer(s, MILTER_EOM, result->verdict);
	account_decide(s, MILTER_EOM, result->verdict, result->reply, result->failure);
	s->account.facts = result->facts;
	session_end_message(s);
	session_pump(s);
}

enum next stage_eom(struct session *s, const struct milter_msg *m)
{
	struct scan_about about = {
		.site = s->server->site,
		.client = &s->server->client,
		.agreed = &s->agreed,
		.own_ip = s->peer.own_ip,
		.mta = s->conn,
		.message = s->message,
	};
	enum failure why = FAILURE_NONE;
	int err = 0;

	message_learn_id(s->message, &s->macros);
	if (m->body.len > 0 && (err = message_body(s->message, m->body.bytes, m->body.len)) < 0) {
		asking_log_unwritten(s, err);
		why = fate_failure_of(err);
	}
	if (err == 0 && (s->scan = scan_start(&about, on_scan_done, s, &why)) != NULL)
		return NEXT_PACKET;
	account_decide(s, MILTER_EOM, VERDICT_TEMPFAIL, NULL, why);
	session_end_message(s);
	session_answer(s, MILTER_EOM, VERDICT_TEMPFAIL);
	return NEXT_PACKET;
}
