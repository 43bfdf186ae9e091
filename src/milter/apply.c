#include "milter/apply.h"

#include <errno.h>
#include <unistd.h>

void apply_init(struct apply *a, const struct changes *changes, int body_fd, bool lead_space)
{
	*a = (struct apply){ .changes = changes, .body_fd = body_fd, .lead_space = lead_space };
}

void apply_close(struct apply *a)
{
	if (a->body_fd >= 0)
		close(a->body_fd);
	a->body_fd = -1;
}

/* As much as one packet holds: 0 at the end, or -errno. */
static ssize_t read_piece(int fd, char *piece, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, piece + got, size - got);

		if (n == -1 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
	}
	return (ssize_t)got;
}

/* One packet of the new body. 1 when it is over, 0 when more may follow, or -errno. */
static int put_body(struct apply *a, struct buf *out)
{
	char piece[MILTER_CHUNK];
	ssize_t n = read_piece(a->body_fd, piece, sizeof(piece));

	if (n < 0)
		return (int)n;
	if (n > 0 || !a->body_begun) /* an empty body, too, has its packet */
		milter_put_body(out, piece, (size_t)n);
	a->body_begun = true;
	return n < (ssize_t)sizeof(piece);
}

enum apply_state apply_fill(struct apply *a, struct buf *out, size_t enough)
{
	while (a->next < a->changes->n && out->len < enough) {
		const struct change *change = &a->changes->list[a->next];
		int over = 1;

		if (change->kind != MILTER_REPLBODY)
			change_put(out, change, a->lead_space);
		else if ((over = put_body(a, out)) < 0)
			return APPLY_FAILED;
		a->next += (size_t)over;
	}
	if (buf_error(out) != 0)
		return APPLY_FAILED;
	return a->next == a->changes->n ? APPLY_DONE : APPLY_MORE;
}
