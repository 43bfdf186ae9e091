/* entity.h - a parsed message as a tree of genuine MIME::Entity objects (libmime-tools-perl 5.510), made
 * directly with the fields that its methods use: the constructors in Perl cost more than all the rest of a
 * scan. */
#ifndef DEFANG_WORKER_ENTITY_H
#define DEFANG_WORKER_ENTITY_H

#include "worker/perlapi.h"

#include <stdbool.h>

struct message;
struct mime_part;

/* The tree. Its bodies are of the class Mail::MIMEDefang::Body and hold `owner`, an object that keeps the
 * message open. With `wrap` a message that is no multipart becomes a multipart of one, as make_multipart()
 * does it. A new reference owned by the caller; NULL with errno set when the message cannot be read. */
SV *entity_new(pTHX_ struct message *m, SV *owner, bool wrap);

/* Undo the wrapping of entity_new(), if both heads are as they were and the one part is in it. Whether that
 * has been done. */
bool entity_unwrap(pTHX_ SV *entity);

/* The part that an entity, or a body, was made of, and its message; NULL when it has none that is still open.
 */
struct message *entity_part(pTHX_ SV *entity, const struct mime_part **part);

#endif
