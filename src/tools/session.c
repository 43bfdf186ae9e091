#include "tools/session.h"

#include "tools/hear.h"
#include "tools/say.h"
#include "tools/session_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)64 << 20) /* bytes of one answer; filters send 64 KB */

static const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_ACCEPT] = "accept",
	[OUTCOME_REJECT] = "reject",
	[OUTCOME_TEMPFAIL] = "tempfail",
	[OUTCOME_DISCARD] = "discard",
};

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
	free(s->why);
	free(s);
}

static void session_report_end(void *arg)
{
	struct session *s = arg;

	s->watcher->ended(s->arg, s->failure, s->why);
	session_free(s);
}

static void session_end(struct session *s)
{
	conn_free(s->conn);
	s->conn = NULL;
	s->stage = STAGE_OVER;
	loop_defer(s->loop, session_report_end, s);
}

void session_fail(struct session *s, enum failure f, const char *format, ...)
{
	va_list ap;

	if (s->stage == STAGE_OVER && s->conn == NULL)
		return;
	va_start(ap, format);
	if (vasprintf(&s->why, format, ap) == -1)
		s->why = NULL;
	va_end(ap);
	s->failure = f;
	session_end(s);
}

static void on_packet(struct session *s, const struct milter_packet *p)
{
	struct milter_answer a;
	enum milter_error err = milter_answer_parse(p, &a);

	if (err == MILTER_OK)
		hear_answer(s, &a);
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
		say_on(s);
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
		say_on(s);
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
	say_on(s);
}

/* What the MTA itself knows from the start. Host names are of no concern: they need not resolve. */
static int macros_first(struct session *s)
{
	const struct script *sc = s->script;
	char host[256] = "localhost", relay[600];

	gethostname(host, sizeof(host) - 1);
	snprintf(relay, sizeof(relay), "%.255s [%.255s]", sc->client_name, sc->client_address);
	if (macros_set(s->macros, "j", host) < 0 || macros_set(s->macros, "_", relay) < 0 ||
	    macros_set(s->macros, "v", sc->like == MTA_POSTFIX ? "Postfix" : "8.17") < 0 ||
	    macros_set(s->macros, "daemon_name", host) < 0 ||
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
	say_new_message(s);
	return s;
}
