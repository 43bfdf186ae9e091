/* head.h - the fields of a head. */
#ifndef DEFANG_MIME_HEAD_H
#define DEFANG_MIME_HEAD_H

#include "mime/arena.h"
#include "mime/mime.h"

#include <stddef.h>

/* Split the head in p[0..n), its blank line excluded, into fields; both they and their text are of the arena.
 * A line that neither continues a field nor starts one is dropped with its continuations, as Mail::Header
 * does. *fields is NULL when there are none. 0, -E2BIG when there are more than `max`, -ENOMEM. */
int head_split(struct arena *a, const char *p, size_t n, size_t max, const struct mime_header **fields,
	       size_t *n_fields);

/* The first field of that name in any case, or NULL. */
const struct mime_header *head_find(const struct mime_header *fields, size_t n, const char *name);

#endif
