#include "tools/session.h"

#include "base/conn.h"
#include "proto/mailpath.h"
#include "tools/dial.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (4 * (size_t)MILTER_CHUNK) /* queued output above which we wait */
#define ANSWER_MAX ((size_t)64 << 20)         /* bytes of one answer; filters send 64 KB */

/* What an MTA does at each stage. */
static const struct stage_rule {
	const char *name;
	char letter;
	uint32_t skip;        /* the flag by which a filter says that it does not want the command */
	uint32_t silent;      /* .. that it will not reply */
	uint32_t min_version; /* of the protocol */
	bool macros_always;   /* macros are sent for a skipped command too */
	bool content;         /* the longer time limit */
} rules[] = {
	[STAGE_NEGOTIATE] = { "negotiate", MILTER_OPTNEG },
	[STAGE_CONNECT] = { "connect", MILTER_CONNECT, MILTER_P_NOCONNECT, MILTER_P_NR_CONN, 0, true },
	[STAGE_HELO] = { "helo", MILTER_HELO, MILTER_P_NOHELO, MILTER_P_NR_HELO, 0, true },
	[STAGE_MAIL] = { "mail", MILTER_MAIL, MILTER_P_NOMAIL, MILTER_P_NR_MAIL, 0, true },
	[STAGE_RCPT] = { "rcpt", MILTER_RCPT, MILTER_P_NORCPT, MILTER_P_NR_RCPT, 0, true },
	[STAGE_DATA] = { "data", MILTER_DATA, MILTER_P_NODATA, MILTER_P_NR_DATA, 4, true },
	[STAGE_HEADER] = { "header", MILTER_HEADER, MILTER_P_NOHDRS, MILTER_P_NR_HDR, 0, false, true },
	[STAGE_EOH] = { "eoh", MILTER_EOH, MILTER_P_NOEOH, MILTER_P_NR_EOH, 0, false, true },
	[STAGE_BODY] = { "body", MILTER_BODY, MILTER_P_NOBODY, MILTER_P_NR_BODY, 0, false, true },
	[STAGE_EOM] = { "eom", MILTER_EOM, 0, 0, 0, true, true },
	[STAGE_OVER] = { "over" },
};

static const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_ACCEPT] = "accept",
	[OUTCOME_REJECT] = "reject",
	[OUTCOME_TEMPFAIL] = "tempfail",
	[OUTCOME_DISCARD] = "discard",
};

struct session {
	struct loop *loop;
	const struct script *script;
	const struct session_watcher *watcher;
	void *arg;
	struct dial *dial; /* until connected */
	struct conn *conn; /* from then on */
	struct macros *macros;
	struct buf out;
	uint32_t version, protocol; /* agreed */
	enum stage stage; /* what is to be said next, or has been said and is `waiting` for its reply */
	size_t unit;      /* recipient, header or piece of body of that stage */
	bool waiting;
	bool *passed;        /* recipients the filter let pass */
	char *refusal;       /* the SMTP reply to the last one it did not */
	bool body_row_begun; /* the filter has sent a new body .. */
	bool body_row_ended; /* .. and another change after it */
	unsigned serial;     /* of the message on this connection */
	char queue_id[64];
	enum failure failure;
	char *why;
};

const char *stage_name(enum stage s)
{
	return rules[s].name;
}

const char *outcome_name(enum outcome o)
{
	return outcome_names[o];
}

bool session_rcpt_passed(const struct session *s, size_t i)
{
	return s->passed[i];
}

bool session_lead_space(const struct session *s)
{
	return s->protocol & MILTER_P_HDR_LEADSPC;
}

const char *session_queue_id(const struct session *s)
{
	return s->queue_id;
}

static void session_free(struct session *s)
{
	dial_cancel(s->dial);
	conn_free(s->conn);
	macros_free(s->macros);
	buf_free(&s->out);
	free(s->passed);
	free(s->refusal);
	free(s->why);
	free(s);
}

static void session_report_end(void *arg)
{
	struct session *s = arg;

	s->watcher->ended(s->arg, s->failure, s->why);
	session_free(s);
}

/* End, at the end of this turn. Later calls change nothing. */
static void session_end(struct session *s)
{
	conn_free(s->conn);
	s->conn = NULL;
	s->stage = STAGE_OVER;
	loop_defer(s->loop, session_report_end, s);
}

static void __attribute__((format(printf, 3, 4)))
session_fail(struct session *s, enum failure f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&s->why, format, ap) == -1)
		s->why = NULL;
	va_end(ap);
	s->failure = f;
	session_end(s);
}

