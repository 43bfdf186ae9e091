#include "base/desk.h"

#include "base/ask.h"
#include "base/lineio.h"
#include "base/listen.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define TOO_LONG "error: Command too long\n"
#define KEEP "keep"    /* ASK_KEEP without its LF */
#define KEPT_MS 600000 /* how long a visitor may keep a connection without a request */

enum state {
	ASKING,    /* the request line has not come yet */
	WAITING,   /* for its reply */
	REPLYING,  /* the reply is being written */
	LINGERING, /* it got its reply while it was still sending: hear it out, or it may lose the reply */
};

struct visitor {
	LIST_ENTRY(visitor) link;
	struct desk *desk;
	enum state state;
	struct lineio *io;
	int fd;          /* in `io` */
	bool long_line;  /* what it sends has not ended yet */
	bool wants_keep; /* of the connection, for another request */
	bool is_kept;    /* it has been told so */
	bool whole;      /* the reply ended with LF */
	bool served;     /* it has had a request before */
	bool at_eof;     /* it has no more to say */
	void *waits_for;
};

struct desk {
	struct loop *loop;
	struct desk_config config;
	const struct desk_events *events;
	void *arg;
	struct listener *listener;
	int fd; /* of the listener */
	int n_visitors;
	LIST_HEAD(visitors, visitor) visitors;
};

/* --- visitors --- */

static void visitor_free(struct visitor *v)
{
	struct desk *d = v->desk;

	if (v->state == WAITING && d->events->gone != NULL)
		d->events->gone(v, d->arg);
	lineio_free(v->io);
	LIST_REMOVE(v, link);
	d->n_visitors--;
	free(v);
}

static void deadline_set(struct visitor *v)
{
	lineio_set_deadline(v->io, loop_now(v->desk->loop) + v->desk->config.limit_ms);
}

/* Tell a visitor that the connection stays for another request. Where the reply has no LF its end is the end
 * of file. */
static void keep_if_wanted(struct visitor *v)
{
	const struct desk *d = v->desk;

	if (v->is_kept || !v->wants_keep || !v->whole || v->at_eof || !d->config.keeps || d->listener == NULL)
		return;
	lineio_write(v->io, ASK_KEPT, strlen(ASK_KEPT));
	v->is_kept = true;
}

void visitor_reply(struct visitor *v, const char *reply, size_t len)
{
	v->state = REPLYING;
	v->waits_for = NULL;
	if (len == 0) {
		visitor_free(v);
		return;
	}
	v->whole = reply[len - 1] == '\n';
	lineio_write(v->io, reply, len);
	keep_if_wanted(v);
	deadline_set(v);
}

void visitor_set(struct visitor *v, void *waits_for)
{
	v->waits_for = waits_for;
}

void *visitor_get(const struct visitor *v)
{
	return v->waits_for;
}

/* --- what they say --- */

void desk_drop_cr(char *line)
{
	size_t len = strlen(line);

	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
}

static void on_line(struct visitor *v)
{
	struct desk *d = v->desk;
	char *line = lineio_line(v->io, NULL);

	if (v->state == ASKING) {
		v->state = WAITING;
		lineio_set_deadline(v->io, 0);
		d->events->request(v, line, d->arg); /* may free it */
	} else if (strcmp(line, KEEP) == 0) {
		v->wants_keep = true;
		if (v->state == REPLYING)
			keep_if_wanted(v);
	} else if (v->state == WAITING && d->events->more != NULL) {
		d->events->more(v, line, d->arg);
	}
}

static void on_long_line(struct visitor *v)
{
	if (v->state != ASKING)
		return;
	v->long_line = true;
	visitor_reply(v, TOO_LONG, strlen(TOO_LONG));
}

/* --- the end --- */

static void await_another(struct visitor *v)
{
	v->state = ASKING;
	v->wants_keep = v->is_kept = false;
	v->served = true;
	lineio_set_deadline(v->io, loop_now(v->desk->loop) + KEPT_MS);
}

