#include "base/ask.h"

#include "base/buf.h"
#include "base/conn.h"
#include "base/listen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_MS 10     /* between attempts while the backlog is full */
#define READ_LIMIT 4096 /* bytes in the connection's buffer; they go on to ours at once */

struct ask {
	struct loop *loop;
	struct address to;
	ask_fn *cb;
	void *arg;
	struct buf line, answer;
	int64_t deadline;    /* 0: none */
	struct timer *timer; /* of the next attempt, until we are connected */
	int fd;              /* while connecting; then conn's, and -1 here */
	struct watch *watch; /* of fd */
	struct conn *conn;
	struct ask_pool *pool; /* where the connection goes if the server keeps it; or NULL */
	bool reused;           /* the connection has served before */
	bool ended;            /* answered or cancelled */
};

static void ask_destroy(void *arg)
{
	struct ask *a = arg;

	buf_free(&a->line);
	buf_free(&a->answer);
	free(a);
}

static void connecting_end(struct ask *a)
{
	watch_free(a->watch);
	a->watch = NULL;
	if (a->fd != -1)
		close(a->fd);
	a->fd = -1;
}

void ask_cancel(struct ask *a)
{
	if (a == NULL || a->ended)
		return;
	a->ended = true;
	timer_free(a->timer);
	connecting_end(a);
	conn_free(a->conn);
	loop_defer(a->loop, ask_destroy, a);
}

/* The one way to the callback. Ends the ask first, so that the callback may call ask_cancel() in vain. */
static void finish(struct ask *a, enum ask_result result, int error)
{
	ask_cancel(a);
	a->cb(result, a->answer.data, a->answer.len, error, a->arg);
}

static bool is_late(const struct ask *a)
{
	return a->deadline != 0 && loop_now(a->loop) >= a->deadline;
}

/* The answer */

static void attempt(struct ask *a);

/* Keep what came. False when the answer is above the limit and has been handed over as it is. */
static bool answer_add(struct ask *a, const char *bytes, size_t n)
{
	size_t space = a->answer.limit - a->answer.len;

	buf_add(&a->answer, bytes, n < space ? n : space);
	if (buf_error(&a->answer) < 0)
		finish(a, ASK_READ_ERROR, buf_error(&a->answer));
	else if (n > space)
		finish(a, ASK_TRUNCATED, 0);
	return !a->ended;
}

/* Whether the answer is complete, and the connection the server's to keep: cut off the line that says so. */
static bool answer_is_kept(struct ask *a)
{
	static const char end[] = "\n" ASK_KEPT;
	const size_t n = sizeof(end) - 1;
	struct buf *b = &a->answer;

	if (a->pool == NULL || b->len < n || memcmp(b->data + b->len - n, end, n) != 0)
		return false;
	b->len -= n - 1;
	b->data[b->len] = '\0';
	return true;
}

static void on_input(struct ask *a)
{
	size_t n;
	const char *bytes = conn_input(a->conn, &n);

	if (!answer_add(a, bytes, n))
		return;
	conn_consume(a->conn, n);
	if (answer_is_kept(a)) {
		ask_pool_give(a->pool, a->conn);
		a->conn = NULL;
		finish(a, ASK_ANSWERED, 0);
	}
}

/* A kept connection was closed before the server has read the question: ask again. */
static bool ask_again(struct ask *a, int error)
{
	bool unread = error == -EPIPE || error == -ECONNRESET || conn_pending(a->conn) > 0;

	if (!a->reused || a->answer.len > 0 || !unread)
		return false;
	conn_free(a->conn);
	a->conn = NULL;
	a->reused = false;
	attempt(a);
	return true;
}

static void on_eof(struct ask *a)
{
	if (!ask_again(a, 0))
		finish(a, ASK_ANSWERED, 0);
}

/* The connection broke. A server that answers without reading all of our line and closes makes our write
 * fail, or the end of file an ECONNRESET; its whole answer is as good as any. */
static void on_broken(struct ask *a)
{
	enum ask_result result = conn_pending(a->conn) > 0 ? ASK_WRITE_ERROR : ASK_READ_ERROR;
	int error = conn_error(a->conn);
	char bytes[READ_LIMIT];
	ssize_t n;

	while ((n = read(conn_rfd(a->conn), bytes, sizeof(bytes))) > 0)
		if (!answer_add(a, bytes, (size_t)n))
			return;
	if (a->answer.len > 0 && a->answer.data[a->answer.len - 1] == '\n')
		finish(a, ASK_ANSWERED, 0);
	else if (!ask_again(a, error))
		finish(a, result, error);
}

