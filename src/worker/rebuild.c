#include "worker/rebuild.h"

#include "worker/entity.h"
#include "worker/head.h"
#include "worker/message.h"
#include "worker/newbody.h"

#include <stdbool.h>
#include <string.h>

/* --- what a filter has left alone --- */

static SV *field(pTHX_ SV *object, const char *key)
{
	SV **value = hv_fetch((HV *)SvRV(object), key, (I32)strlen(key), 0);

	return value != NULL && SvOK(*value) ? *value : NULL;
}

/* The array behind a key, or NULL. */
static AV *list(pTHX_ SV *object, const char *key)
{
	SV *value = field(aTHX_ object, key);

	return value != NULL && SvROK(value) && SvTYPE(SvRV(value)) == SVt_PVAV ? (AV *)SvRV(value) : NULL;
}

/* Lines, as those of a preamble, against the text that they came from. */
static bool lines_are(pTHX_ const struct message *m, AV *lines, struct mime_range range)
{
	struct buf text;
	size_t at = 0, n = lines == NULL ? 0 : av_count(lines);
	bool same;

	buf_init(&text, BUF_NO_LIMIT);
	same = mime_read(message_mime(m), range, &text) == 0;
	for (size_t i = 0; i < n && same; i++) {
		SV **line = av_fetch(lines, (SSize_t)i, 0);
		STRLEN len = 0;
		const char *p = line == NULL ? NULL : SvPV(*line, len);

		same = p != NULL && len <= text.len - at && memcmp(p, text.data + at, len) == 0;
		at += len;
	}
	same = same && at == text.len;
	buf_free(&text);
	return same;
}

static bool body_is_original(pTHX_ struct message *m, const struct mime_part *p, SV *entity)
{
	SV *body = field(aTHX_ entity, "ME_Bodyhandle"), *path;
	const struct mime_part *of;

	if (body == NULL || entity_part(aTHX_ body, &of) != m || of != p || !message_body_is_original(m, p))
		return false;
	path = field(aTHX_ body, "MB_Path");
	if (path == NULL) /* never set; or the body has been purged */
		return !hv_exists((HV *)SvRV(body), "MB_Path", 7);
	return strEQ(SvPV_nolen(path), message_body_path(m, p));
}

static bool subtree_is_original(pTHX_ struct message *m, const struct mime_part *p, SV *entity);

static bool children_are_original(pTHX_ struct message *m, const struct mime_part *p, SV *entity)
{
	AV *parts = list(aTHX_ entity, "ME_Parts");
	SSize_t i = 0;

	if (parts == NULL || av_count(parts) != p->n_children)
		return false;
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		SV **part = av_fetch(parts, i++, 0);
		const struct mime_part *of;

		if (part == NULL || entity_part(aTHX_ * part, &of) != m || of != c ||
		    !subtree_is_original(aTHX_ m, c, *part))
			return false;
	}
	return true;
}

static bool subtree_is_original(pTHX_ struct message *m, const struct mime_part *p, SV *entity)
{
	SV *head = field(aTHX_ entity, "mail_inet_head");

	/* A head that a boundary line ends or voids would mean something else with other parts behind it. */
	if (head == NULL || !p->head_ended || !head_is_original(aTHX_ head, p, HEAD_ALL))
		return false;
	if (p->kind == MIME_LEAF)
		return body_is_original(aTHX_ m, p, entity);
	if (p->kind == MIME_MULTIPART &&
	    (!lines_are(aTHX_ m, list(aTHX_ entity, "ME_Preamble"), p->preamble) ||
	     !lines_are(aTHX_ m, list(aTHX_ entity, "ME_Epilogue"), p->epilogue)))
		return false;
	return children_are_original(aTHX_ m, p, entity);
}

/* --- writing --- */

static void put_text(pTHX_ struct newbody *w, const char *text)
{
	newbody_put(aTHX_ w, text, strlen(text));
}

/* Call a method with an argument, or none. What it returns is mortal. */
static SV *method(pTHX_ SV *object, const char *name, SV *arg)
{
	dSP;
	SV *result;

	PUSHMARK(SP);
	XPUSHs(object);
	if (arg != NULL)
		XPUSHs(arg);
	PUTBACK;
	call_method(name, G_SCALAR);
	SPAGAIN;
	result = POPs;
	PUTBACK;
	return result;
}

/* The lines of a list; whether there was anything in them, and how they end. */
static bool put_lines(pTHX_ struct newbody *w, AV *lines, char *last)
{
	bool any = false;

	for (size_t i = 0; i < av_count(lines); i++) {
		SV **line = av_fetch(lines, (SSize_t)i, 0);
		STRLEN n;
		const char *p;

		if (line == NULL || !SvOK(*line))
			continue;
		p = SvPV(*line, n);
		newbody_put(aTHX_ w, p, n);
		if (n > 0) {
			any = true;
			*last = p[n - 1];
		}
	}
	return any;
}

static void head_print(pTHX_ struct newbody *w, SV *entity)
{
	SV *head = method(aTHX_ entity, "head", NULL);
	AV *lines = SvROK(head) ? list(aTHX_ head, "mail_hdr_list") : NULL;
	char last;

	if (lines != NULL)
		put_lines(aTHX_ w, lines, &last);
	put_text(aTHX_ w, "\n");
}

static void part_print(pTHX_ struct newbody *w, SV *entity);

