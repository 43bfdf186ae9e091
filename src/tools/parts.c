#include "tools/parts.h"

#include "mime/mime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int part_read(const struct mime *m, const struct mime_part *p, struct part *out, struct buf *body)
{
	int err;

	buf_clear(body);
	if ((err = mime_decode(m, p, body)) < 0)
		return err;
	*out = (struct part){ .type = strdup(p->type), .name = strdup(mime_filename(p)), .size = body->len };
	if (strncmp(p->type, "text/", 5) == 0)
		out->body = strdup(body->data);
	return out->type != NULL && out->name != NULL ? 0 : -ENOMEM;
}

static int list_fill(struct part_list *out, const struct mime *m)
{
	struct buf body;
	int err = 0;

	out->list = calloc(mime_count(m), sizeof(*out->list));
	if (out->list == NULL)
		return -ENOMEM;
	buf_init(&body, BUF_NO_LIMIT);
	for (const struct mime_part *p = mime_root(m); p != NULL && err == 0; p = mime_next(p)) {
		if (p->kind == MIME_LEAF)
			err = part_read(m, p, &out->list[out->n++], &body);
	}
	buf_free(&body);
	return err;
}

static int list_read(struct part_list *out, const char *bytes, size_t n)
{
	struct mime *m;
	int err;

	if (mime_parse_bytes(bytes, n, &mime_defaults, &m) != MIME_OK)
		return -EBADMSG;
	err = list_fill(out, m);
	mime_free(m);
	return err;
}

static bool same_part(const struct part *a, const struct part *b)
{
	return a->size == b->size && strcmp(a->type, b->type) == 0 && strcmp(a->name, b->name) == 0 &&
	       (a->body == NULL || b->body == NULL || strcmp(a->body, b->body) == 0);
}

/* Every part starts unpaired, and loses the mark when the other message has one like it. */
static void lists_pair(struct part_list *before, struct part_list *after)
{
	for (size_t i = 0; i < before->n; i++)
		before->list[i].unpaired = true;
	for (size_t k = 0; k < after->n; k++) {
		after->list[k].unpaired = true;
		for (size_t i = 0; i < before->n && after->list[k].unpaired; i++) {
			if (before->list[i].unpaired && same_part(&before->list[i], &after->list[k]))
				before->list[i].unpaired = after->list[k].unpaired = false;
		}
	}
}

int parts_compare(struct parts *out, const char *before, size_t before_len, const char *after,
		  size_t after_len)
{
	int err;

	*out = (struct parts){ 0 };
	mime_init();
	err = list_read(&out->before, before, before_len);
	if (err == 0)
		err = list_read(&out->after, after, after_len);
	mime_fini();
	if (err == 0)
		lists_pair(&out->before, &out->after);
	return err;
}

static void list_free(struct part_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->list[i].type);
		free(l->list[i].name);
		free(l->list[i].body);
	}
	free(l->list);
}

void parts_free(struct parts *p)
{
	list_free(&p->before);
	list_free(&p->after);
	*p = (struct parts){ 0 };
}
