#include "mime/mime.h"
#include "worker/bodyfile.h"
#include "worker/entity.h"
#include "worker/xs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Read the file, make the objects. On success the entity; else NULL, and *fault says what is wrong with the
 * message, or is NULL when it is the system's fault and errno tells. */
static SV *message_build(pTHX_ int fd, const char *folder, const struct mime_options *o, const char **fault)
{
	struct bodyfiles files = { .folder = folder };
	struct mime *m = NULL;
	enum mime_error e = mime_parse(fd, o, &m);
	SV *entity;
	int saved;

	*fault = e == MIME_OK || e == MIME_SYSTEM ? NULL : mime_error_text(e);
	if (e != MIME_OK)
		return NULL;
	entity = entity_new(aTHX_ m, &files);
	saved = errno;
	mime_free(m);
	errno = saved;
	return entity;
}

/* parse_message(path, folder, max_parts): the message in `path` as a MIME::Entity, its bodies in files in
 * `folder`. The entity; or (undef, TEXT) when it is above a limit; or the empty list with $! set when it
 * cannot be read or a body cannot be written. max_parts above 0 lowers the number of parts allowed. */
static void xs_parse_message(pTHX_ CV *cv)
{
	dXSARGS;
	struct mime_options o = mime_defaults;
	const char *fault;
	SV *entity;
	int fd, saved;

	if (items != 3)
		croak_xs_usage(cv, "path, folder, max_parts");
	if (SvIV(ST(2)) > 0 && (UV)SvIV(ST(2)) < o.max_parts)
		o.max_parts = (unsigned)SvIV(ST(2));
	fd = open(SvPV_nolen(ST(0)), O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		XSRETURN_EMPTY;
	entity = message_build(aTHX_ fd, SvPV_nolen(ST(1)), &o, &fault);
	saved = errno;
	close(fd);
	errno = saved;
	if (entity != NULL) {
		ST(0) = sv_2mortal(entity);
		XSRETURN(1);
	}
	if (fault == NULL)
		XSRETURN_EMPTY;
	ST(0) = &PL_sv_undef;
	ST(1) = sv_2mortal(newSVpv(fault, 0));
	XSRETURN(2);
}

void xs_mime_boot(pTHX)
{
	newXS("Mail::MIMEDefang::parse_message", xs_parse_message, __FILE__);
}
