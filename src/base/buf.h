/* buf.h - a growable run of bytes with a limit. The bytes are always followed by a NUL that is not
 * counted, so `data` may be used as a string. Errors stick: once an append fails, all later appends do
 * nothing, and the caller asks once, at the end, with buf_error(). */
#ifndef DEFANG_BASE_BUF_H
#define DEFANG_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;   /* "" when empty; never NULL after buf_init() */
	size_t len;   /* bytes held, the NUL excluded */
	size_t room;  /* bytes allocated; 0 while nothing is */
	size_t limit; /* most bytes that may be held */
	int error;    /* 0, -ENOMEM, or -EMSGSIZE when the limit was hit */
};

#define BUF_NO_LIMIT SIZE_MAX

/* Empty, with nothing allocated. `limit` is in bytes. */
void buf_init(struct buf *b, size_t limit);

/* Free the bytes; the struct is empty again, keeps its limit and has no error. */
void buf_free(struct buf *b);

/* Forget bytes and error, keep the allocation. */
void buf_clear(struct buf *b);

/* Append. On failure nothing of this call is appended and the error sticks. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* Big-endian integers, as wire protocols have them. */
void buf_add_u16(struct buf *b, uint16_t v);
void buf_add_u32(struct buf *b, uint32_t v);

/* At least `n` writable bytes behind the held ones, or NULL (and the error sticks). Follow with
 * buf_extend() for as many as were really written. */
char *buf_reserve(struct buf *b, size_t n);
void buf_extend(struct buf *b, size_t n);

/* Drop `n` bytes (at most len) from the front. */
void buf_consume(struct buf *b, size_t n);

/* Drop all but the first `n` bytes (at most len). */
void buf_truncate(struct buf *b, size_t n);

/* 0, or the first error since the last buf_clear(). */
int buf_error(const struct buf *b);

/* Hand the bytes over as a string to free(), or NULL after an error; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
