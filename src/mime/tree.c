/* The tree: heads, boundary lines, and what lies between them. One pass over the message.
 *
 * GMime's parser is not used. It knows no limits (24 MB of four million empty parts took it 22 seconds and 5
 * GB of memory), does not say where a body lies once it is in a multipart, and ends bodies and heads at other
 * places than MIME::Parser, whose trees filters know.
 *
 * What is valid MIME is read as RFC 2046 says. The rest follows MIME::Parser:
 *  - a boundary line ends everything inside, of whatever level it is; the innermost boundary is tried first;
 *  - behind it only blanks may stand; the line end before it belongs to it, with all its CRs;
 *  - an opening boundary line in a head: the head is void, the part empty (with MIME::Parser only when it is
 *    the part's own; it takes one of an outer level into the body, with all the parts behind it, and hides
 *    them so); a closing one only ends the head;
 *  - behind its closing line a multipart's own boundary means nothing. */
#include "mime/field.h"
#include "mime/head.h"
#include "mime/message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* The open boundaries, innermost first. They live on the stack of the functions that read the parts. */
struct boundary {
	const char *text; /* without the two dashes */
	size_t len;
	const struct boundary *outer;
};

enum line_kind { END_OF_MESSAGE, OPENING, CLOSING };

/* Why reading a stretch of the message ended. */
struct stop {
	enum line_kind kind;
	const struct boundary *at; /* whose line it was */
	size_t end;                /* of the stretch: where the line end before the boundary line starts */
};

struct parser {
	struct mime *m;
	const struct mime_options *limits;
	const char *p;
	size_t size, pos;
	size_t headers, head_bytes; /* used of the limits */
	enum mime_error error;      /* the first one; everything then ends at once */
};

static struct stop entity_parse(struct parser *p, struct mime_part *parent, struct mime_part **last,
				const struct boundary *b, const char *default_type);

static struct stop fail(struct parser *p, enum mime_error error)
{
	if (p->error == MIME_OK)
		p->error = error;
	p->pos = p->size;
	return (struct stop){ .kind = END_OF_MESSAGE, .end = p->size };
}

static struct stop fail_memory(struct parser *p)
{
	errno = ENOMEM;
	return fail(p, MIME_SYSTEM);
}

/* The line at p->pos without its newline; moves behind it. */
static const char *line_take(struct parser *p, size_t *len)
{
	const char *line = p->p + p->pos;
	const char *nl = memchr(line, '\n', p->size - p->pos);

	*len = nl != NULL ? (size_t)(nl - line) : p->size - p->pos;
	p->pos += *len + (nl != NULL);
	return line;
}

