#include "tools/report.h"

#include "proto/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The word for a reply: `continue`, `reject` .. */
static const char *response_word(enum milter_response r)
{
	switch (r) {
	case MILTER_CONTINUE:
		return "continue";
	case MILTER_ACCEPT:
		return "accept";
	case MILTER_REJECT:
		return "reject";
	case MILTER_TEMPFAIL:
		return "tempfail";
	case MILTER_DISCARD:
		return "discard";
	case MILTER_REPLYCODE:
		return "reply";
	case MILTER_SKIP:
		return "skip";
	case MILTER_PROGRESS:
		return "progress";
	case MILTER_SHUTDOWN:
		return "shutdown";
	default:
		return "failure";
	}
}

static const char *change_word(enum milter_response r)
{
	switch (r) {
	case MILTER_ADDHEADER:
		return "add-header";
	case MILTER_INSHEADER:
		return "insert-header";
	case MILTER_CHGHEADER:
		return "change-header";
	case MILTER_REPLBODY:
		return "replace-body";
	case MILTER_ADDRCPT:
	case MILTER_ADDRCPT_PAR:
		return "add-recipient";
	case MILTER_DELRCPT:
		return "delete-recipient";
	case MILTER_CHGFROM:
		return "change-sender";
	default:
		return "quarantine";
	}
}

/* CHGHEADER without a value. */
static bool is_deletion(const struct change *c)
{
	return c->response == MILTER_CHGHEADER && c->value[0] == '\0';
}

static const char *change_name(const struct change *c)
{
	return is_deletion(c) ? "delete-header" : change_word(c->response);
}

static bool is_header_change(const struct change *c)
{
	return c->response == MILTER_ADDHEADER || c->response == MILTER_INSHEADER ||
	       c->response == MILTER_CHGHEADER;
}

/* What the whole comes to: the outcome, `quarantine` for a message that is taken and held, `error`. */
static const char *verdict_word(const struct story *s)
{
	if (!s->decided)
		return "error";
	return s->reason != NULL ? "quarantine" : outcome_name(s->outcome);
}

