#include "worker/entity.h"

#include "worker/head.h"
#include "worker/message.h"

#include <errno.h>
#include <string.h>

/* By it an object knows its part. */
#define KEY "MD_Part"

/* By it a wrapping knows the message that is in it. */
#define WRAPPED "MD_Wrapped"

/* What the functions below share: the message, what keeps it open, and the first error (-errno). */
struct builder {
	struct message *message;
	SV *owner;
	HV *body_class, *entity_class;
	int error;
};

static SV *blessed(pTHX_ HV *hv, HV *class)
{
	return sv_bless(newRV_noinc((SV *)hv), class);
}

static void key_store(pTHX_ const struct builder *b, HV *hv, const struct mime_part *p)
{
	hv_stores(hv, KEY, newSViv(message_key(b->message, p)));
}

static struct message *part_of(pTHX_ SV *object, const char *name, const struct mime_part **part)
{
	SV **key;

	if (!SvROK(object) || SvTYPE(SvRV(object)) != SVt_PVHV ||
	    (key = hv_fetch((HV *)SvRV(object), name, (I32)strlen(name), 0)) == NULL || !SvIOK(*key))
		return NULL;
	return message_find(SvIV(*key), part);
}

struct message *entity_part(pTHX_ SV *entity, const struct mime_part **part)
{
	return part_of(aTHX_ entity, KEY, part);
}

/* As MIME::Tools has it: only text may be written with other line ends than it has. */
static bool is_textual(const char *type)
{
	size_t n = strcspn(type, "/");

	return (n == 4 && strncmp(type, "text", n) == 0) || (n == 7 && strncmp(type, "message", n) == 0);
}

static SV *body_new(pTHX_ struct builder *b, const struct mime_part *p)
{
	HV *body = newHV();

	key_store(aTHX_ b, body, p);
	hv_stores(body, "MD_Message", newSVsv(b->owner));
	if (!is_textual(p->effective_type))
		hv_stores(body, "MB_Binmode", newSViv(1));
	return blessed(aTHX_ body, b->body_class);
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
	rc = mime_read(message_mime(b->message), range, &text);
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

static SV *part_new(pTHX_ struct builder *b, const struct mime_part *p, enum head_fields which)
{
	HV *entity = newHV();
	AV *parts = newAV();

	key_store(aTHX_ b, entity, p);
	hv_stores(entity, "mail_inet_head", head_new(aTHX_ p, which));
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		av_push(parts, part_new(aTHX_ b, c, HEAD_ALL));
	hv_stores(entity, "ME_Parts", newRV_noinc((SV *)parts));
	if (p->kind == MIME_LEAF)
		hv_stores(entity, "ME_Bodyhandle", body_new(aTHX_ b, p));
	if (p->kind == MIME_MULTIPART)
		preamble_store(aTHX_ b, entity, p);
	if (p->has_epilogue)
		lines_store(aTHX_ b, entity, "ME_Epilogue", p->epilogue);
	/* With an encoding that nobody knows it stays what it is, whatever a filter makes of the type. */
	if (strcmp(p->effective_type, p->type) != 0 || (p->kind == MIME_LEAF && p->encoding == MIME_UNKNOWN))
		hv_stores(entity, "ME_EffType", newSVpv(p->effective_type, 0));
	return blessed(aTHX_ entity, b->entity_class);
}

static SV *wrapping_new(pTHX_ struct builder *b, const struct mime_part *p)
{
	HV *entity = newHV();
	AV *parts = newAV();

	av_push(parts, part_new(aTHX_ b, p, HEAD_CONTENT));
	hv_stores(entity, WRAPPED, newSViv(message_key(b->message, p)));
	hv_stores(entity, "mail_inet_head", head_new(aTHX_ p, HEAD_OTHERS));
	hv_stores(entity, "ME_Parts", newRV_noinc((SV *)parts));
	return blessed(aTHX_ entity, b->entity_class);
}

SV *entity_new(pTHX_ struct message *m, SV *owner, bool wrap)
{
	const struct mime_part *root = mime_root(message_mime(m));
	struct builder b = {
		.message = m,
		.owner = owner,
		.body_class = gv_stashpvs("Mail::MIMEDefang::Body", GV_ADD),
		.entity_class = gv_stashpvs("MIME::Entity", GV_ADD),
	};
	SV *entity = wrap && strncmp(root->effective_type, "multipart/", 10) != 0
			     ? wrapping_new(aTHX_ & b, root)
			     : part_new(aTHX_ & b, root, HEAD_ALL);

	if (b.error != 0) {
		SvREFCNT_dec(entity);
		errno = -b.error;
		return NULL;
	}
	return entity;
}

/* What the key refers to, or undef. */
static SV *member(pTHX_ SV *object, const char *key)
{
	SV **value = hv_fetch((HV *)SvRV(object), key, (I32)strlen(key), 0);

	return value != NULL ? *value : &PL_sv_undef;
}

/* The one part of a wrapping, if it and both heads are as they were; else NULL. */
static SV *wrapped_part(pTHX_ SV *entity, const struct mime_part *p)
{
	SV *parts = member(aTHX_ entity, "ME_Parts"), **part;
	const struct mime_part *of;

	if (!SvROK(parts) || SvTYPE(SvRV(parts)) != SVt_PVAV || av_count((AV *)SvRV(parts)) != 1)
		return NULL;
	part = av_fetch((AV *)SvRV(parts), 0, 0);
	if (part == NULL || entity_part(aTHX_ * part, &of) == NULL || of != p ||
	    !head_is_original(aTHX_ member(aTHX_ * part, "mail_inet_head"), p, HEAD_CONTENT) ||
	    !head_is_original(aTHX_ member(aTHX_ entity, "mail_inet_head"), p, HEAD_OTHERS))
		return NULL;
	return *part;
}

bool entity_unwrap(pTHX_ SV *entity)
{
	const struct mime_part *p;
	SV *part, *value;
	char *key;
	I32 len;

	if (part_of(aTHX_ entity, WRAPPED, &p) == NULL || (part = wrapped_part(aTHX_ entity, p)) == NULL)
		return false;
	part = sv_2mortal(SvREFCNT_inc(part)); /* the wrapping may hold the only reference to it */
	hv_clear((HV *)SvRV(entity));
	hv_iterinit((HV *)SvRV(part));
	while ((value = hv_iternextsv((HV *)SvRV(part), &key, &len)) != NULL)
		hv_store((HV *)SvRV(entity), key, len, newSVsv(value), 0);
	hv_stores((HV *)SvRV(entity), "mail_inet_head", head_new(aTHX_ p, HEAD_ALL));
	return true;
}