static enum line_kind boundary_match(const char *line, size_t n, const struct boundary *b,
				     const struct boundary **which)
{
	if (n < 2 || line[0] != '-' || line[1] != '-')
		return END_OF_MESSAGE;
	while (n > 2 && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
		n--;
	line += 2;
	n -= 2;
	for (; b != NULL; b = b->outer) {
		bool closing = n == b->len + 2 && line[n - 1] == '-' && line[n - 2] == '-';

		if ((n == b->len || closing) && memcmp(line, b->text, b->len) == 0) {
			*which = b;
			return closing ? CLOSING : OPENING;
		}
	}
	return END_OF_MESSAGE;
}

/* Where the text from `start` ends when a boundary line starts at `end`. */
static size_t text_end(const struct parser *p, size_t start, size_t end)
{
	if (end > start && p->p[end - 1] == '\n')
		end--;
	while (end > start && p->p[end - 1] == '\r')
		end--;
	return end;
}

/* Move behind the next boundary line, or to the end of the message. */
static struct stop boundary_find(struct parser *p, const struct boundary *b)
{
	size_t start = p->pos, len, at;
	struct stop stop;

	if (b == NULL)
		p->pos = p->size;
	while (p->pos < p->size) {
		const char *line;

		at = p->pos;
		line = line_take(p, &len);
		stop.kind = boundary_match(line, len, b, &stop.at);
		if (stop.kind != END_OF_MESSAGE) {
			stop.end = text_end(p, start, at);
			return stop;
		}
	}
	return (struct stop){ .kind = END_OF_MESSAGE, .end = p->size };
}

/* An empty line; CRs do not count. */
static bool line_is_blank(const char *line, size_t n)
{
	while (n > 0 && line[n - 1] == '\r')
		n--;
	return n == 0;
}

/* Find the end of the head; what it holds is then in p->p[start .. *end). Only an opening boundary line
 * stops the caller. *blank: an empty line ends it. */
static struct stop head_find_end(struct parser *p, const struct boundary *b, size_t *end, bool *blank)
{
	struct stop stop = { .kind = END_OF_MESSAGE };
	size_t len;

	while (p->pos < p->size) {
		const char *line;

		*end = p->pos;
		line = line_take(p, &len);
		if ((*blank = line_is_blank(line, len)))
			return stop;
		stop.kind = boundary_match(line, len, b, &stop.at);
		if (stop.kind == CLOSING)
			stop.kind = END_OF_MESSAGE;
		else if (stop.kind == OPENING)
			stop.end = *end;
		else
			continue;
		return stop;
	}
	*end = p->pos;
	return stop;
}

/* Read the head at p->pos into `part`. */
static struct stop head_parse(struct parser *p, struct mime_part *part, const struct boundary *b)
{
	size_t start = p->pos, end;
	struct stop stop = head_find_end(p, b, &end, &part->head_ended);
	int error;

	if (stop.kind == OPENING) {
		part->head = (struct mime_range){ start, end - start };
		return stop;
	}
	part->head = (struct mime_range){ start, p->pos - start };
	p->head_bytes += end - start;
	if (p->head_bytes > p->limits->max_header_bytes)
		return fail(p, MIME_HEADS_TOO_LONG);
	error = head_split(&p->m->arena, p->p + start, end - start, p->limits->max_headers - p->headers,
			   &part->headers, &part->n_headers);
	if (error < 0)
		return error == -E2BIG ? fail(p, MIME_TOO_MANY_HEADERS) : fail_memory(p);
	p->headers += part->n_headers;
	return stop;
}

static enum mime_encoding encoding_of(const char *name)
{
	static const struct {
		const char *name;
		enum mime_encoding encoding;
	} known[] = {
		{ "7bit", MIME_7BIT },     { "8bit", MIME_8BIT },
		{ "binary", MIME_BINARY }, { "none", MIME_BINARY },
		{ "base64", MIME_BASE64 }, { "quoted-printable", MIME_QUOTED_PRINTABLE },
		{ "x-uu", MIME_UUENCODE }, { "x-uuencode", MIME_UUENCODE },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0)
			return known[i].encoding;
	}
	return MIME_UNKNOWN;
}

/* `7-bit` and `7_bit` are meant well. */
static const char *encoding_mend(const char *name)
{
	if (name[0] == '\0' || strcmp(name, "7-bit") == 0 || strcmp(name, "7_bit") == 0)
		return "7bit";
	if (strcmp(name, "8-bit") == 0 || strcmp(name, "8_bit") == 0)
		return "8bit";
	return name;
}