static void on_conn(struct conn *c, enum conn_event event, void *arg)
{
	struct ask *a = arg;

	switch (event) {
	case CONN_INPUT:
		on_input(a);
		break;
	case CONN_EOF:
		on_eof(a);
		break;
	case CONN_ERROR:
		on_broken(a);
		break;
	case CONN_TIMEOUT:
		finish(a, ASK_TIMEOUT, 0);
		break;
	case CONN_DRAINED:
		break;
	}
}

/* The connection */

static void say(struct ask *a)
{
	conn_set_deadline(a->conn, a->deadline);
	conn_write(a->conn, a->line.data, a->line.len);
}

static void on_connected(struct ask *a)
{
	int fd = a->fd;

	watch_free(a->watch);
	a->watch = NULL;
	if ((a->conn = conn_new(a->loop, fd, fd, READ_LIMIT, on_conn, a)) == NULL) {
		finish(a, ASK_NO_CONNECT, -errno);
		return;
	}
	a->fd = -1;
	timer_clear(a->timer);
	say(a);
}

static void on_outcome(int fd, unsigned what, void *arg)
{
	struct ask *a = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0)
		finish(a, ASK_NO_CONNECT, -error);
	else
		on_connected(a);
}

/* Wait for the outcome of a connect(), at most until the deadline. */
static void await_outcome(struct ask *a)
{
	int rc = -ENOMEM;

	if ((a->watch = watch_new(a->loop, a->fd, on_outcome, a)) == NULL ||
	    (rc = watch_set(a->watch, WATCH_WRITE)) < 0)
		finish(a, ASK_NO_CONNECT, rc);
	else if (a->deadline != 0)
		timer_set(a->timer, a->deadline - loop_now(a->loop));
}

static void attempt(struct ask *a)
{
	int in_progress, fd = connect_open(&a->to, &in_progress);

	if (fd == -EAGAIN) {
		timer_set(a->timer, RETRY_MS);
	} else if (fd < 0) {
		finish(a, ASK_NO_CONNECT, fd);
	} else {
		a->fd = fd;
		if (in_progress)
			await_outcome(a);
		else
			on_connected(a);
	}
}

static void on_timer(void *arg)
{
	struct ask *a = arg;

	if (is_late(a))
		finish(a, ASK_TIMEOUT, 0);
	else
		attempt(a);
}

static void on_start(void *arg)
{
	struct ask *a = arg;

	if (!a->ended)
		attempt(a);
}

static struct ask *ask_new(struct loop *loop, const struct address *to, const char *line, size_t len,
			   size_t limit, int64_t deadline_ms, ask_fn *cb, void *arg)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct ask){ .loop = loop, .to = *to, .cb = cb, .arg = arg, .deadline = deadline_ms, .fd = -1 };
	buf_init(&a->line, BUF_NO_LIMIT);
	buf_init(&a->answer, limit);
	buf_add(&a->line, line, len);
	return a;
}

/* Go on by asking, or give up. */
static struct ask *ask_begin(struct ask *a)
{
	if (buf_error(&a->line) < 0 || (a->timer = timer_new(a->loop, on_timer, a)) == NULL) {
		conn_free(a->conn);
		ask_destroy(a);
		errno = ENOMEM;
		return NULL;
	}
	if (a->conn != NULL)
		say(a);
	else
		loop_defer(a->loop, on_start, a); /* at the end of this turn: no callback from within here */
	return a;
}

struct ask *ask_start(struct loop *loop, const struct address *to, const char *line, size_t len, size_t limit,
		      int64_t deadline_ms, ask_fn *cb, void *arg)
{
	struct ask *a = ask_new(loop, to, line, len, limit, deadline_ms, cb, arg);

	return a != NULL ? ask_begin(a) : NULL;
}

struct ask *ask_start_kept(struct ask_pool *pool, const char *line, size_t len, size_t limit,
			   int64_t deadline_ms, ask_fn *cb, void *arg)
{
	struct ask *a = ask_new(pool->loop, &pool->to, line, len, limit, deadline_ms, cb, arg);

	if (a == NULL)
		return NULL;
	buf_adds(&a->line, ASK_KEEP);
	a->pool = pool;
	a->conn = ask_pool_take(pool);
	a->reused = a->conn != NULL;
	if (a->reused)
		conn_set_owner(a->conn, on_conn, a);
	return ask_begin(a);
}
