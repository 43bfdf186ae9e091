/* milter_wire.h - what both directions of the milter codec share; for milter*.c only. */
#ifndef DEFANG_PROTO_MILTER_WIRE_H
#define DEFANG_PROTO_MILTER_WIRE_H

#include "proto/milter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t milter_u32(const char *p);
uint16_t milter_u16(const char *p);

/* The string at *at, and *at behind its NUL; NULL, with *at as it was, when no NUL comes before `end`. */
const char *milter_take_string(const char **at, const char *end);

/* The data of an OPTNEG; false when it is too short. */
bool milter_take_optneg(const char *at, const char *end, struct milter_optneg *out);

/* Write a packet: open, append its data, close. The mark is for milter_close(). */
size_t milter_open(struct buf *out, char letter);
void milter_close(struct buf *out, size_t mark);

/* A string with its NUL; NULL is written as the empty string. */
void milter_add_string(struct buf *out, const char *s);

#endif