/* Values of fields are the arena's and not yet anybody else's: they may be changed. */
static const char *lower_case(const char *s)
{
	for (char *c = (char *)s; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return s;
}

/* Header text as UTF-8; NULL when memory has run out. */
static const char *decoded(struct parser *p, const char *s, size_t n)
{
	const char *text = part_decoded(p->m, s, n);

	if (text == NULL)
		fail_memory(p);
	return text;
}

/* A parameter that has more than blanks; else NULL. */
static const struct mime_param *filled(const struct mime_param *v)
{
	for (size_t i = 0; v != NULL && i < v->len; i++) {
		if (!isspace((unsigned char)v->value[i]))
			return v;
	}
	return NULL;
}

/* The recommended name: one that is empty or blank does not count. */
static const char *part_name(struct parser *p, const struct mime_part *part)
{
	const struct mime_param *v = filled(field_param(&part->disposition_params, "filename"));

	if (v == NULL)
		v = filled(field_param(&part->type_params, "name"));
	if (v == NULL)
		return NULL;
	return v->utf8 ? v->value : decoded(p, v->value, v->len);
}

/* The text of an unstructured field, without folding and outer blanks. */
static const char *field_text(struct parser *p, const struct mime_header *h)
{
	const char *s = h->line + h->name_len + 1, *end = h->line + h->len, *text;
	struct buf b;

	while (s < end && isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	buf_init(&b, BUF_NO_LIMIT);
	for (; s < end; s++) {
		if (*s != '\n')
			buf_addc(&b, *s);
	}
	text = buf_error(&b) == 0 ? decoded(p, b.data, b.len) : NULL;
	buf_free(&b);
	return text;
}

/* What the fields of the head say. */
static void part_describe(struct parser *p, struct mime_part *part, const char *default_type)
{
	struct arena *a = &p->m->arena;
	const struct mime_header *h;
	struct field type, disposition, encoding;

	if (field_parse(a, mime_header(part, "content-type"), &type) < 0 ||
	    field_parse(a, mime_header(part, "content-disposition"), &disposition) < 0 ||
	    field_parse(a, mime_header(part, "content-transfer-encoding"), &encoding) < 0) {
		fail_memory(p);
		return;
	}
	part->type = type.value[0] != '\0' ? lower_case(type.value) : default_type;
	part->effective_type = part->type;
	part->type_params = type.params;
	if (disposition.value[0] != '\0')
		part->disposition = lower_case(disposition.value);
	part->disposition_params = disposition.params;
	part->encoding_name = encoding.value[0] != '\0' ? encoding_mend(lower_case(encoding.value)) : "7bit";
	part->encoding = encoding_of(part->encoding_name);
	part->name = part_name(p, part);
	if ((h = mime_header(part, "content-description")) != NULL)
		part->description = field_text(p, h);
}

/* A new part behind *last, which becomes it. NULL with the parser's error set. */
static struct mime_part *part_new(struct parser *p, struct mime_part *parent, struct mime_part **last)
{
	struct mime_part *part;

	if (p->m->count == p->limits->max_parts) {
		fail(p, MIME_TOO_MANY_PARTS);
		return NULL;
	}
	if (parent != NULL && (parent->depth == p->limits->max_depth || parent->depth == MIME_MAX_DEPTH)) {
		fail(p, MIME_TOO_DEEP);
		return NULL;
	}
	if ((part = arena_alloc(&p->m->arena, sizeof(*part))) == NULL) {
		fail_memory(p);
		return NULL;
	}
	part->number = p->m->count++;
	if (parent != NULL)
		part_append(parent, *last, part);
	else
		p->m->root = part;
	*last = part;
	return part;
}

/* The preamble starts at `start`. MIME::Parser takes a last newline off it, whatever ended it: of a plain one
 * that is the boundary's, of a CR LF it is one more. Nothing at all is told apart from an empty line. */
static void preamble_set(const struct parser *p, struct mime_part *part, size_t start, struct stop stop)
{
	size_t end = stop.end;
	bool plain = stop.kind != END_OF_MESSAGE && p->p[end] == '\n';

	part->has_preamble = plain || end > start;
	if (!plain && end > start && (p->p[end - 1] == '\n' || p->p[end - 1] == '\r'))
		end--;
	part->preamble = (struct mime_range){ start, end - start };
}

static struct stop multipart_parse(struct parser *p, struct mime_part *part,
				   const struct mime_param *boundary, const struct boundary *outer)
{
	struct boundary own = { boundary->value, boundary->len, outer };
	const char *type = strcmp(part->type, "multipart/digest") == 0 ? "message/rfc822" : "text/plain";
	struct mime_part *last = NULL;
	size_t start = p->pos;
	struct stop stop = boundary_find(p, &own);

	part->kind = MIME_MULTIPART;
	preamble_set(p, part, start, stop);
	while (stop.kind == OPENING && stop.at == &own)
		stop = entity_parse(p, part, &last, &own, type);
	if (stop.kind == CLOSING && stop.at == &own) {
		start = p->pos;
		stop = boundary_find(p, outer);
		part->has_epilogue = true;
		part->epilogue = (struct mime_range){ start, stop.end - start };
	}
	return stop;
}

/* The boundary of a multipart; NULL when there is none that a line could bear. */
static const struct mime_param *boundary_of(const struct mime_part *part)
{
	const struct mime_param *v = field_param(&part->type_params, "boundary");

	return v != NULL && memchr(v->value, '\r', v->len) == NULL ? v : NULL;
}

/* Whether to look for uuencoded files. `none` is not among the encodings that MIME::Parser looks into. */
static bool may_have_files(const struct parser *p, const struct mime_part *part)
{
	return p->limits->uuencode && strcmp(part->effective_type, "text/plain") == 0 &&
	       part->encoding <= MIME_BINARY && strcmp(part->encoding_name, "none") != 0;
}

static struct stop leaf_parse(struct parser *p, struct mime_part *part, const struct boundary *b)
{
	size_t start = p->pos;
	struct stop stop = boundary_find(p, b);
	enum mime_error error;

	part->body = (struct mime_range){ start, stop.end - start };
	error = may_have_files(p, part) ? uu_explode(p->m, part, p->p, p->limits) : MIME_OK;
	return error == MIME_OK ? stop : fail(p, error);
}

/* Of a message in pieces only the first piece starts with its head. */
static bool holds_message(const struct mime_part *part)
{
	const char *number = mime_param(&part->type_params, "number");

	if (strcmp(part->type, "message/partial") == 0)
		return number != NULL && strcmp(number, "1") == 0;
	return strcmp(part->type, "message/rfc822") == 0 || strcmp(part->type, "message/external-body") == 0;
}

/* What follows the head of `part`, as its type says. */
static struct stop body_parse(struct parser *p, struct mime_part *part, const struct boundary *b)
{
	bool multipart = strncmp(part->type, "multipart", 9) == 0;
	const struct mime_param *boundary = boundary_of(part);
	struct mime_part *last = NULL;

	if (multipart && boundary != NULL)
		return multipart_parse(p, part, boundary, b);
	if (p->limits->nested && holds_message(part)) {
		part->kind = MIME_MESSAGE;
		return entity_parse(p, part, &last, b, "text/plain");
	}
	if (multipart)
		part->effective_type = "application/x-unparseable-multipart";
	if (part->encoding == MIME_UNKNOWN)
		part->effective_type = "application/octet-stream";
	return leaf_parse(p, part, b);
}

static struct stop entity_parse(struct parser *p, struct mime_part *parent, struct mime_part **last,
				const struct boundary *b, const char *default_type)
{
	struct mime_part *part = part_new(p, parent, last);
	struct stop stop;
	size_t start;

	if (part == NULL)
		return (struct stop){ .kind = END_OF_MESSAGE, .end = p->size };
	stop = head_parse(p, part, b);
	start = part->head.at + part->head.len;
	part_describe(p, part, stop.kind == OPENING ? "text/plain" : default_type);
	if (p->error != MIME_OK)
		return fail(p, p->error);
	if (stop.kind != OPENING)
		stop = body_parse(p, part, b);
	if (stop.end < start) /* the boundary line follows the head at once */
		stop.end = start;
	part->body = (struct mime_range){ start, stop.end - start };
	return stop;
}

enum mime_error tree_parse(struct mime *m, const char *p, const struct mime_options *o)
{
	struct mime_part *last = NULL;
	struct parser parser = { .m = m, .limits = o, .p = p, .size = m->size };

	entity_parse(&parser, NULL, &last, NULL, "text/plain");
	return parser.error;
}
