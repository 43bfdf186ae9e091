#include "mime/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char bytes[];
};

/* What does not fit the current block well gets one of its own, so that its rest is not lost. */
static void *block_new(struct arena *a, size_t n)
{
	struct arena_block *b = malloc(sizeof(*b) + n);

	if (b == NULL)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	return b->bytes;
}

static void *room_take(struct arena *a, size_t n)
{
	void *p;

	if (n > BLOCK_BYTES / 4)
		return block_new(a, n);
	if (n > a->room) {
		if ((a->free = block_new(a, BLOCK_BYTES)) == NULL) {
			a->room = 0;
			return NULL;
		}
		a->room = BLOCK_BYTES;
	}
	p = a->free;
	a->free += n;
	a->room -= n;
	return p;
}

/* Zeroed here and not with the block: of most blocks little is used. */
void *arena_alloc(struct arena *a, size_t n)
{
	size_t room = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *p = room_take(a, room);

	return p != NULL ? memset(p, 0, room) : NULL;
}

char *arena_copy(struct arena *a, const char *p, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

void arena_free(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ .blocks = NULL };
}