/* What is said */

/* An id such as Postfix gives, other than that of any message of this run and its neighbours. */
static void queue_id_set(struct session *s)
{
	static unsigned count;

	count++;
	if (s->script->queue_id == NULL)
		snprintf(s->queue_id, sizeof(s->queue_id), "%05X%05X%04X", (unsigned)getpid() & 0xfffff,
			 (unsigned)time(NULL) & 0xfffff, count & 0xffff);
	else if (count == 1)
		snprintf(s->queue_id, sizeof(s->queue_id), "%s", s->script->queue_id);
	else
		snprintf(s->queue_id, sizeof(s->queue_id), "%s-%u", s->script->queue_id, count);
}

/* Postfix gives a message its queue id when it takes the first recipient, Sendmail at MAIL. */
static bool queue_id_known(const struct session *s)
{
	if (s->script->like == MTA_SENDMAIL)
		return s->stage >= STAGE_MAIL;
	return s->stage > STAGE_RCPT || (s->stage == STAGE_RCPT && s->unit > 0);
}

/* {mail_addr} and {mail_host}, or those of a recipient. */
static void path_macros(struct session *s, const struct path *p, const char *addr_name, const char *host_name)
{
	char *bare = strndup(p->address + 1, strlen(p->address) - 2);
	char *host = NULL;
	const char *domain;
	size_t len;

	if (bare != NULL && (domain = mailpath_domain(p->address, &len)) != NULL)
		host = strndup(domain, len);
	macros_set(s->macros, addr_name, bare);
	macros_set(s->macros, host_name, host);
	free(bare);
	free(host);
}

static void macros_update(struct session *s)
{
	macros_set(s->macros, "i", queue_id_known(s) ? s->queue_id : NULL);
	if (s->stage == STAGE_MAIL)
		path_macros(s, &s->script->from, "mail_addr", "mail_host");
	if (s->stage == STAGE_RCPT)
		path_macros(s, &s->script->rcpts[s->unit], "rcpt_addr", "rcpt_host");
}

static void put_header(struct session *s)
{
	const struct header *h = &s->script->message->headers[s->unit];
	const char *value = h->value;
	struct milter_msg m = { .command = MILTER_HEADER };
	size_t room = MILTER_MAX_DATA - 2;
	char *name, *cut;

	if (!session_lead_space(s) && *value == ' ')
		value++;
	/* What does not fit into a packet is cut, as Postfix does. */
	name = strndup(h->name, room / 2);
	cut = name == NULL ? NULL : strndup(value, room - strlen(name));
	m.header.name = name;
	m.header.value = cut;
	if (cut != NULL)
		milter_put(&s->out, &m);
	free(name);
	free(cut);
}

static void put_body(struct session *s)
{
	const struct buf *body = &s->script->message->body;
	size_t from = s->unit * MILTER_CHUNK, left = body->len - from;
	struct milter_msg m = { .command = MILTER_BODY };

	m.body.bytes = body->data + from;
	m.body.len = left < MILTER_CHUNK ? left : MILTER_CHUNK;
	milter_put(&s->out, &m);
}

static void put_path(struct session *s, enum milter_command c, const struct path *p)
{
	milter_put_envelope(&s->out, c, p->address, (const char *const *)p->args, p->n_args);
}

static void put_command(struct session *s)
{
	const struct script *sc = s->script;
	struct milter_msg m = { .command = (enum milter_command)rules[s->stage].letter };

	switch (s->stage) {
	case STAGE_NEGOTIATE:
		m.optneg.version = sc->version;
		m.optneg.actions = sc->actions;
		m.optneg.protocol = sc->protocol;
		break;
	case STAGE_CONNECT:
		m.connect.host = sc->client_name;
		m.connect.family = sc->family;
		m.connect.port = sc->port;
		m.connect.address = sc->client_address;
		break;
	case STAGE_HELO:
		m.text = sc->helo;
		break;
	case STAGE_MAIL:
		put_path(s, MILTER_MAIL, &sc->from);
		return;
	case STAGE_RCPT:
		put_path(s, MILTER_RCPT, &sc->rcpts[s->unit]);
		return;
	case STAGE_HEADER:
		put_header(s);
		return;
	case STAGE_BODY:
		put_body(s);
		return;
	default: /* no data */
		break;
	}
	milter_put(&s->out, &m);
}

static void put_letter(struct session *s, enum milter_command c)
{
	struct milter_msg m = { .command = c };

	milter_put(&s->out, &m);
}