/* Text for a terminal: line breaks are shown indented, a last one not at all, other control bytes as `?`. */
static void put_text(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n' && s[1] != '\0')
			buf_adds(out, "\n             ");
		else if (*s != '\r' && *s != '\n')
			buf_addc(out, ((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f ? '?' : *s);
	}
}

static void put_line(struct buf *out, const char *label, const char *text)
{
	buf_addf(out, "%-12s ", label);
	put_text(out, text);
	buf_addc(out, '\n');
}

static void put_reply(struct buf *out, const struct script *script, const struct reply *r)
{
	buf_addf(out, "%-12s %s", stage_name(r->stage), response_word(r->response));
	if (r->text[0] != '\0') {
		buf_addc(out, ' ');
		put_text(out, r->text);
	}
	if (r->stage == STAGE_RCPT) {
		buf_addc(out, ' ');
		put_text(out, script->rcpts[r->unit].address);
	}
	if (r->count > 1)
		buf_addf(out, " (%u times)", r->count);
	buf_addc(out, '\n');
}

/* The value of a header change as people write it: with HDR_LEADSPC it brings its own blank. */
static const char *value_of(const struct change *c, bool lead_space)
{
	return c->value + (lead_space && is_header_change(c) && c->value[0] == ' ');
}

static void put_change(struct buf *out, const struct change *c, bool lead_space)
{
	const char *value = value_of(c, lead_space);

	buf_addf(out, "%-12s %s ", "change", change_name(c));
	if (c->response == MILTER_REPLBODY) {
		buf_addf(out, "(%zu bytes)\n", c->body.len);
		return;
	}
	if (c->response == MILTER_INSHEADER || c->response == MILTER_CHGHEADER)
		buf_addf(out, "%u ", (unsigned)c->index);
	put_text(out, c->name);
	if (value[0] != '\0') {
		buf_adds(out, is_header_change(c) ? ": " : " ");
		put_text(out, value);
	}
	buf_addc(out, '\n');
}

static void put_part(struct buf *out, const char *label, const struct part *p)
{
	buf_addf(out, "%-12s ", label);
	put_text(out, p->type);
	if (p->name[0] != '\0') {
		buf_addc(out, ' ');
		put_text(out, p->name);
	}
	buf_addf(out, " (%zu bytes)\n", p->size);
}

/* A new text is shown in full: it is what the filter tells the recipient. */
static void put_parts(struct buf *out, const struct parts *parts)
{
	for (size_t i = 0; i < parts->before.n; i++) {
		if (parts->before.list[i].unpaired)
			put_part(out, "part removed", &parts->before.list[i]);
	}
	for (size_t i = 0; i < parts->after.n; i++) {
		const struct part *p = &parts->after.list[i];

		if (!p->unpaired)
			continue;
		put_part(out, "part added", p);
		if (p->body != NULL)
			put_line(out, "", p->body);
	}
}

static void put_envelope(struct buf *out, const struct envelope *e)
{
	put_line(out, "sender", e->from);
	for (size_t i = 0; i < e->n_rcpts; i++)
		put_line(out, "recipient", e->rcpts[i]);
}

/* The envelope after all changes; `room` holds the pointers. */
static struct envelope envelope_of(const struct script *script, const struct story *s, const char **room)
{
	struct envelope e = { .from = script->from.address, .rcpts = room, .n_rcpts = s->n_passed };

	for (size_t i = 0; i < s->n_passed; i++)
		room[i] = s->passed[i];
	delivery_envelope(&e, &s->changes);
	return e;
}

static bool is_delivered(const struct story *s)
{
	return s->decided && s->outcome == OUTCOME_ACCEPT;
}

void report_text(struct buf *out, const struct script *script, const struct story *s,
		 const struct parts *parts)
{
	if (s->version > 0)
		buf_addf(out, "%-12s version %u, actions 0x%x, protocol 0x%x\n", stage_name(STAGE_NEGOTIATE),
			 (unsigned)s->version, (unsigned)s->actions, (unsigned)s->protocol);
	for (size_t i = 0; i < s->n_replies; i++)
		put_reply(out, script, &s->replies[i]);
	for (size_t i = 0; i < s->changes.n; i++)
		put_change(out, &s->changes.list[i], s->lead_space);
	if (parts != NULL)
		put_parts(out, parts);
	if (is_delivered(s)) {
		const char **room = calloc(s->n_passed + s->changes.n + 1, sizeof(*room));
		struct envelope e;

		if (room != NULL) {
			e = envelope_of(script, s, room);
			put_envelope(out, &e);
			free(room);
		}
	}
	buf_addf(out, "%-12s %s", "verdict", verdict_word(s));
	if (s->decided)
		buf_addf(out, " at %s", stage_name(s->stage));
	buf_addc(out, '\n');
	if (s->smtp_reply != NULL)
		put_line(out, "smtp", s->smtp_reply);
}

static void json_reply(struct json *j, const struct script *script, const struct reply *r)
{
	json_object(j, NULL);
	json_text(j, "stage", stage_name(r->stage));
	json_text(j, "reply", response_word(r->response));
	if (r->text[0] != '\0')
		json_text(j, "text", r->text);
	if (r->stage == STAGE_RCPT)
		json_text(j, "recipient", script->rcpts[r->unit].address);
	json_int(j, "count", r->count);
	json_end_object(j);
}

static void json_change(struct json *j, const struct change *c, bool lead_space)
{
	json_object(j, NULL);
	json_text(j, "change", change_name(c));
	if (c->response == MILTER_REPLBODY) {
		json_int(j, "bytes", (int64_t)c->body.len);
	} else if (is_header_change(c)) {
		json_text(j, "name", c->name);
		json_text(j, "value", value_of(c, lead_space));
		if (c->response != MILTER_ADDHEADER)
			json_int(j, "index", c->index);
	} else if (c->response == MILTER_QUARANTINE) {
		json_text(j, "reason", c->name);
	} else {
		json_text(j, "address", c->name);
		json_text(j, "parameters", c->value);
	}
	json_end_object(j);
}

static void json_parts(struct json *j, const char *key, const struct part_list *l)
{
	json_array(j, key);
	for (size_t i = 0; i < l->n; i++) {
		if (!l->list[i].unpaired)
			continue;
		json_object(j, NULL);
		json_text(j, "type", l->list[i].type);
		json_text(j, "name", l->list[i].name);
		json_int(j, "bytes", (int64_t)l->list[i].size);
		if (l->list[i].body != NULL)
			json_text(j, "text", l->list[i].body);
		json_end_object(j);
	}
	json_end_array(j);
}

static void json_envelope(struct json *j, const struct script *script, const struct story *s)
{
	const char **room = calloc(s->n_passed + s->changes.n + 1, sizeof(*room));
	struct envelope e;

	if (room == NULL) {
		j->out->error = -ENOMEM;
		return;
	}
	e = envelope_of(script, s, room);
	json_text(j, "sender", e.from);
	json_array(j, "recipients");
	for (size_t i = 0; i < e.n_rcpts; i++)
		json_text(j, NULL, e.rcpts[i]);
	json_end_array(j);
	free(room);
}

static void json_verdict(struct json *j, const struct story *s)
{
	json_text(j, "verdict", verdict_word(s));
	if (s->decided) {
		json_text(j, "stage", stage_name(s->stage));
		json_text(j, "smtp", s->smtp_reply);
		json_text(j, "queue_id", s->queue_id);
		json_real(j, "milliseconds", (double)s->us / 1000);
	}
	if (s->failure != FAILURE_NONE)
		json_text(j, "error", s->why);
}

void report_json(struct buf *out, const struct script *script, const struct story *s,
		 const struct parts *parts)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_verdict(&j, s);
	json_int(&j, "version", s->version);
	json_int(&j, "actions", s->actions);
	json_int(&j, "protocol", s->protocol);
	json_array(&j, "replies");
	for (size_t i = 0; i < s->n_replies; i++)
		json_reply(&j, script, &s->replies[i]);
	json_end_array(&j);
	json_array(&j, "changes");
	for (size_t i = 0; i < s->changes.n; i++)
		json_change(&j, &s->changes.list[i], s->lead_space);
	json_end_array(&j);
	if (parts != NULL) {
		json_parts(&j, "parts_removed", &parts->before);
		json_parts(&j, "parts_added", &parts->after);
	}
	if (is_delivered(s))
		json_envelope(&j, script, s);
	json_end_object(&j);
	buf_addc(out, '\n');
}
