/* newbody.h - the file NEWBODY while it is written. What is small gathers in memory, so that a small body is
 * one write. All functions die when they cannot write. */
#ifndef DEFANG_WORKER_NEWBODY_H
#define DEFANG_WORKER_NEWBODY_H

#include "base/buf.h"
#include "mime/mime.h"
#include "worker/perlapi.h"

struct message;

struct newbody {
	int fd;              /* -1 when it is closed */
	struct buf gathered; /* not yet written */
	SV *handle;          /* the same file for Perl; NULL until somebody needs it */
};

/* Make the file, in the folder of that descriptor. What *w owns is given back when Perl leaves the scope that
 * this is called in (LEAVE), also by dying: *w must last as long. */
void newbody_open(pTHX_ struct newbody *w, int folder);

void newbody_put(pTHX_ struct newbody *w, const char *p, size_t n);

/* A range of the message, as it stands. */
void newbody_copy(pTHX_ struct newbody *w, const struct message *m, struct mime_range r);

/* A handle to print with, which stays ours. Follow with newbody_handle_check(): Perl tells of errors late. */
SV *newbody_handle(pTHX_ struct newbody *w);
void newbody_handle_check(pTHX_ struct newbody *w);

/* Everything is in the file. */
void newbody_close(pTHX_ struct newbody *w);

#endif
