/* mime.h - a mail message as a tree of parts. The tree is the one that MIME::Parser 5.510 makes of the same
 * bytes (types, names, bodies, preambles, epilogues), so that a filter sees no difference; what differs is
 * listed in tests/system/mime_compare.t.
 *
 * Parsing notes where each part's head and body lie in the file and keeps the heads in memory. Bodies stay
 * in the file until one of the decode functions is called. Pure: no log, no state but the library's own.
 *
 * Offsets and lengths are bytes of the message file. Everything in a struct mime_part is read-only, owned by
 * its message and valid until mime_free(). One thread at a time per message. */
#ifndef DEFANG_MIME_MIME_H
#define DEFANG_MIME_MIME_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mime;

/* Once a process, before and after everything else here. */
void mime_init(void);
void mime_fini(void);

#define MIME_MAX_DEPTH 1000 /* parsing recurses: 700 bytes of stack a level */

/* What goes above a limit is the error of that name. */
struct mime_options {
	unsigned max_depth;      /* parts within parts, MIME_MAX_DEPTH at most; the message is at depth 0 */
	unsigned max_parts;      /* containers and the message itself count */
	unsigned max_headers;    /* fields in all heads together */
	size_t max_header_bytes; /* of all heads together; they may take 25 times that in memory */
	uint64_t max_body_bytes; /* of all bodies together, decoded: never more than the file has. 0: any */
	bool nested;             /* take message/rfc822 and the like apart (extract_nested_messages) */
	bool uuencode;           /* take uuencoded files out of plain texts (extract_uuencode) */
};

/* 100 levels, 10,000 parts, 100,000 fields, 4 MiB of heads, bodies of any size; messages and uuencoded files
 * are taken apart. */
extern const struct mime_options mime_defaults;

enum mime_error {
	MIME_OK,
	MIME_TOO_DEEP,
	MIME_TOO_MANY_PARTS,
	MIME_TOO_MANY_HEADERS,
	MIME_HEADS_TOO_LONG,
	MIME_BODIES_TOO_LONG,
	MIME_SYSTEM, /* reading failed or memory ran out: errno is set */
};

const char *mime_error_text(enum mime_error e); /* `more parts than allowed` .. */

struct mime_range {
	uint64_t at, len;
};

/* A header field. `line` is as it stands in the file, folding and last newline included, except that CR LF
 * is LF and a missing last newline is there; `Name: value\n`. It may hold NULs, and a NUL follows it. */
struct mime_header {
	const char *line;
	size_t len;
	size_t name_len; /* up to the colon */
};

/* A parameter of Content-Type or Content-Disposition. The name is lower-case; RFC 2231 pieces are joined and
 * decoded; RFC 2047 words are left as they are. A value may hold NULs, and a NUL follows it. */
struct mime_param {
	const char *name;
	const char *value;
	size_t len;
	bool utf8; /* it came with its character set and was converted */
};

struct mime_params {
	const struct mime_param *v;
	size_t n;
};

enum mime_kind {
	MIME_LEAF,      /* has a body */
	MIME_MULTIPART, /* has children, a preamble and an epilogue; no body */
	MIME_MESSAGE,   /* message/rfc822 and the like: one child, no body */
};

enum mime_encoding {
	MIME_7BIT, /* this and the next: as it is, but a text that ends in CR LF ends in LF */
	MIME_8BIT,
	MIME_BINARY, /* as it is */
	MIME_BASE64,
	MIME_QUOTED_PRINTABLE,
	MIME_UUENCODE,
	MIME_UNKNOWN, /* as it is; effective_type of a leaf is then application/octet-stream */
};

struct mime_part {
	struct mime_part *parent; /* NULL for the message itself */
	struct mime_part *child;  /* the first one; NULL when there is none */
	struct mime_part *next;   /* the parent's next child */
	unsigned n_children;
	unsigned depth;  /* 0: the message itself */
	unsigned number; /* place in the message, depth first, from 0 */
	enum mime_kind kind;

