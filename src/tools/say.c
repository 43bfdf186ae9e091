#include "tools/say.h"

#include "proto/mailpath.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (4 * (size_t)MILTER_CHUNK) /* queued output above which we wait */

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
	struct milter_msg m = { .command = (enum milter_command)stage_rule(s->stage)->letter };

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

void say_abort(struct session *s)
{
	put_letter(s, MILTER_ABORT);
}

static void flush(struct session *s)
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
	const struct stage_rule *r = stage_rule(s->stage);

	return s->stage == STAGE_NEGOTIATE || (!(s->protocol & r->skip) && s->version >= r->min_version);
}

size_t say_units(const struct session *s)
{
	const struct message *m = s->script->message;

	if (!is_wanted(s) &&
	    (!stage_rule(s->stage)->macros_always || s->version < stage_rule(s->stage)->min_version))
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

void say_deadline(struct session *s)
{
	int64_t ms = stage_rule(s->stage)->content ? s->script->content_timeout_ms
						   : s->script->command_timeout_ms;

	conn_set_deadline(s->conn, loop_now(s->loop) + ms);
}

static void say_unit(struct session *s)
{
	if (s->unit >= say_units(s)) {
		assert(s->stage < STAGE_EOM);
		s->stage++;
		s->unit = 0;
		return;
	}
	if (s->stage != STAGE_NEGOTIATE) {
		macros_update(s);
		macros_put(s->macros, &s->out, (enum milter_command)stage_rule(s->stage)->letter);
	}
	if (is_wanted(s)) {
		put_command(s);
		s->waiting = !(s->protocol & stage_rule(s->stage)->silent);
	}
	flush(s);
	if (s->stage == STAGE_OVER)
		return;
	say_deadline(s);
	if (!s->waiting) {
		if (s->stage == STAGE_RCPT)
			s->passed[s->unit] = true;
		s->unit++;
	}
}

void say_on(struct session *s)
{
	while (s->stage != STAGE_OVER && !s->waiting && conn_pending(s->conn) < OUTPUT_MAX)
		say_unit(s);
}

void say_goodbye(struct session *s)
{
	if (s->script->like == MTA_POSTFIX && s->stage >= STAGE_MAIL) {
		put_letter(s, MILTER_ABORT);
		put_letter(s, MILTER_ABORT);
	}
	put_letter(s, MILTER_QUIT);
	flush(s);
	if (s->stage == STAGE_OVER)
		return;
	say_deadline(s);
	s->stage = STAGE_OVER;
}

void say_new_message(struct session *s)
{
	queue_id_set(s);
	memset(s->passed, 0, s->script->n_rcpts * sizeof(*s->passed));
	s->body_row_begun = s->body_row_ended = false;
}
