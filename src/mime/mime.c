#include "mime/mime.h"

#include "mime/field.h"
#include "mime/head.h"
#include "mime/message.h"
#include "mime/words.h"

#include <errno.h>
#include <fcntl.h>
#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const struct mime_options mime_defaults = {
	.max_depth = 100,
	.max_parts = 10000,
	.max_headers = 100000,
	.max_header_bytes = 4 << 20,
	.nested = true,
	.uuencode = true,
};

void mime_init(void)
{
	g_mime_init();
}

void mime_fini(void)
{
	g_mime_shutdown();
}

const char *mime_error_text(enum mime_error e)
{
	switch (e) {
	case MIME_OK:
		return "no error";
	case MIME_TOO_DEEP:
		return "parts nested deeper than allowed";
	case MIME_TOO_MANY_PARTS:
		return "more parts than allowed";
	case MIME_TOO_MANY_HEADERS:
		return "more header fields than allowed";
	case MIME_HEADS_TOO_LONG:
		return "headers longer than allowed";
	case MIME_BODIES_TOO_LONG:
		return "decoded bodies longer than allowed";
	case MIME_SYSTEM:
		return "the message could not be read";
	}
	return "unknown error";
}

/* An empty message that parsing will fill. */
static struct mime *message_new(int fd, const char *bytes, uint64_t size)
{
	struct mime *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->fd = fd;
	m->bytes = bytes;
	m->size = size;
	return m;
}

/* What all leaves have before they are decoded, which is at least what they have then. */
static uint64_t encoded_length(const struct mime *m)
{
	uint64_t sum = 0;

	for (const struct mime_part *p = m->root; p != NULL; p = mime_next(p))
		sum += p->kind == MIME_LEAF ? p->body.len : 0;
	return sum;
}

/* Only a message that may be above the limit is decoded for it. */
static enum mime_error bodies_check(const struct mime *m, uint64_t limit)
{
	uint64_t sum = 0, length;
	int rc;

	if (limit == 0 || encoded_length(m) <= limit)
		return MIME_OK;
	for (const struct mime_part *p = m->root; p != NULL; p = mime_next(p)) {
		if (p->kind != MIME_LEAF)
			continue;
		if ((rc = mime_decoded_length(m, p, &length)) < 0) {
			errno = -rc;
			return MIME_SYSTEM;
		}
		if ((sum += length) > limit)
			return MIME_BODIES_TOO_LONG;
	}
	return MIME_OK;
}

static enum mime_error message_parse(struct mime *m, const char *p, const struct mime_options *o,
				     struct mime **out)
{
	enum mime_error error = tree_parse(m, p, o);
	int saved;

	if (error == MIME_OK && (error = bodies_check(m, o->max_body_bytes)) == MIME_OK) {
		*out = m;
		return MIME_OK;
	}
	saved = errno;
	mime_free(m);
	errno = saved;
	return error;
}

enum mime_error mime_parse_bytes(const char *p, size_t n, const struct mime_options *o, struct mime **out)
{
	struct mime *m = message_new(-1, p, n);

	return m != NULL ? message_parse(m, p, o, out) : MIME_SYSTEM;
}

/* Up to `n` bytes at `at`. The number read, less only at the end of the file, or -errno. */
static ssize_t file_read(int fd, uint64_t at, char *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, to + got, n - got, (off_t)(at + got));

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static enum mime_error small_parse(int fd, size_t size, const struct mime_options *o, struct mime **out)
{
	char *bytes = malloc(size + 1); /* one more: none is no memory */
	struct mime *m = message_new(-1, bytes, size);
	ssize_t n = 0;

	if (bytes == NULL || m == NULL || (n = file_read(fd, 0, bytes, size)) < 0) {
		free(bytes);
		free(m);
		errno = n < 0 ? (int)-n : ENOMEM;
		return MIME_SYSTEM;
	}
	m->own = bytes;
	m->size = (uint64_t)n;
	return message_parse(m, bytes, o, out);
}

/* The file is mapped for the time of parsing only: nobody else has it in hand then, so that it cannot shrink
 * under us. Later reads use pread(). */
static enum mime_error large_parse(int fd, size_t size, const struct mime_options *o, struct mime **out)
{
	enum mime_error error = MIME_SYSTEM;
	struct mime *m;
	char *p;
	int own;

	if ((own = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1)
		return MIME_SYSTEM;
	if ((p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, own, 0)) == MAP_FAILED) {
		close(own);
		return MIME_SYSTEM;
	}
	if ((m = message_new(own, NULL, size)) != NULL)
		error = message_parse(m, p, o, out);
	else
		close(own);
	munmap(p, size);
	return error;
}

enum mime_error mime_parse(int fd, const struct mime_options *o, struct mime **out)
{
	struct stat st;
	size_t size;

	if (fstat(fd, &st) == -1)
		return MIME_SYSTEM;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return MIME_SYSTEM;
	}
	size = (size_t)st.st_size;
	return size <= MIME_SMALL_FILE ? small_parse(fd, size, o, out) : large_parse(fd, size, o, out);
}

void mime_free(struct mime *m)
{
	if (m == NULL)
		return;
	arena_free(&m->arena);
	if (m->fd != -1)
		close(m->fd);
	free(m->own);
	free(m);
}

ssize_t message_read(const struct mime *m, uint64_t at, char *to, size_t n)
{
	if (at >= m->size)
		return 0;
	if (n > m->size - at)
		n = (size_t)(m->size - at);
	if (m->bytes != NULL) {
		memcpy(to, m->bytes + at, n);
		return (ssize_t)n;
	}
	return file_read(m->fd, at, to, n);
}

void part_append(struct mime_part *parent, struct mime_part *last, struct mime_part *child)
{
	child->parent = parent;
	child->depth = parent->depth + 1;
	if (last != NULL)
		last->next = child;
	else
		parent->child = child;
	parent->n_children++;
}

const char *part_decoded(struct mime *m, const char *s, size_t n)
{
	const char *copy = NULL;
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	words_decode(&text, s, n);
	if (buf_error(&text) == 0)
		copy = arena_copy(&m->arena, text.data, text.len);
	buf_free(&text);
	return copy;
}

const struct mime_part *mime_root(const struct mime *m)
{
	return m->root;
}

unsigned mime_count(const struct mime *m)
{
	return m->count;
}

const struct mime_part *mime_next(const struct mime_part *p)
{
	if (p->child != NULL)
		return p->child;
	while (p != NULL && p->next == NULL)
		p = p->parent;
	return p != NULL ? p->next : NULL;
}

const char *mime_param(const struct mime_params *params, const char *name)
{
	const struct mime_param *v = field_param(params, name);

	return v != NULL ? v->value : NULL;
}

const struct mime_header *mime_header(const struct mime_part *p, const char *name)
{
	return head_find(p->headers, p->n_headers, name);
}

const char *mime_filename(const struct mime_part *p)
{
	if (p->name != NULL)
		return p->name;
	return p->description != NULL ? p->description : "";
}

char *mime_text(const char *s)
{
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	words_decode(&text, s, strlen(s));
	return buf_take(&text);
}

int mime_descriptor(const struct mime *m)
{
	return m->fd;
}
