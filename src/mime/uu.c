/* Uuencoded files in a plain text. */
#include "mime/codec.h"
#include "mime/message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* A file: its `begin` line, and where its `end` line, or the text, ends. */
struct uu_file {
	size_t start, end;
	struct codec_begin begin;
};

static size_t line_length(const char *p, size_t at, size_t end)
{
	const char *nl = memchr(p + at, '\n', end - at);

	return nl != NULL ? (size_t)(nl + 1 - (p + at)) : end - at;
}

/* The next file in p[at..end). */
static bool file_find(const char *p, size_t at, size_t end, struct uu_file *f)
{
	size_t len;

	for (; at < end; at += len) {
		len = line_length(p, at, end);
		if (p[at] == 'b' && codec_uu_begin(p + at, len, &f->begin))
			break;
	}
	if (at >= end)
		return false;
	f->start = at;
	for (at += len; at < end; at += len) {
		len = line_length(p, at, end);
		if (codec_uu_end(p + at, len)) {
			at += len;
			break;
		}
	}
	f->end = at;
	return true;
}

static bool is_blank(const char *p, size_t at, size_t end)
{
	while (at < end && isspace((unsigned char)p[at]))
		at++;
	return at == end;
}

static enum mime_error out_of_memory(void)
{
	errno = ENOMEM;
	return MIME_SYSTEM;
}

/* A part behind *last, which becomes it. */
static enum mime_error part_add(struct mime *m, struct mime_part *parent, struct mime_part **last,
				const struct mime_options *limits)
{
	struct mime_part *part;

	if (m->count >= limits->max_parts)
		return MIME_TOO_MANY_PARTS;
	if ((part = arena_alloc(&m->arena, sizeof(*part))) == NULL)
		return out_of_memory();
	part->number = m->count++;
	part->synthetic = true;
	part->type = part->effective_type = "text/plain";
	part->encoding_name = "7bit";
	part_append(parent, *last, part);
	*last = part;
	return MIME_OK;
}

static const struct mime_params *one_param(struct mime *m, const char *name, const char *value, size_t len)
{
	struct mime_param *v = arena_alloc(&m->arena, sizeof(*v));
	struct mime_params *params = arena_alloc(&m->arena, sizeof(*params));

	if (v == NULL || params == NULL || (v->value = arena_copy(&m->arena, value, len)) == NULL)
		return NULL;
	v->name = name;
	v->len = len;
	*params = (struct mime_params){ .v = v, .n = 1 };
	return params;
}

/* Make of `part` what an attachment with that file would be. */
static enum mime_error file_describe(struct mime *m, struct mime_part *part, const struct uu_file *f)
{
	const struct mime_params *name, *filename;

	part->type = part->effective_type = "application/octet-stream";
	part->encoding = MIME_UUENCODE;
	part->encoding_name = "base64"; /* which it gets when it is written */
	part->disposition = "inline";
	part->body = (struct mime_range){ f->start, f->end - f->start };
	if (f->begin.name_len == 0)
		return MIME_OK;
	name = one_param(m, "name", f->begin.name, f->begin.name_len);
	filename = one_param(m, "filename", f->begin.name, f->begin.name_len);
	if (name == NULL || filename == NULL ||
	    (part->name = part_decoded(m, f->begin.name, f->begin.name_len)) == NULL)
		return out_of_memory();
	part->type_params = *name;
	part->disposition_params = *filename;
	return MIME_OK;
}

/* The fields that spoke of the text are void now. */
static void fields_drop(struct mime_part *part)
{
	static const char *const names[] = { "Content-Type", "Content-Disposition",
					     "Content-Transfer-Encoding" };
	struct mime_header *h = (struct mime_header *)part->headers; /* the arena's, only `const` to others */
	size_t kept = 0;

	for (size_t i = 0; i < part->n_headers; i++) {
		bool drop = false;

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			drop |= strlen(names[k]) == h[i].name_len &&
				strncasecmp(names[k], h[i].line, h[i].name_len) == 0;
		if (!drop)
			h[kept++] = h[i];
	}
	part->n_headers = kept;
}

static void become_multipart(struct mime_part *part)
{
	fields_drop(part);
	part->kind = MIME_MULTIPART;
	part->exploded = true;
	part->type = part->effective_type = "multipart/mixed";
	part->type_params = part->disposition_params = (struct mime_params){ .n = 0 };
	part->encoding = MIME_7BIT;
	part->encoding_name = "7bit";
	part->name = part->disposition = NULL;
}

enum mime_error uu_explode(struct mime *m, struct mime_part *part, const char *p,
			   const struct mime_options *limits)
{
	size_t start = part->body.at, end = start + part->body.len;
	struct mime_part *last = NULL;
	enum mime_error error = MIME_OK;
	struct uu_file f;

	if (!file_find(p, start, end, &f))
		return MIME_OK;
	if (part->depth >= limits->max_depth)
		return MIME_TOO_DEEP;
	become_multipart(part);
	if (!is_blank(p, start, f.start)) {
		if ((error = part_add(m, part, &last, limits)) != MIME_OK)
			return error;
		last->encoding = MIME_BINARY; /* the text has been decoded: nothing more is done to it */
		last->body = (struct mime_range){ start, f.start - start };
	}
	do {
		if ((error = part_add(m, part, &last, limits)) == MIME_OK)
			error = file_describe(m, last, &f);
	} while (error == MIME_OK && file_find(p, f.end, end, &f));
	return error;
}