static void session_flush(struct session *s)
{
	if (buf_error(&s->out) != 0) {
		session_fail(s, FAILURE_PROTOCOL, "%s: %s", stage_name(s->stage),
			     strerror(-buf_error(&s->out)));
		return;
	}
	conn_write(s->conn, s->out.data, s->out.len);
	buf_clear(&s->out);
}

static bool is_wanted(const struct session *s)
{
	const struct stage_rule *r = &rules[s->stage];

	return s->stage == STAGE_NEGOTIATE || (!(s->protocol & r->skip) && s->version >= r->min_version);
}

static size_t units_of_stage(const struct session *s)
{
	const struct message *m = s->script->message;

	if (!is_wanted(s) && (!rules[s->stage].macros_always || s->version < rules[s->stage].min_version))
		return 0;
	switch (s->stage) {
	case STAGE_RCPT:
		return s->script->n_rcpts;
	case STAGE_HEADER:
		return m->n_headers;
	case STAGE_BODY:
		return (m->body.len + MILTER_CHUNK - 1) / MILTER_CHUNK;
	default:
		return 1;
	}
}

static void deadline_set(struct session *s)
{
	int64_t ms = rules[s->stage].content ? s->script->content_timeout_ms : s->script->command_timeout_ms;

	conn_set_deadline(s->conn, loop_now(s->loop) + ms);
}

static void say_unit(struct session *s)
{
	if (s->unit >= units_of_stage(s)) {
		assert(s->stage < STAGE_EOM);
		s->stage++;
		s->unit = 0;
		return;
	}
	if (s->stage != STAGE_NEGOTIATE) {
		macros_update(s);
		macros_put(s->macros, &s->out, (enum milter_command)rules[s->stage].letter);
	}
	if (is_wanted(s)) {
		put_command(s);
		s->waiting = !(s->protocol & rules[s->stage].silent);
	}
	session_flush(s);
	if (s->stage == STAGE_OVER)
		return;
	deadline_set(s);
	if (!s->waiting) {
		if (s->stage == STAGE_RCPT)
			s->passed[s->unit] = true;
		s->unit++;
	}
}

/* Say all that can be said before the next reply. */
static void session_talk(struct session *s)
{
	while (s->stage != STAGE_OVER && !s->waiting && conn_pending(s->conn) < OUTPUT_MAX)
		say_unit(s);
}

/* Say goodbye as the MTA does; what is sent goes out before the end. */
static void session_quit(struct session *s)
{
	if (s->script->like == MTA_POSTFIX && s->stage >= STAGE_MAIL) {
		put_letter(s, MILTER_ABORT);
		put_letter(s, MILTER_ABORT);
	}
	put_letter(s, MILTER_QUIT);
	session_flush(s);
	if (s->stage == STAGE_OVER)
		return;
	deadline_set(s);
	s->stage = STAGE_OVER;
}

static void message_begin(struct session *s)
{
	queue_id_set(s);
	memset(s->passed, 0, s->script->n_rcpts * sizeof(*s->passed));
	s->body_row_begun = s->body_row_ended = false;
	free(s->refusal);
	s->refusal = NULL;
}

/* What replies mean */

static void session_decide(struct session *s, enum outcome o, const char *reply)
{
	bool on = s->watcher->decided(s->arg, o, s->stage, reply);
	bool closing = strncmp(reply, "421", 3) == 0;

	s->waiting = false;
	if (!on || closing || s->stage < STAGE_MAIL) {
		session_quit(s);
		return;
	}
	/* Sendmail aborts only a transaction that its client has given up. */
	if (s->script->like == MTA_POSTFIX || s->stage == STAGE_RCPT)
		put_letter(s, MILTER_ABORT);
	s->stage = STAGE_MAIL;
	s->unit = 0;
	message_begin(s);
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
	session_decide(s, o, reply);
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

/* A recipient that is refused leaves the message to the others, if there are any. */
static void rcpt_refused(struct session *s, char *reply)
{
	free(s->refusal);
	s->refusal = reply;
	unit_done(s);
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
		rcpt_refused(s, reply);
		return;
	}
	session_decide(s, reply[0] == '4' ? OUTCOME_TEMPFAIL : OUTCOME_REJECT, reply);
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
	s->unit = units_of_stage(s);
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

static void on_answer(struct session *s, const struct milter_answer *a)
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
		deadline_set(s);
}

/* Bytes */

