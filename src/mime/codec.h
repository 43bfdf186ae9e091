/* codec.h - decoders of transfer encodings. They take what MIME::Decoder takes and make of broken input what
 * it makes: filters must see the bytes they saw before. */
#ifndef DEFANG_MIME_CODEC_H
#define DEFANG_MIME_CODEC_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Base64, in pieces of any size. Everything that is not of the alphabet is skipped, `=` too, so that encoded
 * files put together stay readable; a last piece of fewer than four digits gives what it can. */
struct codec_base64 {
	uint32_t bits;
	unsigned digits; /* of the group being read */
};

void codec_base64(struct codec_base64 *state, const char *in, size_t n, struct buf *out);
void codec_base64_end(struct codec_base64 *state, struct buf *out);

/* Quoted-printable: whole lines, only the last of a body without its newline. Blanks before a newline are
 * dropped, CR LF becomes LF, a `=` that starts no escape stays. */
void codec_qp(const char *in, size_t n, struct buf *out);

/* Uuencode: one line, its newline included, between `begin` and `end`. Nothing for a line whose length
 * does not fit its count, or that has lower-case letters. */
void codec_uu(const char *line, size_t n, struct buf *out);

/* `begin MODE NAME`: whether the line is one. The name, without its line end, may be empty. */
struct codec_begin {
	const char *mode, *name;
	size_t mode_len, name_len;
};
bool codec_uu_begin(const char *line, size_t n, struct codec_begin *out);
bool codec_uu_end(const char *line, size_t n);

/* The byte that two hex digits stand for, or -1. */
int codec_hex(const char *digits);

#endif
