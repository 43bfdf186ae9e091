#include "mime/mime.h"

#include "fuzz.h"

#include <assert.h>
#include <stdbool.h>

static const struct mime_options limits = {
	.max_depth = 20,
	.max_parts = 300,
	.max_headers = 1000,
	.max_header_bytes = 65536,
	.nested = true,
	.uuencode = true,
};

/* Ranges lie in the message, and in their parent's body. */
static void check_range(struct mime_range r, struct mime_range within)
{
	assert(r.at >= within.at && r.at <= within.at + within.len);
	assert(r.len <= within.at + within.len - r.at);
}

static void check_ranges(const struct mime_part *p, uint64_t size)
{
	struct mime_range within = p->parent != NULL ? p->parent->body : (struct mime_range){ 0, size };

	check_range(p->body, within);
	if (p->synthetic)
		return;
	check_range(p->head, within);
	assert(p->head.at + p->head.len <= p->body.at);
	if (p->kind == MIME_MULTIPART && !p->exploded)
		check_range(p->preamble, p->body);
	if (p->has_epilogue)
		check_range(p->epilogue, p->body);
}

/* A whole field and nothing else. */
static void check_headers(const struct mime_part *p)
{
	for (size_t i = 0; i < p->n_headers; i++) {
		const struct mime_header *h = &p->headers[i];

		assert(h->name_len > 0 && h->name_len < h->len);
		assert(h->line[h->len - 1] == '\n' && h->line[h->len] == '\0');
	}
}

static void check_params(const struct mime_params *params)
{
	for (size_t i = 0; i < params->n; i++)
		assert(mime_param(params, params->v[i].name) != NULL);
}

/* Every decoder makes less of what it gets; the same comes out whatever the limit. */
static void check_body(const struct mime *m, const struct mime_part *p)
{
	struct buf whole, half;
	uint64_t length;
	int error;

	buf_init(&whole, BUF_NO_LIMIT);
	error = mime_decode(m, p, &whole);
	if (p->kind != MIME_LEAF) {
		assert(error < 0 && p->n_children <= 300);
		return;
	}
	assert(error == 0 && p->child == NULL && whole.len <= p->body.len);
	buf_init(&half, whole.len / 2);
	mime_decode(m, p, &half);
	assert(mime_decoded_length(m, p, &length) == 0 && length == whole.len);
	assert(half.len <= whole.len / 2);
	buf_free(&half);
	buf_free(&whole);
}

static void check_part(const struct mime *m, const struct mime_part *p, uint64_t size)
{
	assert(p->type != NULL && p->effective_type != NULL && p->encoding_name != NULL);
	assert(p->depth <= limits.max_depth);
	assert(mime_filename(p) != NULL);
	check_ranges(p, size);
	check_headers(p);
	check_params(&p->type_params);
	check_params(&p->disposition_params);
	check_body(m, p);
}

static void check_text(const char *s)
{
	char *text = mime_text(s);

	assert(text != NULL);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool ready;
	char *bytes = fuzz_bytes(data, n);
	struct mime *m;
	unsigned count = 0;

	if (!ready)
		mime_init();
	ready = true;
	if (mime_parse_bytes(bytes, n, &limits, &m) == MIME_OK) {
		for (const struct mime_part *p = mime_root(m); p != NULL; p = mime_next(p)) {
			assert(p->number == count++);
			check_part(m, p, n);
		}
		assert(count == mime_count(m) && count <= limits.max_parts);
		for (size_t i = 0; i < mime_root(m)->n_headers; i++)
			check_text(mime_root(m)->headers[i].line);
		mime_free(m);
	}
	free(bytes);
	return 0;
}
