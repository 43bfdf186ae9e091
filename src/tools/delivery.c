#include "tools/delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void change_free(struct change *c)
{
	free(c->name);
	free(c->value);
	buf_free(&c->body);
}

void changes_free(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		change_free(&c->list[i]);
	free(c->list);
	*c = (struct changes){ 0 };
}

static struct change *body_change(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->list[i].response == MILTER_REPLBODY)
			return &c->list[i];
	}
	return NULL;
}

/* A new change with copies of two strings. NULL when out of memory. */
static struct change *change_new(struct changes *c, enum milter_response r, const char *name,
				 const char *value)
{
	struct change *list = reallocarray(c->list, c->n + 1, sizeof(*list)), *new;

	if (list == NULL)
		return NULL;
	c->list = list;
	new = &list[c->n];
	*new = (struct change){ .response = r, .name = strdup(name), .value = strdup(value) };
	buf_init(&new->body, BUF_NO_LIMIT);
	if (new->name == NULL || new->value == NULL) {
		change_free(new);
		return NULL;
	}
	c->n++;
	return new;
}

static int body_add(struct changes *c, const struct milter_answer *a)
{
	struct change *body = body_change(c);

	if (body == NULL && (body = change_new(c, MILTER_REPLBODY, "", "")) == NULL)
		return -ENOMEM;
	message_add_crlf(&body->body, a->body.bytes, a->body.len,
			 body->body.len > 0 ? body->body.data[body->body.len - 1] : '\0');
	return buf_error(&body->body);
}

int changes_add(struct changes *c, const struct milter_answer *a)
{
	struct change *new;

	switch (a->response) {
	case MILTER_REPLBODY:
		return body_add(c, a);
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
		if ((new = change_new(c, a->response, a->header.name, a->header.value)) == NULL)
			return -ENOMEM;
		new->index = a->header.index;
		return 0;
	case MILTER_ADDRCPT:
	case MILTER_ADDRCPT_PAR:
	case MILTER_DELRCPT:
	case MILTER_CHGFROM:
		return change_new(c, a->response, a->address.address, a->address.params) ? 0 : -ENOMEM;
	case MILTER_QUARANTINE:
		return change_new(c, a->response, a->text, "") ? 0 : -ENOMEM;
	default:
		return 0;
	}
}

/* Headers on their way to delivery. Nothing here is owned. */
struct line {
	const char *name; /* NULL: the MTA's own Received, which has a place but is not written */
	const char *value;
	bool by_filter;
};

struct section {
	struct line *lines;
	size_t n;
};

static void section_insert(struct section *s, size_t at, const struct change *c)
{
	if (at > s->n)
		at = s->n;
	memmove(s->lines + at + 1, s->lines + at, (s->n - at) * sizeof(*s->lines));
	s->lines[at] = (struct line){ .name = c->name, .value = c->value, .by_filter = true };
	s->n++;
}

static void section_delete(struct section *s, size_t at)
{
	s->n--;
	memmove(s->lines + at, s->lines + at + 1, (s->n - at) * sizeof(*s->lines));
}

/* The place of the index-th header of that name; s->n when there is none. */
static size_t section_find(const struct section *s, const char *name, uint32_t index)
{
	size_t i;

	if (index == 0)
		index = 1;
	for (i = 0; i < s->n; i++) {
		if (s->lines[i].name != NULL && strcasecmp(s->lines[i].name, name) == 0 && --index == 0)
			break;
	}
	return i;
}

static void section_change(struct section *s, const struct change *c)
{
	size_t at = section_find(s, c->name, c->index);

	if (at < s->n)
		section_delete(s, at);
	if (c->value[0] != '\0')
		section_insert(s, at, c);
}

static void section_apply(struct section *s, const struct changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->list[i].response == MILTER_ADDHEADER)
			section_insert(s, s->n, &c->list[i]);
		else if (c->list[i].response == MILTER_INSHEADER)
			section_insert(s, c->list[i].index, &c->list[i]);
		else if (c->list[i].response == MILTER_CHGHEADER)
			section_change(s, &c->list[i]);
	}
}

/* A filter's value may have a line that does not start with a blank: Postfix puts a tab there. */
static void value_write(struct buf *out, const char *value)
{
	for (; *value != '\0'; value++) {
		buf_addc(out, *value);
		if (*value == '\n' && value[1] != ' ' && value[1] != '\t')
			buf_addc(out, '\t');
	}
}

static void section_write(struct buf *out, const struct section *s, bool lead_space)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct line *l = &s->lines[i];

		if (l->name == NULL)
			continue;
		buf_adds(out, l->name);
		buf_adds(out, l->by_filter && !lead_space ? ": " : ":");
		value_write(out, l->value);
		buf_addc(out, '\n');
	}
}

static void body_write(struct buf *out, const struct buf *body)
{
	for (size_t i = 0; i < body->len; i++) {
		if (body->data[i] != '\r' || i + 1 == body->len || body->data[i + 1] != '\n')
			buf_addc(out, body->data[i]);
	}
	if (body->len > 0 && body->data[body->len - 1] != '\n')
		buf_addc(out, '\n');
}

int delivery_write(struct buf *out, const struct message *m, const struct changes *c, bool lead_space)
{
	struct section s = { .n = 1 };
	const struct change *body = body_change((struct changes *)c);

	s.lines = calloc(1 + m->n_headers + c->n, sizeof(*s.lines));
	if (s.lines == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_headers; i++)
		s.lines[s.n++] = (struct line){ .name = m->headers[i].name, .value = m->headers[i].value };
	section_apply(&s, c);
	section_write(out, &s, lead_space);
	free(s.lines);
	buf_addc(out, '\n');
	body_write(out, body != NULL ? &body->body : &m->body);
	return buf_error(out);
}

/* Equal but for brackets around either. */
static bool same_address(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len >= 2 && a[0] == '<' && a[a_len - 1] == '>')
		a++, a_len -= 2;
	if (b_len >= 2 && b[0] == '<' && b[b_len - 1] == '>')
		b++, b_len -= 2;
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void rcpt_delete(struct envelope *e, const char *address)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->n_rcpts; i++) {
		if (!same_address(e->rcpts[i], address))
			e->rcpts[kept++] = e->rcpts[i];
	}
	e->n_rcpts = kept;
}

static void rcpt_add(struct envelope *e, const char *address)
{
	for (size_t i = 0; i < e->n_rcpts; i++) {
		if (same_address(e->rcpts[i], address))
			return;
	}
	e->rcpts[e->n_rcpts++] = address;
}

void delivery_envelope(struct envelope *e, const struct changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct change *ch = &c->list[i];

		if (ch->response == MILTER_CHGFROM)
			e->from = ch->name;
		else if (ch->response == MILTER_ADDRCPT || ch->response == MILTER_ADDRCPT_PAR)
			rcpt_add(e, ch->name);
		else if (ch->response == MILTER_DELRCPT)
			rcpt_delete(e, ch->name);
	}
}
