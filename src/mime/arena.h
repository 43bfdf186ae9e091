/* arena.h - memory that is given back all at once. */
#ifndef DEFANG_MIME_ARENA_H
#define DEFANG_MIME_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first */
	char *free;                 /* the rest of the newest one */
	size_t room;
};

/* A zeroed struct is an empty arena. */

/* `n` zeroed bytes, aligned for any type, or NULL when memory runs out. */
void *arena_alloc(struct arena *a, size_t n);

/* A copy of `n` bytes with a NUL behind it, or NULL. */
char *arena_copy(struct arena *a, const char *p, size_t n);

void arena_free(struct arena *a);

#endif
