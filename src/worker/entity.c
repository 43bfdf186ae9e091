#include "worker/entity.h"

#include "mime/mime.h"
#include "worker/bodyfile.h"
#include "worker/head.h"

#include <errno.h>
#include <string.h>

/* What the functions below share: the message, where bodies go, and the first error (-errno), after which no
 * more bodies are written. */
struct builder {
	const struct mime *mime;
	struct bodyfiles *files;
	int error;
};

static SV *blessed(pTHX_ HV *hv, const char *class)
{
	return sv_bless(newRV_noinc((SV *)hv), gv_stashpv(class, GV_ADD));
}

/* As MIME::Tools has it: only text may be written with other line ends than it has. */
static bool is_textual(const char *type)
{
	size_t n = strcspn(type, "/");

	return (n == 4 && strncmp(type, "text", n) == 0) || (n == 7 && strncmp(type, "message", n) == 0);
}

static SV *body_new(pTHX_ struct builder *b, const struct mime_part *p)
{
	char path[BODYFILE_PATH_SIZE] = "";
	HV *body = newHV();

	if (b->error == 0)
		b->error = bodyfile_write(b->files, b->mime, p, path);
	hv_stores(body, "MB_Path", newSVpv(path, 0));
	if (!is_textual(p->effective_type))
		hv_stores(body, "MB_Binmode", newSViv(1));
	return blessed(aTHX_ body, "MIME::Body::File");
}

/* Lines with their newlines, as preamble() and epilogue() give them. */
static AV *lines_new(pTHX_ const char *p, size_t n)
{
	AV *lines = newAV();

	while (n > 0) {
		const char *lf = memchr(p, '\n', n);
		size_t len = lf != NULL ? (size_t)(lf - p) + 1 : n;

		av_push(lines, newSVpvn(p, len));
		p += len;
		n -= len;
	}
	return lines;
}

/* The newline before a boundary line belongs to the boundary: MIME::Parser takes it off the preamble, except
 * that a preamble of one newline becomes one empty line. */
static AV *preamble_new(pTHX_ const char *p, size_t n)
{
	AV *lines;

	if (n == 1 && (*p == '\n' || *p == '\r')) {
		lines = newAV();
		av_push(lines, newSVpvs(""));
		return lines;
	}
	if (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	return lines_new(aTHX_ p, n);
}

static void text_store(pTHX_ struct builder *b, HV *entity, const char *key, struct mime_range range,
		       AV *(*make)(pTHX_ const char *, size_t))
{
	struct buf text;
	int rc;

	buf_init(&text, BUF_NO_LIMIT);
	rc = mime_read(b->mime, range, &text);
	if (rc < 0 && b->error == 0)
		b->error = rc;
	hv_store(entity, key, (I32)strlen(key), newRV_noinc((SV *)make(aTHX_ text.data, text.len)), 0);
	buf_free(&text);
}

static SV *part_new(pTHX_ struct builder *b, const struct mime_part *p)
{
	HV *entity = newHV();
	AV *parts = newAV();

	hv_stores(entity, "mail_inet_head", head_new(aTHX_ p));
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		av_push(parts, part_new(aTHX_ b, c));
	hv_stores(entity, "ME_Parts", newRV_noinc((SV *)parts));
	if (p->kind == MIME_LEAF)
		hv_stores(entity, "ME_Bodyhandle", body_new(aTHX_ b, p));
	if (p->has_preamble)
		text_store(aTHX_ b, entity, "ME_Preamble", p->preamble, preamble_new);
	if (p->has_epilogue)
		text_store(aTHX_ b, entity, "ME_Epilogue", p->epilogue, lines_new);
	if (strcmp(p->effective_type, p->type) != 0)
		hv_stores(entity, "ME_EffType", newSVpv(p->effective_type, 0));
	return blessed(aTHX_ entity, "MIME::Entity");
}

SV *entity_new(pTHX_ const struct mime *m, struct bodyfiles *files)
{
	struct builder b = { .mime = m, .files = files };
	SV *root = part_new(aTHX_ & b, mime_root(m));

	if (b.error != 0) {
		SvREFCNT_dec(root);
		errno = -b.error;
		return NULL;
	}
	return root;
}
