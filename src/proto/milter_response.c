/* Responses: filter to MTA. */
#include "proto/milter_wire.h"

#include <string.h>

/* Writing */

void milter_put_optneg(struct buf *out, uint32_t version, uint32_t actions, uint32_t protocol,
		       const char *const lists[])
{
	size_t mark = milter_open(out, MILTER_OPTNEG);

	buf_add_u32(out, version);
	buf_add_u32(out, actions);
	buf_add_u32(out, protocol);
	for (uint32_t stage = 0; lists != NULL && stage < MILTER_STAGES; stage++) {
		if ((actions & MILTER_F_SETSYMLIST) == 0 || lists[stage] == NULL)
			continue;
		buf_add_u32(out, stage);
		milter_add_string(out, lists[stage]);
	}
	milter_close(out, mark);
}

void milter_put_letter(struct buf *out, enum milter_response r)
{
	milter_close(out, milter_open(out, (char)r));
}

void milter_put_text(struct buf *out, enum milter_response r, const char *s)
{
	size_t mark = milter_open(out, (char)r);

	milter_add_string(out, s);
	milter_close(out, mark);
}

void milter_put_text2(struct buf *out, enum milter_response r, const char *a, const char *b)
{
	size_t mark = milter_open(out, (char)r);

	milter_add_string(out, a);
	milter_add_string(out, b);
	milter_close(out, mark);
}

void milter_put_header(struct buf *out, enum milter_response r, uint32_t index, const char *name,
		       const char *value)
{
	size_t mark = milter_open(out, (char)r);

	buf_add_u32(out, index);
	milter_add_string(out, name);
	milter_add_string(out, value);
	milter_close(out, mark);
}

void milter_put_body(struct buf *out, const char *bytes, size_t n)
{
	do { /* one packet even without bytes: it says that the body is empty */
		size_t piece = n < MILTER_CHUNK ? n : MILTER_CHUNK;
		size_t mark = milter_open(out, MILTER_REPLBODY);

		buf_add(out, bytes, piece);
		milter_close(out, mark);
		bytes += piece;
		n -= piece;
	} while (n > 0);
}

/* Reading */

bool milter_is_verdict(enum milter_response r)
{
	return r != MILTER_PROGRESS && r != '\0' && strchr("cartdys4f", (char)r) != NULL;
}

/* The text of a reply line behind its code: a separator, then perhaps a status code of the same class. A
 * wrong class is what Postfix calls a failure; anything else that looks odd is text. */
static bool status_fits(const char *s, char class)
{
	size_t subject, detail;

	if (s[0] < '0' || s[0] > '9' || s[1] != '.')
		return true;
	subject = strspn(s + 2, "0123456789");
	if (subject == 0 || subject > 3 || s[2 + subject] != '.')
		return true;
	detail = strspn(s + 3 + subject, "0123456789");
	return detail == 0 || detail > 3 || s[0] == class;
}

/* Lines of `ddd-text`, ended by CR LF, and a last one of `ddd text`; the same 4xx or 5xx in all. */
static bool replycode_fits(const char *text)
{
	const char *line = text;

	if ((line[0] != '4' && line[0] != '5') || strspn(line, "0123456789") != 3)
		return false;
	for (;;) {
		size_t n = strcspn(line, "\r\n");
		bool last = line[n] == '\0';

		if (strncmp(line, text, 3) != 0 || line[3] != (last ? ' ' : '-') ||
		    !status_fits(line + 4, text[0]))
			return false;
		if (last)
			return true;
		if (line[n] != '\r' || line[n + 1] != '\n')
			return false;
		line += n + 2;
	}
}

/* The data of one answer, read from `at`; false when it has not exactly the parts that belong there. */
static bool optneg_parse(const char *at, const char *end, struct milter_answer *a)
{
	a->is_optneg = true;
	return milter_take_optneg(at, end, &a->optneg);
}

static bool header_parse(const char *at, const char *end, struct milter_answer *a)
{
	if (a->response != MILTER_ADDHEADER) {
		if (end - at < 4)
			return false;
		a->header.index = milter_u32(at);
		at += 4;
	}
	a->header.name = milter_take_string(&at, end);
	a->header.value = milter_take_string(&at, end);
	return a->header.value != NULL && a->header.name[0] != '\0' && at == end;
}

static bool address_parse(const char *at, const char *end, struct milter_answer *a)
{
	bool with_params = a->response == MILTER_ADDRCPT_PAR || a->response == MILTER_CHGFROM;

	a->address.address = milter_take_string(&at, end);
	a->address.params = "";
	if (with_params && a->address.address != NULL && at < end)
		a->address.params = milter_take_string(&at, end);
	return a->address.address != NULL && at == end;
}

static bool text_parse(const char *at, const char *end, struct milter_answer *a)
{
	a->text = milter_take_string(&at, end);
	if (a->text == NULL || at != end)
		return false;
	return a->response != MILTER_REPLYCODE || replycode_fits(a->text);
}

static bool body_parse(const char *at, const char *end, struct milter_answer *a)
{
	a->body.bytes = at;
	a->body.len = (size_t)(end - at);
	return true;
}

static bool nothing_parse(const char *at, const char *end, struct milter_answer *a)
{
	return at == end;
}

typedef bool parse_fn(const char *at, const char *end, struct milter_answer *a);

static parse_fn *parse_of(char letter)
{
	switch (letter) {
	case MILTER_OPTNEG:
		return optneg_parse;
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
		return header_parse;
	case MILTER_ADDRCPT:
	case MILTER_ADDRCPT_PAR:
	case MILTER_DELRCPT:
	case MILTER_CHGFROM:
		return address_parse;
	case MILTER_REPLYCODE:
	case MILTER_QUARANTINE:
		return text_parse;
	case MILTER_REPLBODY:
		return body_parse;
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_SKIP:
	case MILTER_PROGRESS:
	case MILTER_SHUTDOWN:
	case MILTER_CONN_FAIL:
		return nothing_parse;
	default:
		return NULL;
	}
}

enum milter_error milter_answer_parse(const struct milter_packet *p, struct milter_answer *out)
{
	struct milter_answer a = { .response = (enum milter_response)p->letter };
	parse_fn *parse = parse_of(p->letter);

	if (parse == NULL)
		return MILTER_UNKNOWN_LETTER;
	if (!parse(p->data, p->data + p->len, &a))
		return MILTER_MALFORMED;
	*out = a;
	return MILTER_OK;
}
