/* parts.h - what a new body did to the parts of a message: which are gone, which are new. Pure. */
#ifndef DEFANG_TOOLS_PARTS_H
#define DEFANG_TOOLS_PARTS_H

#include <stdbool.h>
#include <stddef.h>

/* A part that is no container. */
struct part {
	char *type;    /* `text/plain` */
	char *name;    /* of the attachment, "" without */
	char *body;    /* decoded, cut at a NUL; of text only, else NULL */
	size_t size;   /* decoded, in bytes */
	bool unpaired; /* the other message has no part like it */
};

struct part_list {
	struct part *list;
	size_t n;
};

struct parts {
	struct part_list before,
		after; /* all parts; the unpaired ones of `before` were removed, of `after` added */
};

/* Compare two messages. 0, or -errno; -EBADMSG when one cannot be parsed. Use parts_free() either way. */
int parts_compare(struct parts *out, const char *before, size_t before_len, const char *after,
		  size_t after_len);
void parts_free(struct parts *p);

#endif
