/* message.h - what struct mime is made of; for the files of this folder. */
#ifndef DEFANG_MIME_MESSAGE_H
#define DEFANG_MIME_MESSAGE_H

#include "mime/arena.h"
#include "mime/mime.h"

#include <sys/types.h>

struct mime {
	struct arena arena; /* parts and their text */
	struct mime_part *root;
	unsigned count;
	int fd;            /* -1 when the message is in memory */
	const char *bytes; /* NULL when it is in a file */
	char *own;         /* the bytes of a small file, which are ours; else NULL */
	uint64_t size;
};

/* Make the tree of m->size bytes at `p` (tree.c). */
enum mime_error tree_parse(struct mime *m, const char *p, const struct mime_options *o);

/* Take uuencoded files out of the leaf `part` of the message at `p` (uu.c): it becomes a multipart, its
 * children are the text before the first one, and the files. Text behind that is nobody's, as with
 * MIME::Parser. Nothing is changed when there are none. */
enum mime_error uu_explode(struct mime *m, struct mime_part *part, const char *p,
			   const struct mime_options *limits);

/* Read up to `n` bytes at `at`. The number read, which is less only at the end of the message, or -errno. */
ssize_t message_read(const struct mime *m, uint64_t at, char *to, size_t n);

/* s[0..n) as UTF-8 (words.h), of the arena. NULL when memory runs out. */
const char *part_decoded(struct mime *m, const char *s, size_t n);

/* Put `child` behind the children of `parent`; `last` is the last of them, or NULL. */
void part_append(struct mime_part *parent, struct mime_part *last, struct mime_part *child);

#endif