	/* The head. Text is lower-case where case does not matter. */
	const struct mime_header *headers; /* in their order */
	size_t n_headers;
	const char *type; /* `text/plain`; the default when the head has none. MIME::Head mime_type */
	const char *effective_type;     /* what it is taken for. MIME::Entity effective_type */
	struct mime_params type_params; /* charset, name, boundary .. */
	const char *disposition;        /* `attachment`; NULL when there is none */
	struct mime_params disposition_params;
	const char *encoding_name; /* `base64`; `7bit` when there is none. MIME::Head mime_encoding */
	enum mime_encoding encoding;
	/* Filename of the disposition, else name of the type, as UTF-8; NULL: none. MIME::Head
	 * recommended_filename. */
	const char *name;
	const char *description; /* Content-Description as UTF-8; NULL: none */

	/* Where it lies. */
	struct mime_range head; /* with the line that ends it */
	bool head_ended;        /* by an empty line; false: by a boundary line, or the end of the message */
	struct mime_range body; /* still encoded; of a container: all behind its head */
	struct mime_range preamble; /* of a multipart: before the first boundary line */
	struct mime_range epilogue; /* of a multipart: behind the closing boundary line */
	bool has_preamble;          /* false: MIME::Entity has no lines; true and empty: one empty line */
	bool has_epilogue;          /* false: the closing line is missing, MIME::Entity has undef */

	/* A text with uuencoded files becomes a multipart/mixed (`exploded`): Content-Type, -Disposition and
	 * -Transfer-Encoding are taken out of its headers, and who writes it chooses a boundary. Its children
	 * are `synthetic`: they have no headers, but type, name and disposition are set. */
	bool exploded;
	bool synthetic;
};

/* Files up to this many bytes are read into memory. For them one read costs less than a mapping, another
 * descriptor and a read for each body. */
#define MIME_SMALL_FILE 65536

/* Parse the file `fd` from its start. `fd` must be a regular file (else MIME_SYSTEM with EINVAL); the caller
 * keeps it and may close it: above MIME_SMALL_FILE it is duplicated. Such a file must not change while the
 * message is in use; if it shrinks, decoding fails with -EIO. On error *out is untouched. */
enum mime_error mime_parse(int fd, const struct mime_options *o, struct mime **out);

/* The same for bytes in memory, which the caller keeps until mime_free(). */
enum mime_error mime_parse_bytes(const char *p, size_t n, const struct mime_options *o, struct mime **out);

void mime_free(struct mime *m); /* NULL is allowed */

int mime_descriptor(const struct mime *m); /* of the file; -1 when the message is in memory */

const struct mime_part *mime_root(const struct mime *m);
unsigned mime_count(const struct mime *m); /* parts, the message itself included */

/* The part behind `p`, depth first; NULL at the end. */
const struct mime_part *mime_next(const struct mime_part *p);

/* The value of a parameter, or NULL. `name` is lower-case. */
const char *mime_param(const struct mime_params *params, const char *name);

/* The first field of that name, in any case; NULL when there is none. */
const struct mime_header *mime_header(const struct mime_part *p, const char *name);

/* The name of an attachment, as filters know it: disposition, type, then Content-Description; "" for none. */
const char *mime_filename(const struct mime_part *p);

/* Append the decoded body of a leaf. What does not fit `out`s limit is -EMSGSIZE; -EIO or another -errno when
 * the file cannot be read; -EINVAL for a container. Broken encoding is never an error: as much is
 * decoded as MIME::Parser would. */
int mime_decode(const struct mime *m, const struct mime_part *p, struct buf *out);

/* The same to a descriptor, at most `limit` bytes; on an error some may have been written. */
int mime_decode_to(const struct mime *m, const struct mime_part *p, int fd, uint64_t limit);

/* The number of bytes that a leaf has when it is decoded; at most body.len. 0 or -errno. */
int mime_decoded_length(const struct mime *m, const struct mime_part *p, uint64_t *length);

/* Bytes of the message as they stand in the file: heads, preambles, unchanged parts. 0, -EIO, -EMSGSIZE. */
int mime_read(const struct mime *m, struct mime_range r, struct buf *out);
int mime_copy(const struct mime *m, struct mime_range r, int fd);

/* Header text as UTF-8: RFC 2047 words are decoded, raw bytes above 126 become \xHH as with MIME::Head. NULL
 * when memory runs out; to be freed. */
char *mime_text(const char *s);

#endif
