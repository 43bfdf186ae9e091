#include "base/conn.h"

#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 65536 /* bytes taken by one read; a milter packet at its largest */
#define MAX_DISCARD (1 << 20)
#define LARGE 4096            /* unconsumed input of so many bytes is the begin of something large */
#define LARGE_READ_SIZE 65536 /* bytes then taken by one read: more would not stay in the cache */
#define IDLE_ROOM 512         /* an empty buffer larger than this is given back */

struct conn {
	struct loop *loop;
	conn_fn *cb;
	void *arg;
	int rfd, wfd;         /* -1: none; may be the same */
	struct watch *rwatch; /* of rfd; for writing too where wfd is the same */
	struct watch *wwatch; /* of another wfd; made when a write first has to wait */
	struct timer *timer;  /* made with the first deadline */
	struct timer *stall;  /* runs while output waits; made when it first has to */
	int64_t stall_ms;     /* for how long it may; 0: for ever */

	struct buf in; /* the first in_start bytes are consumed */
	size_t in_start, in_limit;
	struct buf out; /* the first out_start bytes are written */
	size_t out_start;
	uint64_t bytes_in, bytes_out;
	int error;

	bool rfd_is_socket;
	bool wfd_is_socket;
	bool settle_due;   /* settle() is deferred */
	bool wait_write;   /* go on when wfd is writable */
	bool drained;      /* to be told */
	bool end_output;   /* after the last byte */
	bool output_ended; /* done */
	bool at_eof;       /* read() said so */
	bool eof_told;     /* perhaps before all was read */
	bool error_told;
	bool freed;
};

static void on_rfd(int fd, unsigned what, void *arg);
static void on_wfd(int fd, unsigned what, void *arg);
static void settle(struct conn *c);

