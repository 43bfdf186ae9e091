/* Bodies: from the file, through a decoder, to a buffer or a descriptor. */
#include "mime/codec.h"
#include "mime/message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

/* Where decoded bytes go: they gather in `buf`, and stay there or leave it. */
struct sink {
	struct buf *buf;
	enum { STAY, WRITE, COUNT } what;
	int fd;         /* WRITE */
	uint64_t limit; /* WRITE: of what may still be written */
	uint64_t count; /* COUNT: so far */
};

struct decoder {
	enum mime_encoding encoding;
	struct buf held; /* the start of a line that has not come whole */
	struct codec_base64 base64;
	bool in_file; /* uuencode: behind `begin` */
	bool done;    /* uuencode: behind `end` */
};

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int sink_flush(struct sink *s)
{
	int error = buf_error(s->buf);

	if (error < 0 || s->what == STAY)
		return error;
	if (s->what == COUNT) {
		s->count += s->buf->len;
	} else if (s->buf->len > s->limit) {
		return -EMSGSIZE;
	} else {
		s->limit -= s->buf->len;
		error = write_all(s->fd, s->buf->data, s->buf->len);
	}
	buf_clear(s->buf);
	return error;
}

static void uu_line(struct decoder *d, const char *line, size_t n, struct buf *out)
{
	struct codec_begin begin;

	if (d->done)
		return;
	if (!d->in_file)
		d->in_file = codec_uu_begin(line, n, &begin);
	else if (codec_uu_end(line, n))
		d->done = true;
	else
		codec_uu(line, n, out);
}

/* Whole lines; the last one of the body may lack its newline. */
static void lines_decode(struct decoder *d, const char *p, size_t n, struct buf *out)
{
	const char *end = p + n, *nl;

	if (d->encoding == MIME_QUOTED_PRINTABLE) {
		codec_qp(p, n, out);
		return;
	}
	for (; p < end; p = nl) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl != NULL ? nl + 1 : end;
		uu_line(d, p, (size_t)(nl - p), out);
	}
}

/* Decode what is whole of the held bytes and p[0..n), hold the rest. */
static void lines_feed(struct decoder *d, const char *p, size_t n, struct buf *out)
{
	const char *nl = memrchr(p, '\n', n);
	size_t whole = nl != NULL ? (size_t)(nl + 1 - p) : 0;

	if (whole > 0 && d->held.len > 0) {
		const char *first = (const char *)memchr(p, '\n', n) + 1;

		buf_add(&d->held, p, (size_t)(first - p));
		lines_decode(d, d->held.data, d->held.len, out);
		buf_clear(&d->held);
		whole -= (size_t)(first - p);
		n -= (size_t)(first - p);
		p = first;
	}
	lines_decode(d, p, whole, out);
	buf_add(&d->held, p + whole, n - whole);
}

static void decoder_feed(struct decoder *d, const char *p, size_t n, struct buf *out)
{
	switch (d->encoding) {
	case MIME_BASE64:
		codec_base64(&d->base64, p, n, out);
		break;
	case MIME_QUOTED_PRINTABLE:
	case MIME_UUENCODE:
		lines_feed(d, p, n, out);
		break;
	case MIME_7BIT:
	case MIME_8BIT:
	case MIME_BINARY:
	case MIME_UNKNOWN:
		buf_add(out, p, n);
	}
}

static int decoder_end(struct decoder *d, struct buf *out)
{
	int error = buf_error(&d->held);

	codec_base64_end(&d->base64, out);
	lines_decode(d, d->held.data, d->held.len, out);
	buf_free(&d->held);
	return error;
}

/* Pass the range through the decoder to the sink. */
static int range_pass(const struct mime *m, struct mime_range r, struct decoder *d, struct sink *s)
{
	char chunk[CHUNK];
	int error = 0;

	while (r.len > 0 && error == 0) {
		size_t want = r.len < CHUNK ? (size_t)r.len : CHUNK;
		ssize_t got = message_read(m, r.at, chunk, want);

		if (got != (ssize_t)want)
			return got < 0 ? (int)got : -EIO;
		decoder_feed(d, chunk, want, s->buf);
		r.at += want;
		r.len -= want;
		error = sink_flush(s);
	}
	return error;
}

/* A text that ends in CR LF, or in CR LF LF, loses that CR, as with MIME::Decoder (which also drops the CR
 * that ends a block it has read; that accident is not imitated). The length of such an end, or 0. */
static size_t cr_end_length(const struct mime *m, struct mime_range r)
{
	char tail[3] = "";
	size_t n = r.len < sizeof(tail) ? (size_t)r.len : sizeof(tail);

	if (n < 2 || message_read(m, r.at + r.len - n, tail, n) != (ssize_t)n || tail[n - 1] != '\n')
		return 0;
	if (tail[n - 2] == '\r')
		return 2;
	return n == 3 && tail[1] == '\n' && tail[0] == '\r' ? 3 : 0;
}

static int part_pass(const struct mime *m, const struct mime_part *p, struct sink *s)
{
	struct decoder d = { .encoding = p->encoding };
	struct mime_range r = p->body;
	size_t cr_end = p->encoding <= MIME_8BIT ? cr_end_length(m, r) : 0;
	int error, held;

	if (p->kind != MIME_LEAF)
		return -EINVAL;
	buf_init(&d.held, BUF_NO_LIMIT);
	r.len -= cr_end;
	error = range_pass(m, r, &d, s);
	held = decoder_end(&d, s->buf);
	if (cr_end > 0)
		buf_add(s->buf, "\n\n", cr_end - 1);
	if (error == 0)
		error = held < 0 ? held : sink_flush(s);
	return error;
}

int mime_decode(const struct mime *m, const struct mime_part *p, struct buf *out)
{
	struct sink s = { .buf = out };

	return part_pass(m, p, &s);
}

int mime_decode_to(const struct mime *m, const struct mime_part *p, int fd, uint64_t limit)
{
	struct buf b;
	struct sink s = { .buf = &b, .what = WRITE, .fd = fd, .limit = limit };
	int error;

	buf_init(&b, BUF_NO_LIMIT);
	error = part_pass(m, p, &s);
	buf_free(&b);
	return error;
}

int mime_decoded_length(const struct mime *m, const struct mime_part *p, uint64_t *length)
{
	struct buf b;
	struct sink s = { .buf = &b, .what = COUNT };
	int error;

	buf_init(&b, BUF_NO_LIMIT);
	error = part_pass(m, p, &s);
	buf_free(&b);
	if (error == 0)
		*length = s.count;
	return error;
}

int mime_read(const struct mime *m, struct mime_range r, struct buf *out)
{
	struct decoder d = { .encoding = MIME_BINARY };
	struct sink s = { .buf = out };

	return range_pass(m, r, &d, &s);
}

int mime_copy(const struct mime *m, struct mime_range r, int fd)
{
	struct decoder d = { .encoding = MIME_BINARY };
	struct buf b;
	struct sink s = { .buf = &b, .what = WRITE, .fd = fd, .limit = UINT64_MAX };
	int error;

	buf_init(&b, BUF_NO_LIMIT);
	error = range_pass(m, r, &d, &s);
	buf_free(&b);
	return error;
}
