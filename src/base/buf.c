#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

/* What `data` points to while nothing is allocated. Never written to. */
static char nothing[1];

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .data = nothing, .limit = limit };
}

void buf_free(struct buf *b)
{
	if (b->room > 0)
		free(b->data);
	buf_init(b, b->limit);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->error = 0;
	if (b->room > 0)
		b->data[0] = '\0';
}

/* The room to ask for when `need` bytes must fit: doubled, so that many small appends cost little, and
 * never above the limit and its NUL. */
static size_t next_room(const struct buf *b, size_t need)
{
	size_t room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room;

	while (room < need)
		room = room > SIZE_MAX / 2 ? need : room * 2;
	if (b->limit < SIZE_MAX && room > b->limit + 1)
		room = b->limit + 1;
	return room;
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t room;
	char *data;

	if (b->error != 0)
		return NULL;
	if (n > b->limit - b->len || n >= SIZE_MAX - b->len) {
		b->error = -EMSGSIZE;
		return NULL;
	}
	if (b->room < b->len + n + 1) {
		room = next_room(b, b->len + n + 1);
		if ((data = realloc(b->room > 0 ? b->data : NULL, room)) == NULL) {
			b->error = -ENOMEM;
			return NULL;
		}
		data[b->len] = '\0';
		b->data = data;
		b->room = room;
	}
	return b->data + b->len;
}

void buf_extend(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	assert(b->room > b->len && n < b->room - b->len);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *at;

	if (n == 0 || (at = buf_reserve(b, n)) == NULL)
		return;
	memcpy(at, p, n);
	buf_extend(b, n);
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_addv(b, format, ap);
	va_end(ap);
}

/* Format behind the held bytes, if there is room. Else the length for which there has to be, or below 0. */
__attribute__((format(printf, 2, 0))) static int format_here(struct buf *b, const char *format, va_list ap)
{
	size_t room = b->room - b->len; /* with that of a NUL */
	int n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, format, ap);

	if (n >= 0 && (size_t)n < room) {
		b->len += (size_t)n;
		return 0;
	}
	if (room > 0)
		b->data[b->len] = '\0'; /* what was cut off is no part of it */
	return n;
}

void buf_addv(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	char *at;
	int n;

	if (b->error != 0)
		return;
	va_copy(again, ap);
	n = format_here(b, format, ap);
	if (n < 0) {
		b->error = -EMSGSIZE; /* above INT_MAX */
	} else if (n > 0 && (at = buf_reserve(b, (size_t)n)) != NULL) {
		vsnprintf(at, (size_t)n + 1, format, again);
		buf_extend(b, (size_t)n);
	}
	va_end(again);
}

void buf_add_u16(struct buf *b, uint16_t v)
{
	buf_add(b, (const uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

void buf_add_u32(struct buf *b, uint32_t v)
{
	buf_add(b, (const uint8_t[]){ (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v },
		4);
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

void buf_truncate(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == b->len)
		return;
	b->len = n;
	b->data[n] = '\0';
}

int buf_error(const struct buf *b)
{
	return b->error;
}

char *buf_take(struct buf *b)
{
	char *taken = NULL;

	if (b->error != 0)
		buf_free(b);
	else
		taken = b->room > 0 ? b->data : strdup("");
	buf_init(b, b->limit);
	return taken;
}
