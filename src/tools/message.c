#include "tools/message.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is still to be parsed, and the line at its front. */
struct lines {
	const char *at, *end;
	const char *line;
	size_t len; /* of `line`, without its LF or CR LF */
};

/* Take the next line. False at the end. */
static bool lines_next(struct lines *l)
{
	const char *lf;

	if (l->at == l->end)
		return false;
	lf = memchr(l->at, '\n', (size_t)(l->end - l->at));
	l->line = l->at;
	l->len = (size_t)((lf ? lf : l->end) - l->at);
	l->at = lf ? lf + 1 : l->end;
	if (l->len > 0 && l->line[l->len - 1] == '\r')
		l->len--;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of a header's name at the start of the line, or 0: printable bytes, then blanks, then a colon.
 * *colon is where that is. */
static size_t header_name(const struct lines *l, size_t *colon)
{
	size_t name = 0;

	while (name < l->len && l->line[name] != ':' && isgraph((unsigned char)l->line[name]))
		name++;
	*colon = name;
	while (*colon < l->len && is_blank(l->line[*colon]))
		++*colon;
	return *colon < l->len && l->line[*colon] == ':' ? name : 0;
}

/* The first line of a header and the folded ones that follow it, joined by LF, from byte `from` on. */
static char *header_value(struct lines *l, size_t from)
{
	struct buf value;

	buf_init(&value, BUF_NO_LIMIT);
	buf_add(&value, l->line + from, l->len - from);
	while (l->at < l->end && is_blank(*l->at)) {
		lines_next(l);
		buf_addc(&value, '\n');
		buf_add(&value, l->line, l->len);
	}
	if (value.len == 0 && buf_error(&value) == 0)
		return calloc(1, 1);
	return buf_take(&value);
}

static int header_add(struct message *m, struct lines *l, size_t name_len, size_t colon)
{
	struct header *h;

	/* Grow by doubling: room is there whenever the count is not a power of two. */
	if ((m->n_headers & (m->n_headers - 1)) == 0) {
		h = reallocarray(m->headers, m->n_headers > 0 ? 2 * m->n_headers : 1, sizeof(*h));
		if (h == NULL)
			return -ENOMEM;
		m->headers = h;
	}
	h = &m->headers[m->n_headers];
	h->name = strndup(l->line, name_len);
	h->value = header_value(l, colon + 1);
	m->n_headers++;
	return h->name != NULL && h->value != NULL ? 0 : -ENOMEM;
}

void message_add_crlf(struct buf *out, const char *bytes, size_t n, char last)
{
	const char *end = bytes + n, *lf;

	while ((lf = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		if (lf > bytes)
			last = lf[-1];
		buf_add(out, bytes, (size_t)(lf - bytes));
		buf_adds(out, last == '\r' ? "\n" : "\r\n");
		bytes = lf + 1;
		last = '\n';
	}
	buf_add(out, bytes, (size_t)(end - bytes));
}

static void body_set(struct buf *body, const char *bytes, size_t n)
{
	message_add_crlf(body, bytes, n, 0);
	/* SMTP cannot carry a body that ends in the middle of a line. */
	if (n > 0 && bytes[n - 1] != '\n')
		buf_adds(body, bytes[n - 1] == '\r' ? "\n" : "\r\n");
}

/* `From sender date`, in front of a message in a mailbox. `From : sender` is a header. */
static void skip_mbox_line(struct lines *l)
{
	struct lines ahead = *l;
	size_t colon;

	if (lines_next(&ahead) && ahead.len >= 5 && memcmp(ahead.line, "From ", 5) == 0 &&
	    header_name(&ahead, &colon) == 0)
		*l = ahead;
}

int message_parse(struct message *out, const char *bytes, size_t n)
{
	struct lines l = { .at = bytes, .end = bytes + n };
	size_t name_len, colon;
	int err = 0;

	*out = (struct message){ 0 };
	buf_init(&out->body, BUF_NO_LIMIT);
	skip_mbox_line(&l);
	bytes = l.at;
	while (err == 0 && lines_next(&l) && (name_len = header_name(&l, &colon)) > 0) {
		err = header_add(out, &l, name_len, colon);
		bytes = l.at;
	}
	if (bytes < l.end && l.len == 0 && l.line == bytes)
		bytes = l.at; /* the empty line belongs to neither */
	if (err == 0) {
		body_set(&out->body, bytes, (size_t)(l.end - bytes));
		err = buf_error(&out->body);
	}
	if (err < 0)
		message_free(out);
	return err;
}

void message_free(struct message *m)
{
	for (size_t i = 0; i < m->n_headers; i++) {
		free(m->headers[i].name);
		free(m->headers[i].value);
	}
	free(m->headers);
	buf_free(&m->body);
	*m = (struct message){ 0 };
	buf_init(&m->body, BUF_NO_LIMIT);
}