static void on_written(struct visitor *v)
{
	if (v->state != REPLYING)
		return;
	if (v->is_kept && !v->at_eof && v->desk->listener != NULL) {
		await_another(v);
		return;
	}
	if (!v->long_line) {
		visitor_free(v);
		return;
	}
	v->state = LINGERING;
	lineio_end_output(v->io);
}

/* End of file may mean that it has only said all it has to say: a UNIX-domain peer that is really gone has
 * hung up both ways. One on TCP is found out when it is written to. */
static bool is_gone(const struct visitor *v)
{
	struct pollfd p = { .fd = v->fd, .events = 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_eof(struct visitor *v)
{
	v->at_eof = true;
	if (v->state == ASKING || v->state == LINGERING || is_gone(v))
		visitor_free(v);
}

static void on_timeout(struct visitor *v)
{
	if (v->state == ASKING && !v->served)
		log_info("A client did not complete its request within %lld seconds",
			 (long long)v->desk->config.limit_ms / 1000);
	visitor_free(v);
}

static void on_event(struct lineio *io, enum lineio_event event, void *arg)
{
	struct visitor *v = arg;

	switch (event) {
	case LINEIO_LINE:
		on_line(v);
		break;
	case LINEIO_OVERLONG:
		on_long_line(v);
		break;
	case LINEIO_PARTIAL: /* half a request is none: the end of file follows */
		break;
	case LINEIO_DRAINED:
		on_written(v);
		break;
	case LINEIO_EOF:
		on_eof(v);
		break;
	case LINEIO_TIMEOUT:
		on_timeout(v);
		break;
	case LINEIO_ERROR:
		visitor_free(v);
		break;
	}
}

/* --- the desk --- */

static void on_accept(int fd, void *arg)
{
	struct desk *d = arg;
	struct visitor *v;

	if (d->config.max_visitors > 0 && d->n_visitors >= d->config.max_visitors) {
		close(fd);
		return;
	}
	if ((v = calloc(1, sizeof(*v))) == NULL ||
	    (v->io = lineio_new(d->loop, fd, fd, d->config.max_line, on_event, v)) == NULL) {
		free(v);
		close(fd);
		return;
	}
	v->desk = d;
	v->fd = fd;
	deadline_set(v);
	LIST_INSERT_HEAD(&d->visitors, v, link);
	d->n_visitors++;
}

int desk_open(struct loop *loop, const struct desk_config *config, const struct desk_events *events,
	      void *arg, struct desk **out)
{
	struct desk *d = calloc(1, sizeof(*d));
	int err = -ENOMEM;

	if (d == NULL)
		return err;
	d->loop = loop;
	d->config = *config;
	d->events = events;
	d->arg = arg;
	LIST_INIT(&d->visitors);
	if ((d->fd = err = listen_obtain(config->passed_fd, &config->address, config->backlog,
					 config->umask)) < 0)
		goto fail;
	if ((d->listener = listener_new(loop, d->fd, on_accept, d)) == NULL) {
		err = -errno;
		listen_unlink(&config->address, d->fd);
		close(d->fd);
		goto fail;
	}
	*out = d;
	return 0;
fail:
	free(d);
	return err;
}

/* Those that keep a connection without a request. One that comes now stays unread, which its visitor is told
 * by the way in which we close. */
static void hang_up_on_idle(struct desk *d)
{
	struct visitor *v, *next;

	for (v = LIST_FIRST(&d->visitors); v != NULL; v = next) {
		next = LIST_NEXT(v, link);
		if (v->state == ASKING && v->served)
			visitor_free(v);
	}
}

void desk_close(struct desk *d)
{
	if (d == NULL || d->listener == NULL)
		return;
	listen_unlink(&d->config.address, d->fd);
	listener_free(d->listener);
	d->listener = NULL;
	hang_up_on_idle(d);
}

void desk_free(struct desk *d)
{
	if (d == NULL)
		return;
	desk_close(d);
	while (!LIST_EMPTY(&d->visitors))
		visitor_free(LIST_FIRST(&d->visitors));
	free(d);
}
