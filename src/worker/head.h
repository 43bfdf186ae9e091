/* head.h - the head of a part as a MIME::Head, with the fields that Mail::Header keeps
 * (libmailtools-perl 2.21): the lines as they stand in the message, and an index of references to them by
 * field name. */
#ifndef DEFANG_WORKER_HEAD_H
#define DEFANG_WORKER_HEAD_H

#include "worker/perlapi.h"

#include <stdbool.h>

struct mime_part;

/* Which fields of a part's head: those of a message that was wrapped are shared among two. */
enum head_fields { HEAD_ALL, HEAD_CONTENT, HEAD_OTHERS };

/* A new reference, owned by the caller. With HEAD_OTHERS it is that of the wrapping: it says so itself. */
SV *head_new(pTHX_ const struct mime_part *p, enum head_fields which);

/* Whether a MIME::Head has the fields of the part unchanged; only those fields
 * of both are looked at. */
bool head_is_original(pTHX_ SV *head, const struct mime_part *p, enum head_fields which);

#endif
