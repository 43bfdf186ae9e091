/* head.h - the head of a part as a MIME::Head, with the fields that Mail::Header keeps
 * (libmailtools-perl 2.21): the lines as they stand in the message, and an index of references to them by
 * field name. */
#ifndef DEFANG_WORKER_HEAD_H
#define DEFANG_WORKER_HEAD_H

#include "worker/perlapi.h"

struct mime_part;

/* A new reference, owned by the caller. */
SV *head_new(pTHX_ const struct mime_part *p);

#endif
