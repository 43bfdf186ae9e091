#include "mime/field.h"

#include "mime/codec.h"
#include "mime/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A parameter as it stands, or a piece of one (RFC 2231: `name*3*`). */
struct piece {
	const char *name; /* lower-case, the stars taken off */
	const char *value;
	size_t len;
	unsigned number; /* of the piece */
	bool whole;      /* no star: a plain parameter */
	bool encoded;    /* its value has %XX */
	unsigned order;  /* in the field */
};

struct reader {
	struct arena *arena;
	const char *p, *end;
	struct piece *pieces; /* a growing array */
	unsigned n, room;
};

/* Room for one piece more. */
static bool pieces_grow(struct reader *r)
{
	unsigned room = r->room > 0 ? 2 * r->room : 8;
	struct piece *grown;

	if (r->n < r->room)
		return true;
	if ((grown = reallocarray(r->pieces, room, sizeof(*grown))) == NULL)
		return false;
	r->pieces = grown;
	r->room = room;
	return true;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || (unsigned char)c >= 0x7f;
}

/* Comments end at the first closing bracket; one that never ends is none. */
static void skip_blanks_and_comments(struct reader *r)
{
	while (r->p < r->end) {
		const char *close;

		if (isspace((unsigned char)*r->p)) {
			r->p++;
		} else if (*r->p == '(' && (close = memchr(r->p, ')', (size_t)(r->end - r->p))) != NULL) {
			r->p = close + 1;
		} else {
			return;
		}
	}
}

/* Bytes that may stand in the first value. */
static size_t first_value_length(const struct reader *r)
{
	const char *p = r->p;

	while (p < r->end && !is_control(*p) && *p != ' ' && *p != ';')
		p++;
	return (size_t)(p - r->p);
}

static size_t token_length(const struct reader *r)
{
	const char *p = r->p;

	while (p < r->end && !is_control(*p) && strchr(" ()<>@,;:\\\"/[]?=", *p) == NULL)
		p++;
	return (size_t)(p - r->p);
}

/* An RFC 2047 word that stands without quotes, as many programs write it. */
static size_t bare_word_length(const struct reader *r)
{
	const char *p = r->p + 2;
	int marks = 0;

	if (r->end - r->p < 8 || r->p[0] != '=' || r->p[1] != '?')
		return 0;
	for (; p < r->end && !isspace((unsigned char)*p) && *p != ';'; p++) {
		if (*p == '?' && ++marks == 3)
			return p + 1 < r->end && p[1] == '=' ? (size_t)(p + 2 - r->p) : 0;
	}
	return 0;
}

/* A quoted string at r->p, its quotes and backslashes taken off. NULL when it does not end. */
static char *quoted_string(struct reader *r, size_t *len)
{
	const char *p = r->p + 1;
	char *copy, *to;

	while (p < r->end && *p != '"')
		p += *p == '\\' && p + 1 < r->end ? 2 : 1;
	if (p >= r->end)
		return NULL;
	if ((copy = to = arena_alloc(r->arena, (size_t)(p - r->p))) == NULL)
		return NULL;
	for (const char *q = r->p + 1; q < p; q++) {
		if (*q == '\\')
			q++;
		*to++ = *q;
	}
	r->p = p + 1;
	*len = (size_t)(to - copy);
	return copy;
}

/* The value at r->p, or NULL when none can be read; r->p is then left where it is. */
static const char *param_value(struct reader *r, size_t *len)
{
	const char *at = r->p;

	if (at < r->end && *at == '"')
		return quoted_string(r, len);
	if ((*len = bare_word_length(r)) == 0 && (*len = token_length(r)) == 0)
		return NULL;
	r->p += *len;
	return arena_copy(r->arena, at, *len);
}

/* Take the stars off the name: `name*`, `name*2`, `name*2*`. */
static void piece_name(struct piece *x, char *name)
{
	size_t len = strlen(name);
	char *star = strchr(name, '*');

	x->name = name;
	x->whole = star == NULL || star == name || star[1] == '*';
	if (x->whole)
		return;
	x->encoded = name[len - 1] == '*';
	x->number = (unsigned)strtoul(star + 1, NULL, 10);
	*star = '\0';
}