static void parts_print(pTHX_ struct newbody *w, SV *entity, const char *before, const char *behind)
{
	AV *parts = list(aTHX_ entity, "ME_Parts");

	for (size_t i = 0; parts != NULL && i < av_count(parts); i++) {
		SV **part = av_fetch(parts, (SSize_t)i, 0);

		if (part == NULL || !SvROK(*part))
			continue;
		put_text(aTHX_ w, before);
		part_print(aTHX_ w, *part);
		put_text(aTHX_ w, behind);
	}
}

/* The part that an entity still has the Content- fields of; NULL when it has others. */
static const struct mime_part *content_part(pTHX_ SV *entity)
{
	SV *head = field(aTHX_ entity, "mail_inet_head");
	const struct mime_part *p;

	if (head == NULL || entity_part(aTHX_ entity, &p) == NULL ||
	    !head_is_original(aTHX_ head, p, HEAD_CONTENT))
		return NULL;
	return p;
}

/* What its head tells of an entity whose fields are not as they came. */
static SV *told(pTHX_ SV *entity, const char *what)
{
	return method(aTHX_ method(aTHX_ entity, "head", NULL), what, NULL);
}

/* "" when there is none. */
static const char *boundary_of(pTHX_ SV *entity)
{
	const struct mime_part *p = content_part(aTHX_ entity);
	const char *boundary;
	SV *sv;

	if (p != NULL) {
		boundary = mime_param(&p->type_params, "boundary");
		return boundary != NULL ? boundary : "";
	}
	sv = sv_mortalcopy(told(aTHX_ entity, "multipart_boundary"));
	return SvOK(sv) ? SvPV_nolen(sv) : "";
}

/* Preamble, parts and epilogue, with the newlines where MIME::Entity has them. */
static void multipart_print(pTHX_ struct newbody *w, SV *entity)
{
	AV *preamble = list(aTHX_ entity, "ME_Preamble"), *epilogue = list(aTHX_ entity, "ME_Epilogue");
	SV *line = sv_2mortal(newSVpvf("--%s\n", boundary_of(aTHX_ entity)));
	char last = '\n';

	if (preamble == NULL) {
		put_text(aTHX_ w, "This is a multi-part message in MIME format...\n\n");
	} else if (av_count(preamble) > 0) {
		put_lines(aTHX_ w, preamble, &last);
		put_text(aTHX_ w, "\n");
	}
	parts_print(aTHX_ w, entity, SvPV_nolen(line), "\n");
	newbody_put(aTHX_ w, SvPVX(line), SvCUR(line) - 1);
	put_text(aTHX_ w, "--\n");
	if (epilogue != NULL && put_lines(aTHX_ w, epilogue, &last) && last != '\n')
		put_text(aTHX_ w, "\n");
}

/* Whether the head still tells of the encoding that the body came in. */
static bool encoding_is_original(pTHX_ const struct mime_part *p, SV *entity)
{
	return content_part(aTHX_ entity) == p ||
	       strEQ(SvPV_nolen(told(aTHX_ entity, "mime_encoding")), p->encoding_name);
}

/* As MIME::Entity does it: encoded as the head says. */
static void body_encode(pTHX_ struct newbody *w, SV *entity)
{
	(void)method(aTHX_ entity, "print_bodyhandle", newbody_handle(aTHX_ w));
	newbody_handle_check(aTHX_ w);
}

static void leaf_print(pTHX_ struct newbody *w, SV *entity)
{
	const struct mime_part *p;
	struct message *m = entity_part(aTHX_ entity, &p);

	if (field(aTHX_ entity, "ME_Bodyhandle") == NULL)
		return;
	if (m != NULL && p->kind == MIME_LEAF && !p->synthetic && body_is_original(aTHX_ m, p, entity) &&
	    encoding_is_original(aTHX_ p, entity))
		newbody_copy(aTHX_ w, m, p->body);
	else
		body_encode(aTHX_ w, entity);
}

static bool is_multipart(pTHX_ SV *entity)
{
	const struct mime_part *p = content_part(aTHX_ entity);
	const char *type = p != NULL ? p->type : SvPV_nolen(told(aTHX_ entity, "mime_type"));

	return strncmp(type, "multipart/", 10) == 0;
}

static void body_print(pTHX_ struct newbody *w, SV *entity)
{
	AV *parts = list(aTHX_ entity, "ME_Parts");

	if (is_multipart(aTHX_ entity))
		multipart_print(aTHX_ w, entity);
	else if (parts != NULL && av_count(parts) > 0)
		parts_print(aTHX_ w, entity, "", "");
	else
		leaf_print(aTHX_ w, entity);
}

static void part_print(pTHX_ struct newbody *w, SV *entity)
{
	const struct mime_part *p;
	struct message *m;

	ENTER;
	SAVETMPS;
	m = entity_part(aTHX_ entity, &p);
	if (m != NULL && subtree_is_original(aTHX_ m, p, entity)) {
		newbody_copy(aTHX_ w, m,
			     (struct mime_range){ p->head.at, p->body.at + p->body.len - p->head.at });
	} else {
		head_print(aTHX_ w, entity);
		body_print(aTHX_ w, entity);
	}
	FREETMPS;
	LEAVE;
}

void rebuild_write_body(pTHX_ SV *entity, int folder)
{
	struct newbody w = { .fd = -1 };

	ENTER;
	SAVETMPS;
	newbody_open(aTHX_ & w, folder);
	body_print(aTHX_ & w, entity);
	newbody_close(aTHX_ & w);
	FREETMPS;
	LEAVE;
}
