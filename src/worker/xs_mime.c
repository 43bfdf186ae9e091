/* Messages for Perl: parsing one, what is known of its parts, and their bodies. */
#include "mime/mime.h"
#include "worker/entity.h"
#include "worker/head.h"
#include "worker/message.h"
#include "worker/rebuild.h"
#include "worker/results.h"
#include "worker/xs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define OWNER_CLASS "Mail::MIMEDefang::Message"

/* An object that keeps the message open; takes it. */
static SV *owner_new(pTHX_ struct message *m)
{
	SV *owner = newSV(0);

	sv_setref_pv(owner, OWNER_CLASS, m);
	return owner;
}

static void xs_owner_destroy(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 1 || !SvROK(ST(0)))
		croak_xs_usage(cv, "message");
	message_close(INT2PTR(struct message *, SvIV(SvRV(ST(0)))));
	XSRETURN_EMPTY;
}

/* The message as objects; NULL with errno set when it cannot be read. */
static SV *message_entity(pTHX_ struct message *m, bool wrap)
{
	SV *owner = sv_2mortal(owner_new(aTHX_ m));

	return entity_new(aTHX_ m, owner, wrap);
}

/* A limit that the filter has set: a number above 0. Else the usual one. Never above `most`. */
static UV limit(pTHX_ HV *limits, const char *name, UV usual, UV most)
{
	SV **v = hv_fetch(limits, name, (I32)strlen(name), 0);
	IV set = v != NULL && SvOK(*v) ? SvIV(*v) : 0;

	if (set <= 0)
		return usual;
	return (UV)set < most ? (UV)set : most;
}

static struct mime_options options_of(pTHX_ HV *limits)
{
	struct mime_options o = mime_defaults;

	o.max_depth = (unsigned)limit(aTHX_ limits, "depth", o.max_depth, MIME_MAX_DEPTH);
	o.max_parts = (unsigned)limit(aTHX_ limits, "parts", o.max_parts, MESSAGE_MAX_PARTS);
	o.max_headers = (unsigned)limit(aTHX_ limits, "headers", o.max_headers, UINT_MAX);
	o.max_header_bytes = limit(aTHX_ limits, "header_bytes", o.max_header_bytes, SIZE_MAX);
	o.max_body_bytes = limit(aTHX_ limits, "body_bytes", o.max_body_bytes, UINT64_MAX);
	return o;
}

/* parse_message(path, folder, wrap, limits): the message in `path` as a MIME::Entity, its bodies to be files
 * in `folder`. The entity; or (undef, TEXT) when it is above a limit; or the empty list with $! set when it
 * cannot be read. With `wrap` it is a multipart in any case. `limits` is a reference to a hash: depth, parts,
 * headers, header_bytes, body_bytes, as in struct mime_options; what is not there, or not above 0, is as
 * usual. */
