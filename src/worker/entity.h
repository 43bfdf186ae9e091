/* entity.h - a parsed message as a tree of genuine MIME::Entity objects (libmime-tools-perl 5.510), made
 * directly with the fields that its methods use: the constructors in Perl cost more than all the rest of a
 * scan. */
#ifndef DEFANG_WORKER_ENTITY_H
#define DEFANG_WORKER_ENTITY_H

#include "worker/perlapi.h"

struct bodyfiles;
struct mime;

/* The tree with its bodies in files. A new reference owned by the caller; NULL with errno set when a body
 * cannot be written. MIME::Entity and MIME::Body must be loaded. */
SV *entity_new(pTHX_ const struct mime *m, struct bodyfiles *files);

#endif
