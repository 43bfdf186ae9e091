#include "worker/newbody.h"

#include "proto/workdir.h"
#include "worker/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define GATHERED 65536 /* bytes; more is written */

static void fail(pTHX_ int error)
{
	croak("cannot write the new body: %s", strerror(error));
}

static void on_leave(pTHX_ void *arg)
{
	struct newbody *w = arg;

	SvREFCNT_dec(w->handle);
	buf_free(&w->gathered);
	if (w->fd != -1)
		close(w->fd);
}

void newbody_open(pTHX_ struct newbody *w, int folder)
{
	w->handle = NULL;
	buf_init(&w->gathered, BUF_NO_LIMIT);
	w->fd = openat(folder, WORKDIR_NEWBODY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd == -1)
		fail(aTHX_ errno);
	SAVEDESTRUCTOR_X(on_leave, w);
}

static void gathered_write(pTHX_ struct newbody *w)
{
	const char *p = w->gathered.data;
	size_t left = w->gathered.len;

	if (buf_error(&w->gathered) != 0)
		fail(aTHX_ - buf_error(&w->gathered));
	while (left > 0) {
		ssize_t n = write(w->fd, p, left);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			fail(aTHX_ errno);
		p += n;
		left -= (size_t)n;
	}
	buf_clear(&w->gathered);
}

void newbody_put(pTHX_ struct newbody *w, const char *p, size_t n)
{
	buf_add(&w->gathered, p, n);
	if (w->gathered.len > GATHERED)
		gathered_write(aTHX_ w);
}

void newbody_copy(pTHX_ struct newbody *w, const struct message *m, struct mime_range r)
{
	const struct mime *mime = message_mime(m);
	int rc;

	if (w->gathered.len + r.len > GATHERED)
		gathered_write(aTHX_ w);
	rc = r.len <= GATHERED ? mime_read(mime, r, &w->gathered) : mime_copy(mime, r, w->fd);
	if (rc < 0)
		fail(aTHX_ - rc);
}

/* With a descriptor of its own, since Perl closes what it has a handle of. */
static SV *handle_new(pTHX_ int of)
{
	int fd = fcntl(of, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	PerlIO *out = fd == -1 ? NULL : PerlIO_fdopen(fd, "wb");
	int saved = errno;
	IO *io;

	if (out == NULL) {
		if (fd != -1)
			close(fd);
		fail(aTHX_ saved);
	}
	io = newIO();
	IoIFP(io) = IoOFP(io) = out;
	IoTYPE(io) = IoTYPE_WRONLY;
	return newRV_noinc((SV *)io);
}

SV *newbody_handle(pTHX_ struct newbody *w)
{
	gathered_write(aTHX_ w);
	if (w->handle == NULL)
		w->handle = handle_new(aTHX_ w->fd);
	return w->handle;
}

void newbody_handle_check(pTHX_ struct newbody *w)
{
	PerlIO *out = IoOFP((IO *)SvRV(w->handle));

	if (out == NULL || PerlIO_flush(out) != 0 || PerlIO_error(out))
		fail(aTHX_ errno);
}

void newbody_close(pTHX_ struct newbody *w)
{
	int fd = w->fd;

	gathered_write(aTHX_ w);
	w->fd = -1;
	if (close(fd) == -1)
		fail(aTHX_ errno);
}
