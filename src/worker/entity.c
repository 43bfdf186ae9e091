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

static void lines_store(pTHX_ struct builder *b, HV *entity, const char *key, struct mime_range range)
{
	struct buf text;
	AV *lines;
	int rc;

	buf_init(&text, BUF_NO_LIMIT);
	rc = mime_read(b->mime, range, &text);
	if (rc < 0 && b->error == 0)
		b->error = rc;
	lines = lines_new(aTHX_ text.data, text.len);
	hv_store(entity, key, (I32)strlen(key), newRV_noinc((SV *)lines), 0);
	buf_free(&text);
}

/* None is an empty list, an empty one is a list of one empty line; a part that is no multipart has undef. */
static void preamble_store(pTHX_ struct builder *b, HV *entity, const struct mime_part *p)
{
	AV *lines = newAV();

	if (p->has_preamble && p->preamble.len > 0) {
		SvREFCNT_dec(lines);
		lines_store(aTHX_ b, entity, "ME_Preamble", p->preamble);
		return;
	}
	if (p->exploded) {
		av_push(lines, newSVpvs("The following is a multipart MIME message which was extracted\n"));
		av_push(lines, newSVpvs("from a uu-encoded message.\n"));
	} else if (p->has_preamble) {
		av_push(lines, newSVpvs(""));
	}
	hv_stores(entity, "ME_Preamble", newRV_noinc((SV *)lines));
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
	if (p->kind == MIME_MULTIPART)
		preamble_store(aTHX_ b, entity, p);
	if (p->has_epilogue)
		lines_store(aTHX_ b, entity, "ME_Epilogue", p->epilogue);
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