static void on_packet(struct session *s, const struct milter_packet *p)
{
	struct milter_answer a;
	enum milter_error err = milter_answer_parse(p, &a);

	if (err == MILTER_OK)
		on_answer(s, &a);
	else if (err == MILTER_UNKNOWN_LETTER)
		session_fail(s, FAILURE_PROTOCOL, "%s: an answer with the unknown letter 0x%02x",
			     stage_name(s->stage), (unsigned char)p->letter);
	else
		session_fail(s, FAILURE_PROTOCOL, "%s: a malformed %s of %zu bytes", stage_name(s->stage),
			     milter_response_name(p->letter), p->len);
}

static void on_input(struct session *s)
{
	struct milter_packet p;
	size_t n, used;

	while (s->stage != STAGE_OVER) {
		char *in = (char *)conn_input(s->conn, &n);
		enum milter_frame f = milter_frame(in, n, ANSWER_MAX - 8, &p, &used);

		if (f == MILTER_FRAME_MORE)
			return;
		if (f != MILTER_FRAME_WHOLE) {
			session_fail(s, FAILURE_PROTOCOL, "%s: a packet %s", stage_name(s->stage),
				     f == MILTER_FRAME_EMPTY ? "of length 0" : "of more than 64 MB");
			return;
		}
		on_packet(s, &p);
		if (s->conn == NULL)
			return;
		conn_consume(s->conn, used);
		session_talk(s);
	}
}

static void on_conn(struct conn *c, enum conn_event event, void *arg)
{
	struct session *s = arg;

	if (s->stage == STAGE_OVER) { /* after QUIT: all said, or nobody there to hear it */
		if (event != CONN_INPUT && (event != CONN_DRAINED || conn_pending(c) == 0))
			session_end(s);
		return;
	}
	switch (event) {
	case CONN_INPUT:
		on_input(s);
		break;
	case CONN_DRAINED:
		session_talk(s);
		break;
	case CONN_EOF:
		on_input(s);
		if (s->stage != STAGE_OVER)
			session_fail(s, FAILURE_PROTOCOL, "%s: the filter closed the connection",
				     stage_name(s->stage));
		break;
	case CONN_ERROR:
		session_fail(s, FAILURE_PROTOCOL, "%s: %s", stage_name(s->stage), strerror(-conn_error(c)));
		break;
	case CONN_TIMEOUT:
		session_fail(s, FAILURE_PROTOCOL, "%s: no answer in time", stage_name(s->stage));
		break;
	}
}

static void on_dialled(int fd, void *arg)
{
	struct session *s = arg;

	s->dial = NULL;
	if (fd < 0) {
		session_fail(s, FAILURE_CONNECT, "%s", strerror(-fd));
		return;
	}
	s->conn = conn_new(s->loop, fd, fd, ANSWER_MAX, on_conn, s);
	if (s->conn == NULL) {
		session_fail(s, FAILURE_CONNECT, "%s", strerror(errno));
		close(fd);
		return;
	}
	session_talk(s);
}

/* What the MTA itself knows from the start. Host names are of no concern: they need not resolve. */
static int macros_first(struct session *s)
{
	const struct script *sc = s->script;
	char host[256] = "localhost", relay[600];

	gethostname(host, sizeof(host) - 1);
	snprintf(relay, sizeof(relay), "%.255s [%.255s]", sc->client_name, sc->client_address);
	if (macros_set(s->macros, "j", host) < 0 || macros_set(s->macros, "_", relay) < 0 ||
	    macros_set(s->macros, "v", "Postfix") < 0 || macros_set(s->macros, "daemon_name", host) < 0 ||
	    macros_set(s->macros, "daemon_addr", "127.0.0.1") < 0 ||
	    macros_set(s->macros, "if_name", "localhost") < 0 ||
	    macros_set(s->macros, "if_addr", "127.0.0.1") < 0 ||
	    macros_set(s->macros, "mail_mailer", "smtp") < 0 ||
	    macros_set(s->macros, "rcpt_mailer", "smtp") < 0)
		return -ENOMEM;
	return 0;
}

struct session *session_start(struct loop *loop, const struct script *script,
			      const struct session_watcher *watcher, void *arg)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->script = script;
	s->watcher = watcher;
	s->arg = arg;
	buf_init(&s->out, BUF_NO_LIMIT);
	s->passed = calloc(script->n_rcpts, sizeof(*s->passed));
	s->macros = macros_new(script->like, script->given, script->n_given);
	if (s->passed == NULL || s->macros == NULL || macros_first(s) < 0 ||
	    (s->dial = dial_start(loop, &script->milter, script->command_timeout_ms, on_dialled, s)) ==
		    NULL) {
		session_free(s);
		errno = ENOMEM;
		return NULL;
	}
	message_begin(s);
	return s;
}
