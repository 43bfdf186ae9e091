#include "worker/channel.h"

#include "proto/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096

/* Kept above the low descriptors, which scripts are fond of using by number. */
#define LEAST_FD 10

/* Descriptors 0 and 1 anew: nothing to read, and output to standard error. */
static int standard_replace(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (null == -1)
		return -errno;
	if (dup2(null, STDIN_FILENO) == -1 || dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		rc = -errno;
	close(null);
	return rc;
}

int channel_open(struct channel *c)
{
	int rc;

	*c = (struct channel){ .in = -1, .out = -1 };
	buf_init(&c->input, REQUEST_MAX_LINE + CHUNK);
	c->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, LEAST_FD);
	c->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, LEAST_FD);
	rc = c->in == -1 || c->out == -1 ? -errno : standard_replace();
	if (rc < 0)
		channel_close(c);
	return rc;
}

void channel_close(struct channel *c)
{
	if (c->in != -1)
		close(c->in);
	if (c->out != -1)
		close(c->out);
	c->in = c->out = -1;
	buf_free(&c->input);
}

/* Read once. 1 when there are new bytes, 0 at the end of file, or -1. */
static int input_fill(struct channel *c)
{
	char *at = buf_reserve(&c->input, CHUNK);
	ssize_t n;

	if (at == NULL) {
		errno = -buf_error(&c->input);
		return -1;
	}
	do
		n = read(c->in, at, CHUNK);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		buf_extend(&c->input, (size_t)n);
	return n > 0 ? 1 : (int)n;
}

/* Forget the line handed out last and, within an over-long line, all of it that has come. */
static void input_settle(struct channel *c)
{
	buf_consume(&c->input, c->used);
	c->used = 0;
	if (c->skipping) {
		char *lf = memchr(c->input.data, '\n', c->input.len);

		buf_consume(&c->input, lf == NULL ? c->input.len : (size_t)(lf - c->input.data) + 1);
		c->skipping = lf == NULL;
	}
}

enum channel_event channel_read(struct channel *c, char **line)
{
	char *lf;
	int rc;

	for (;;) {
		input_settle(c);
		lf = memchr(c->input.data, '\n', c->input.len);
		if (lf != NULL)
			break;
		if (c->input.len > REQUEST_MAX_LINE) {
			c->skipping = true;
			return CHANNEL_OVERLONG;
		}
		if ((rc = input_fill(c)) <= 0)
			return rc == 0 ? CHANNEL_END : CHANNEL_ERROR;
	}
	*lf = '\0';
	c->used = (size_t)(lf - c->input.data) + 1;
	*line = c->input.data;
	return c->used - 1 > REQUEST_MAX_LINE ? CHANNEL_OVERLONG : CHANNEL_LINE;
}

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

int channel_reply(struct channel *c, struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] < ' ')
			text->data[i] = ' ';
	buf_addc(text, '\n');
	return buf_error(text) != 0 ? buf_error(text) : write_all(c->out, text->data, text->len);
}