static void xs_parse_message(pTHX_ CV *cv)
{
	dXSARGS;
	struct mime_options o;
	struct message *m = NULL;
	enum mime_error e;
	SV *entity = NULL;
	int fd, saved;

	if (items != 4 || !SvROK(ST(3)) || SvTYPE(SvRV(ST(3))) != SVt_PVHV)
		croak_xs_usage(cv, "path, folder, wrap, limits");
	o = options_of(aTHX_(HV *) SvRV(ST(3)));
	fd = open(SvPV_nolen(ST(0)), O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		XSRETURN_EMPTY;
	e = message_open(fd, SvPV_nolen(ST(1)), &o, &m);
	saved = errno;
	close(fd);
	errno = saved;
	if (e == MIME_OK)
		entity = message_entity(aTHX_ m, SvTRUE(ST(2)));
	if (entity != NULL) {
		ST(0) = sv_2mortal(entity);
		XSRETURN(1);
	}
	if (e == MIME_OK || e == MIME_SYSTEM)
		XSRETURN_EMPTY;
	ST(0) = &PL_sv_undef;
	ST(1) = sv_2mortal(newSVpv(mime_error_text(e), 0));
	XSRETURN(2);
}

/* part_facts(entity): (type, name), as its head tells them; the empty list when it is not one that came with
 * the message, or has got other Content- fields since. */
static void xs_part_facts(pTHX_ CV *cv)
{
	dXSARGS;
	const struct mime_part *p;
	SV **head;

	if (items != 1)
		croak_xs_usage(cv, "entity");
	if (entity_part(aTHX_ ST(0), &p) == NULL ||
	    (head = hv_fetchs((HV *)SvRV(ST(0)), "mail_inet_head", 0)) == NULL ||
	    !head_is_original(aTHX_ * head, p, HEAD_CONTENT))
		XSRETURN_EMPTY;
	EXTEND(SP, 2);
	ST(0) = sv_2mortal(newSVpv(p->type, 0));
	ST(1) = sv_2mortal(newSVpv(mime_filename(p), 0));
	XSRETURN(2);
}

/* body_path(body): the file of a body that came with the message, made now if need be; undef when it cannot
 * be made, with $! set. */
static void xs_body_path(pTHX_ CV *cv)
{
	dXSARGS;
	const struct mime_part *p;
	struct message *m;
	const char *path;

	if (items != 1)
		croak_xs_usage(cv, "body");
	errno = ENOENT;
	if ((m = entity_part(aTHX_ ST(0), &p)) == NULL || (path = message_body_path(m, p)) == NULL)
		XSRETURN_UNDEF;
	ST(0) = sv_2mortal(newSVpv(path, 0));
	XSRETURN(1);
}

/* body_text(body): the body that came with the message, if nobody can have changed it; else undef. */
static void xs_body_text(pTHX_ CV *cv)
{
	dXSARGS;
	const struct mime_part *p;
	struct message *m;
	struct buf text;

	if (items != 1)
		croak_xs_usage(cv, "body");
	if ((m = entity_part(aTHX_ ST(0), &p)) == NULL || !message_body_is_original(m, p))
		XSRETURN_UNDEF;
	buf_init(&text, BUF_NO_LIMIT);
	if (mime_decode(message_mime(m), p, &text) < 0 || buf_error(&text) != 0) {
		buf_free(&text);
		XSRETURN_UNDEF;
	}
	ST(0) = sv_2mortal(newSVpvn(text.len > 0 ? text.data : "", text.len));
	buf_free(&text);
	XSRETURN(1);
}

/* write_bodies(): make the files of all bodies. True, or false with $! set. */
static void xs_write_bodies(pTHX_ CV *cv)
{
	dXSARGS;
	int rc;

	if (items != 0)
		croak_xs_usage(cv, "");
	rc = message_write_all();
	errno = -rc;
	ST(0) = boolSV(rc == 0);
	XSRETURN(1);
}

/* unwrap(entity): entity_unwrap(). */
static void xs_unwrap(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 1)
		croak_xs_usage(cv, "entity");
	ST(0) = boolSV(entity_unwrap(aTHX_ ST(0)));
	XSRETURN(1);
}

/* write_new_body(entity): NEWBODY of the message at hand. Dies when it cannot be written. */
static void xs_write_new_body(pTHX_ CV *cv)
{
	dXSARGS;

	if (items != 1)
		croak_xs_usage(cv, "entity");
	rebuild_write_body(aTHX_ ST(0), results_folder());
	XSRETURN_EMPTY;
}

void xs_mime_boot(pTHX)
{
	newXS("Mail::MIMEDefang::unwrap", xs_unwrap, __FILE__);
	newXS("Mail::MIMEDefang::write_new_body", xs_write_new_body, __FILE__);
	newXS("Mail::MIMEDefang::parse_message", xs_parse_message, __FILE__);
	newXS("Mail::MIMEDefang::part_facts", xs_part_facts, __FILE__);
	newXS("Mail::MIMEDefang::body_path", xs_body_path, __FILE__);
	newXS("Mail::MIMEDefang::body_text", xs_body_text, __FILE__);
	newXS("Mail::MIMEDefang::write_bodies", xs_write_bodies, __FILE__);
	newXS(OWNER_CLASS "::DESTROY", xs_owner_destroy, __FILE__);
}