/* -1 is no descriptor, and fine. */
static int make_nonblocking(int fd)
{
	int flags = fd != -1 ? fcntl(fd, F_GETFL) : O_NONBLOCK;

	if (flags == -1)
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -errno;
	return 0;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fd != -1 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void conn_destroy(void *arg)
{
	struct conn *c = arg;

	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

struct conn *conn_new(struct loop *loop, int rfd, int wfd, size_t input_limit, conn_fn *cb, void *arg)
{
	struct conn *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (c == NULL)
		return NULL;
	*c = (struct conn){ .loop = loop, .cb = cb, .arg = arg, .rfd = rfd, .wfd = wfd };
	c->in_limit = input_limit;
	c->rfd_is_socket = rfd == wfd;
	c->wfd_is_socket = rfd == wfd || is_socket(wfd);
	buf_init(&c->in, BUF_NO_LIMIT);
	buf_init(&c->out, BUF_NO_LIMIT);
	if (rfd != wfd)
		rc = make_nonblocking(rfd);
	if (rfd != wfd && rc == 0)
		rc = make_nonblocking(wfd);
	if (rc == 0 && rfd != -1) {
		c->rwatch = watch_new(loop, rfd, on_rfd, c);
		rc = c->rwatch == NULL ? -ENOMEM : watch_set(c->rwatch, WATCH_READ);
	}
	if (rc < 0) {
		watch_free(c->rwatch);
		free(c);
		errno = -rc;
		return NULL;
	}
	return c;
}

void conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	assert(!c->freed);
	c->freed = true;
	watch_free(c->rwatch); /* before its descriptor is closed and the number taken by another */
	watch_free(c->wwatch);
	timer_free(c->timer);
	timer_free(c->stall);
	if (c->wfd != -1 && c->wfd != c->rfd)
		close(c->wfd);
	if (c->rfd != -1)
		close(c->rfd);
	loop_defer(c->loop, conn_destroy, c);
}

/* Tell the owner. False when he has freed the connection: touch nothing more. */
static bool tell(struct conn *c, enum conn_event event)
{
	c->cb(c, event, c->arg);
	return !c->freed;
}

static size_t held(const struct conn *c)
{
	return c->in.len - c->in_start;
}

static void stall_end(struct conn *c)
{
	if (c->stall != NULL)
		timer_clear(c->stall);
}

/* Note a failure; settle() tells. What is queued stays, so that conn_pending() shows what was lost. */
static void fail(struct conn *c, int error)
{
	if (c->error == 0)
		c->error = error;
	c->wait_write = false;
	stall_end(c);
}

/* Watch a wfd that is not also the rfd. */
static int watch_writing(struct conn *c, unsigned what)
{
	if (c->wwatch == NULL && what == 0)
		return 0;
	if (c->wwatch == NULL && (c->wwatch = watch_new(c->loop, c->wfd, on_wfd, c)) == NULL)
		return -ENOMEM;
	return watch_set(c->wwatch, what);
}

/* Watch for what the state asks for. */
static void update_watches(struct conn *c)
{
	unsigned r = 0, w = c->wait_write ? WATCH_WRITE : 0;
	int rc = 0;

	if (c->error == 0 && !c->at_eof) {
		if (held(c) < c->in_limit)
			r = WATCH_READ;
		else if (!c->eof_told)
			r = WATCH_CLOSED;
	}
	if (c->rwatch != NULL)
		rc = watch_set(c->rwatch, c->rfd == c->wfd ? r | w : r);
	if (rc == 0 && c->rfd != c->wfd)
		rc = watch_writing(c, w);
	if (rc < 0)
		fail(c, rc);
}

/* Idle connections, and there are many, hold no buffers. */
static void release_idle(struct conn *c)
{
	if (held(c) == 0 && c->in.len > 0) {
		buf_clear(&c->in);
		c->in_start = 0;
	}
	if (c->in.len == 0 && c->in.room > IDLE_ROOM)
		buf_free(&c->in);
	if (c->out.len == 0 && c->out.room > IDLE_ROOM)
		buf_free(&c->out);
}

static void output_end(struct conn *c)
{
	c->output_ended = true;
	if (c->wfd_is_socket) {
		shutdown(c->wfd, SHUT_WR);
	} else if (c->wfd != c->rfd) {
		watch_free(c->wwatch);
		c->wwatch = NULL;
		close(c->wfd);
		c->wfd = -1;
	}
}

static ssize_t output_write_once(struct conn *c)
{
	const char *p = c->out.data + c->out_start;
	size_t n = c->out.len - c->out_start;

	return c->wfd_is_socket ? send(c->wfd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) : write(c->wfd, p, n);
}

/* Forget `n` written bytes. The rest is moved only when it is the smaller part: a large output is moved few
 * times, not once a write. */
static void output_advance(struct conn *c, size_t n)
{
	c->bytes_out += n;
	c->out_start += n;
	if (c->out_start == c->out.len) {
		buf_clear(&c->out);
		c->out_start = 0;
		c->drained = true;
	} else if (c->out_start > c->out.len / 2) {
		buf_consume(&c->out, c->out_start);
		c->out_start = 0;
	}
}

static void on_stall(void *arg)
{
	struct conn *c = arg;

	fail(c, -ETIMEDOUT);
	settle(c);
}

/* Output waits. Its time starts anew whenever the peer has taken some. */
static void stall_watch(struct conn *c, bool advanced)
{
	if (c->stall_ms == 0)
		return;
	if (c->stall == NULL && (c->stall = timer_new(c->loop, on_stall, c)) == NULL)
		fail(c, -ENOMEM);
	else if (advanced || !timer_is_set(c->stall))
		timer_set(c->stall, c->stall_ms);
}

/* Write what goes without waiting. */
static void output_write(struct conn *c)
{
	uint64_t before = c->bytes_out;
	ssize_t n;

	c->wait_write = false;
	while (c->error == 0 && conn_pending(c) > 0) {
		if ((n = output_write_once(c)) >= 0) {
			output_advance(c, (size_t)n);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			c->wait_write = true;
			stall_watch(c, c->bytes_out > before);
			return;
		} else if (errno != EINTR) {
			fail(c, -errno);
		}
	}
	stall_end(c);
	if (c->end_output && !c->output_ended && c->error == 0)
		output_end(c);
}

/* Tell what has happened and adapt to it. Called from the loop only. */
static void settle(struct conn *c)
{
	if (c->drained && !c->wait_write) {
		c->drained = false;
		if (!tell(c, CONN_DRAINED))
			return;
		if ((conn_pending(c) > 0 || c->drained) && c->error == 0)
			c->wait_write = true; /* next turn: an eager writer must not hold up this one */
	}
	release_idle(c);
	update_watches(c);
	if (c->error != 0 && !c->error_told) {
		c->error_told = true;
		conn_set_deadline(c, 0);
		update_watches(c);
		tell(c, CONN_ERROR);
	}
}

static void on_turn_end(void *arg)
{
	struct conn *c = arg;

	if (c->freed)
		return;
	c->settle_due = false;
	if (!c->wait_write)
		output_write(c);
	settle(c);
}

/* At the end of this turn: write, tell, watch. */
static void settle_later(struct conn *c)
{
	if (c->settle_due)
		return;
	c->settle_due = true;
	loop_defer(c->loop, on_turn_end, c);
}

static ssize_t input_read_once(const struct conn *c, char *to, size_t n)
{
	return c->rfd_is_socket ? recv(c->rfd, to, n, MSG_DONTWAIT) : read(c->rfd, to, n);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Make room behind the input for `n` bytes. */
static char *input_room(struct conn *c, size_t n)
{
	if (c->in.len + n >= c->in.room) {
		buf_consume(&c->in, c->in_start);
		c->in_start = 0;
	}
	return buf_reserve(&c->in, n);
}

/* In the middle of something large: read to where it is to be. */
static ssize_t input_read_large(struct conn *c)
{
	size_t n = least(c->in_limit - held(c), LARGE_READ_SIZE);
	char *to = input_room(c, n);
	ssize_t got = 0;

	if (to != NULL && (got = input_read_once(c, to, n)) > 0)
		buf_extend(&c->in, (size_t)got);
	return got;
}

/* Not into the connection's own buffer, so that it becomes as large as what came. */
static ssize_t input_read_small(struct conn *c)
{
	char bytes[READ_SIZE], *to;
	ssize_t got = input_read_once(c, bytes, least(c->in_limit - held(c), sizeof(bytes)));

	if (got > 0 && (to = input_room(c, (size_t)got)) != NULL) {
		memcpy(to, bytes, (size_t)got);
		buf_extend(&c->in, (size_t)got);
	}
	return got;
}

/* Take bytes in. False when there were none. */
static bool input_read(struct conn *c)
{
	ssize_t n = held(c) >= LARGE ? input_read_large(c) : input_read_small(c);

	if (buf_error(&c->in) < 0)
		fail(c, buf_error(&c->in));
	else if (n == 0)
		c->at_eof = true;
	else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		fail(c, -errno);
	if (n <= 0 || buf_error(&c->in) < 0)
		return false;
	c->bytes_in += (uint64_t)n;
	return true;
}

static void on_rfd(int fd, unsigned what, void *arg)
{
	struct conn *c = arg;

	if ((what & WATCH_READ) && input_read(c) && !tell(c, CONN_INPUT))
		return;
	if ((c->at_eof || (what & WATCH_CLOSED)) && !c->eof_told) {
		c->eof_told = true;
		if (!tell(c, CONN_EOF))
			return;
	}
	if ((what & WATCH_WRITE) && c->wait_write)
		output_write(c);
	settle(c);
}

static void on_wfd(int fd, unsigned what, void *arg)
{
	struct conn *c = arg;

	output_write(c);
	settle(c);
}

/* The owner's calls */

const char *conn_input(const struct conn *c, size_t *len)
{
	*len = held(c);
	return c->in.data + c->in_start;
}

void conn_consume(struct conn *c, size_t n)
{
	assert(n <= held(c));
	c->in_start += n;
	if (n > 0)
		settle_later(c);
}

bool conn_input_ended(const struct conn *c)
{
	int unread = 0;

	if (c->at_eof || !c->eof_told)
		return c->at_eof;
	return ioctl(c->rfd, FIONREAD, &unread) == 0 && unread == 0;
}

size_t conn_discard_input(struct conn *c)
{
	char bytes[READ_SIZE];
	size_t n = held(c);
	ssize_t got;

	conn_consume(c, n);
	if (c->rfd == -1 || c->at_eof || c->error != 0)
		return n;
	do {
		if ((got = input_read_once(c, bytes, sizeof(bytes))) > 0) {
			n += (size_t)got;
			c->bytes_in += (uint64_t)got;
		}
	} while (got == (ssize_t)sizeof(bytes) && n < MAX_DISCARD);
	return n; /* an end or an error is found again by the loop */
}

void conn_set_owner(struct conn *c, conn_fn *cb, void *arg)
{
	c->cb = cb;
	c->arg = arg;
}

void conn_write(struct conn *c, const void *data, size_t n)
{
	if (n == 0 || c->wfd == -1 || c->end_output || c->error != 0)
		return;
	buf_add(&c->out, data, n);
	if (buf_error(&c->out) < 0)
		fail(c, buf_error(&c->out));
	settle_later(c);
}

size_t conn_pending(const struct conn *c)
{
	return c->out.len - c->out_start;
}

void conn_flush(struct conn *c)
{
	output_write(c);
	settle_later(c);
}

void conn_set_output_limit(struct conn *c, int64_t ms)
{
	c->stall_ms = ms;
}

void conn_end_output(struct conn *c)
{
	if (c->wfd == -1)
		return;
	c->end_output = true;
	settle_later(c);
}

static void on_deadline(void *arg)
{
	struct conn *c = arg;

	tell(c, CONN_TIMEOUT);
}

void conn_set_deadline(struct conn *c, int64_t at_ms)
{
	if (at_ms == 0) {
		if (c->timer != NULL)
			timer_clear(c->timer);
		return;
	}
	if (c->timer == NULL && (c->timer = timer_new(c->loop, on_deadline, c)) == NULL) {
		fail(c, -ENOMEM);
		settle_later(c);
		return;
	}
	timer_set(c->timer, at_ms - loop_now(c->loop));
}

int conn_error(const struct conn *c)
{
	return c->error;
}

int conn_rfd(const struct conn *c)
{
	return c->rfd;
}

uint64_t conn_bytes_in(const struct conn *c)
{
	return c->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *c)
{
	return c->bytes_out;
}