/* `name = value` at r->p; false when no name and `=` are there, which ends the field. */
static bool param_parse(struct reader *r)
{
	const char *at = r->p;
	struct piece x = { .order = r->n };
	char *name;

	while (r->p < r->end && !is_control(*r->p) && strchr(" :=", *r->p) == NULL)
		r->p++;
	if (r->p == at || (name = arena_copy(r->arena, at, (size_t)(r->p - at))) == NULL)
		return false;
	for (char *c = name; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	piece_name(&x, name);
	skip_blanks_and_comments(r);
	if (r->p == r->end || *r->p != '=')
		return false;
	r->p++;
	while (r->p < r->end && isspace((unsigned char)*r->p))
		r->p++;
	x.value = param_value(r, &x.len);
	if (x.value == NULL)
		return true; /* `name=` says nothing; go on with what follows */
	if (!pieces_grow(r))
		return false;
	r->pieces[r->n++] = x;
	return true;
}

/* Order: by name, then pieces before whole ones, then by number, then as they stand. */
static int piece_compare(const void *pa, const void *pb)
{
	const struct piece *a = pa, *b = pb;
	int by_name = strcmp(a->name, b->name);

	if (by_name != 0)
		return by_name;
	if (a->whole != b->whole)
		return a->whole - b->whole;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void percent_decode(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int byte = s[i] == '%' && i + 2 < n ? codec_hex(s + i + 1) : -1;

		buf_addc(out, byte >= 0 ? (char)byte : s[i]);
		if (byte >= 0)
			i += 2;
	}
}

/* Of `charset'language'text`, or `charset'text`: copy the charset, return the length of what comes before
 * the text; 0 when there is none. */
static size_t charset_take(const struct piece *x, char *charset, size_t size)
{
	const char *first = memchr(x->value, '\'', x->len), *second;
	size_t len;

	if (!x->encoded || first == NULL)
		return 0;
	len = (size_t)(first - x->value);
	if (len < size) {
		memcpy(charset, x->value, len);
		charset[len] = '\0';
	}
	second = memchr(first + 1, '\'', x->len - len - 1);
	return (size_t)((second != NULL ? second : first) + 1 - x->value);
}

/* Join the pieces of one parameter, and take them out of their character set. */
static void pieces_join(const struct piece *x, unsigned n, struct buf *out, bool *utf8)
{
	char charset[64] = "";
	struct buf bytes;

	*utf8 = false;
	buf_init(&bytes, BUF_NO_LIMIT);
	for (unsigned i = 0; i < n; i++) {
		size_t skip = 0;

		if (i == 0 && (skip = charset_take(&x[i], charset, sizeof(charset))) > 0)
			*utf8 = true;
		if (x[i].encoded)
			percent_decode(&bytes, x[i].value + skip, x[i].len - skip);
		else
			buf_add(&bytes, x[i].value + skip, x[i].len - skip);
	}
	if (*utf8)
		words_convert(out, charset, bytes.data, bytes.len);
	else
		buf_add(out, bytes.data, bytes.len);
	buf_free(&bytes);
}

/* Make parameter *to of x[0..n), which bear one name: pieces if there are any, else the last whole one. */
static bool param_make(struct arena *a, const struct piece *x, unsigned n, struct mime_param *to)
{
	const struct piece *last = &x[n - 1];
	unsigned pieces = 0;
	struct buf joined;

	to->name = x[0].name;
	while (pieces < n && !x[pieces].whole)
		pieces++;
	if (pieces == 0) {
		to->value = last->value;
		to->len = last->len;
		return to->value != NULL;
	}
	buf_init(&joined, BUF_NO_LIMIT);
	pieces_join(x, pieces, &joined, &to->utf8);
	to->value = buf_error(&joined) == 0 ? arena_copy(a, joined.data, joined.len) : NULL;
	to->len = joined.len;
	buf_free(&joined);
	return to->value != NULL;
}

static int params_make(struct reader *r, struct mime_params *out)
{
	struct mime_param *v = r->n > 0 ? arena_alloc(r->arena, r->n * sizeof(*v)) : NULL;
	unsigned same;

	*out = (struct mime_params){ .v = v };
	if (r->n == 0)
		return 0;
	if (v == NULL)
		return -ENOMEM;
	qsort(r->pieces, r->n, sizeof(r->pieces[0]), piece_compare);
	for (unsigned i = 0; i < r->n; i += same) {
		for (same = 1; i + same < r->n && strcmp(r->pieces[i].name, r->pieces[i + same].name) == 0;)
			same++;
		out->n += param_make(r->arena, &r->pieces[i], same, &v[out->n]);
	}
	return 0;
}

/* The text of the field without its newlines: what folding broke comes together. */
static char *unfold(struct arena *a, const struct mime_header *h, size_t *len)
{
	const char *p = h->line + h->name_len + 1, *end = h->line + h->len;
	char *copy = arena_alloc(a, h->len), *to = copy;

	if (copy == NULL)
		return NULL;
	for (; p < end; p++) {
		if (*p != '\n')
			*to++ = *p;
	}
	*len = (size_t)(to - copy);
	return copy;
}

int field_parse(struct arena *a, const struct mime_header *h, struct field *out)
{
	struct reader r = { .arena = a };
	size_t len;
	int error;

	*out = (struct field){ .value = "" };
	if (h == NULL)
		return 0;
	if ((r.p = unfold(a, h, &len)) == NULL)
		return -ENOMEM;
	r.end = r.p + len;
	skip_blanks_and_comments(&r);
	len = first_value_length(&r);
	if ((out->value = arena_copy(a, r.p, len)) == NULL)
		return -ENOMEM;
	r.p += len;
	do {
		if ((r.p = memchr(r.p, ';', (size_t)(r.end - r.p))) == NULL)
			break;
		while (r.p < r.end && *r.p == ';') {
			r.p++;
			skip_blanks_and_comments(&r);
		}
	} while (param_parse(&r));
	error = params_make(&r, &out->params);
	free(r.pieces);
	return error;
}

const struct mime_param *field_param(const struct mime_params *params, const char *name)
{
	for (size_t i = 0; i < params->n; i++) {
		if (strcmp(params->v[i].name, name) == 0)
			return &params->v[i];
	}
	return NULL;
}
