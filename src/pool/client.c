#include "pool/client.h"

#include "base/ask.h"
#include "base/lineio.h"
#include "base/listen.h"
#include "base/log.h"
#include "pool/command.h"
#include "pool/reload.h"
#include "proto/facts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define TOO_LONG "error: Command too long\n"
#define KEPT_IDLE_MS 600000 /* how long a client may keep a connection without a request */
#define KEEP_REQUEST "keep" /* ASK_KEEP without its LF */
#define OUT_OF_MEMORY "error: Out of memory\n"
#define SHUTTING_DOWN "ERR Shutting down\n"

enum client_state {
	CLIENT_ASKING,    /* the request line has not come yet */
	CLIENT_WAITING,   /* for a worker or a reload */
	CLIENT_REPLYING,  /* the reply is being written */
	CLIENT_LINGERING, /* it got its reply while it was still sending: hear it out, or it may lose the
			     reply */
};

struct client {
	LIST_ENTRY(client) link;
	struct door *door;
	enum client_state state;
	struct lineio *io;
	int fd;           /* in `io` */
	bool long_line;   /* what it sends has not ended yet */
	bool wants_facts; /* of how its request was served */
	bool wants_keep;  /* of the connection, for another request */
	bool is_kept;     /* it has been told so */
	bool whole;       /* the reply ended with LF */
	bool served;      /* it has had a request before */
	bool at_eof;      /* it has no more to say */
	struct job *job;
	struct reload_waiter *reload;
};

struct door {
	struct loop *loop;
	struct pool *pool;
	struct door_config config;
	struct listener *listener;
	int fd; /* of the listener */
	int n_clients;
	LIST_HEAD(clients, client) clients;
};

/* It hangs up, or is hung up on. Whatever it waits for goes on without it, or is withdrawn. */
static void client_free(struct client *c)
{
	struct door *d = c->door;

	if (c->job != NULL)
		pool_cancel(d->pool, c->job);
	if (c->reload != NULL)
		reload_forget(pool_reload(d->pool), c->reload);
	lineio_free(c->io);
	LIST_REMOVE(c, link);
	d->n_clients--;
	free(c);
}

static void deadline_set(struct client *c)
{
	lineio_set_deadline(c->io, loop_now(c->door->loop) + c->door->config.client_ms);
}

/* Tell a client that the connection stays for another request. Where the reply has no LF its end is the end
 * of file. */
static void keep_if_wanted(struct client *c)
{
	if (c->is_kept || !c->wants_keep || !c->whole || c->at_eof || !c->door->config.privileged ||
	    c->door->listener == NULL)
		return;
	lineio_write(c->io, ASK_KEPT, strlen(ASK_KEPT));
	c->is_kept = true;
}

static void client_reply(struct client *c, const char *reply, size_t len)
{
	if (len == 0) {
		client_free(c);
		return;
	}
	c->state = CLIENT_REPLYING;
	c->whole = reply[len - 1] == '\n';
	lineio_write(c->io, reply, len);
	keep_if_wanted(c);
	deadline_set(c);
}

/* --- waiting --- */

static struct facts facts_of(const struct client *c, const struct job *job)
{
	return (struct facts){
		.worker = job->worker,
		.queued_ms = job->given_ms - job->submitted_ms,
		.run_ms = loop_now(c->door->loop) - job->given_ms,
	};
}

static void reply_with_facts(struct client *c, const char *answer, size_t len, const struct facts *facts)
{
	struct buf reply;

	buf_init(&reply, BUF_NO_LIMIT);
	buf_add(&reply, answer, len);
	facts_add(&reply, facts);
	if (buf_error(&reply))
		client_reply(c, OUT_OF_MEMORY, strlen(OUT_OF_MEMORY));
	else
		client_reply(c, reply.data, reply.len);
	buf_free(&reply);
}

static void on_job_done(struct job *job, const char *answer, size_t len, void *arg)
{
	struct client *c = arg;
	struct facts facts = facts_of(c, job);

	c->job = NULL;
	if (c->wants_facts && job->worker >= 0 && len > 0)
		reply_with_facts(c, answer, len, &facts);
	else
		client_reply(c, answer, len);
}

static void on_reload_done(const char *reply, void *arg)
{
	struct client *c = arg;

	c->reload = NULL;
	client_reply(c, reply, strlen(reply));
}

static void wait_for_worker(struct client *c, const char *line, const struct request *request)
{
	struct job *job = job_new(line, request, on_job_done, c);
	const char *refusal;

	if (job == NULL) {
		client_reply(c, OUT_OF_MEMORY, strlen(OUT_OF_MEMORY));
		return;
	}
	if ((refusal = pool_submit(c->door->pool, job)) != NULL) {
		job_free(job);
		client_reply(c, refusal, strlen(refusal));
		return;
	}
	c->job = job;
}

/* `check`: the filter is only to be tried. */
static void wait_for_reload(struct client *c, bool check)
{
	struct reload *r = pool_reload(c->door->pool);
	const char *refusal;

	c->reload = check ? reload_check(r, on_reload_done, c) : reload_request(r, on_reload_done, c);
	if (c->reload != NULL)
		return;
	refusal = errno == ESHUTDOWN ? SHUTTING_DOWN : OUT_OF_MEMORY;
	client_reply(c, refusal, strlen(refusal));
}

/* --- the request --- */

/* `line` goes to a worker as it came; the parser works on a copy. */
static void request_run(struct client *c, const char *line, char *copy)
{
	struct request request;
	struct buf reply;

	/* Only a filter's own request may have that many words. */
	if (request_parse(copy, &request) != REQUEST_OK)
		request = (struct request){ .verb = REQUEST_FOREIGN };
	buf_init(&reply, BUF_NO_LIMIT);
	switch (command_run(c->door->pool, c->door->config.privileged, &request, &reply)) {
	case COMMAND_ANSWERED:
		if (buf_error(&reply))
			client_reply(c, OUT_OF_MEMORY, strlen(OUT_OF_MEMORY));
		else
			client_reply(c, reply.data, reply.len);
		break;
	case COMMAND_WORKER:
		wait_for_worker(c, line, &request);
		break;
	case COMMAND_REREAD:
		wait_for_reload(c, false);
		break;
	case COMMAND_CHECK:
		wait_for_reload(c, true);
		break;
	}
	buf_free(&reply);
}

static void on_request(struct client *c)
{
	char *line = lineio_line(c->io, NULL); /* ends at a NUL, should there be one */
	char *copy = strdup(line);
	size_t len = strlen(line);

	c->state = CLIENT_WAITING;
	lineio_set_deadline(c->io, 0);
	if (copy == NULL) {
		client_reply(c, OUT_OF_MEMORY, strlen(OUT_OF_MEMORY));
		return;
	}
	if (len > 0 && line[len - 1] == '\r') /* the parser does so with the copy: one CR, not two */
		line[len - 1] = '\0';
	request_run(c, line, copy); /* may free the client */
	free(copy);
}

/* A line behind the request. What else it may be is ignored. */
static void on_wish(struct client *c, const char *wish)
{
	if (strcmp(wish, FACTS_REQUEST) == 0)
		c->wants_facts = true;
	else if (strcmp(wish, KEEP_REQUEST) == 0)
		c->wants_keep = true;
	if (c->state == CLIENT_REPLYING)
		keep_if_wanted(c);
}

static void on_long_request(struct client *c)
{
	c->long_line = true;
	client_reply(c, TOO_LONG, strlen(TOO_LONG));
}

/* --- the end --- */

static void await_another(struct client *c)
{
	c->state = CLIENT_ASKING;
	c->wants_facts = c->wants_keep = c->is_kept = false;
	c->served = true;
	lineio_set_deadline(c->io, loop_now(c->door->loop) + KEPT_IDLE_MS);
}

static void on_written(struct client *c)
{
	if (c->state != CLIENT_REPLYING)
		return;
	if (c->is_kept && !c->at_eof && c->door->listener != NULL) {
		await_another(c);
		return;
	}
	if (!c->long_line) {
		client_free(c);
		return;
	}
	c->state = CLIENT_LINGERING;
	lineio_end_output(c->io);
}

/* End of file may mean that it has only said all it has to say: a UNIX-domain peer that is really gone has
 * hung up both ways. One on TCP is found out when it is written to. */
static bool client_is_gone(const struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_eof(struct client *c)
{
	c->at_eof = true;
	if (c->state == CLIENT_ASKING || c->state == CLIENT_LINGERING || client_is_gone(c))
		client_free(c);
}

static void on_timeout(struct client *c)
{
	if (c->state == CLIENT_ASKING && !c->served)
		log_info("A client did not complete its request within %lld seconds",
			 (long long)c->door->config.client_ms / 1000);
	client_free(c);
}

static void on_client(struct lineio *io, enum lineio_event event, void *arg)
{
	struct client *c = arg;

	switch (event) {
	case LINEIO_LINE:
		if (c->state == CLIENT_ASKING)
			on_request(c);
		else
			on_wish(c, lineio_line(io, NULL));
		break;
	case LINEIO_OVERLONG:
		if (c->state == CLIENT_ASKING)
			on_long_request(c);
		break;
	case LINEIO_PARTIAL: /* half a request is none: the end of file follows */
		break;
	case LINEIO_DRAINED:
		on_written(c);
		break;
	case LINEIO_EOF:
		on_eof(c);
		break;
	case LINEIO_TIMEOUT:
		on_timeout(c);
		break;
	case LINEIO_ERROR:
		client_free(c);
		break;
	}
}

/* --- the door --- */

static void on_accept(int fd, void *arg)
{
	struct door *d = arg;
	struct client *c;

	if (d->config.max_clients > 0 && d->n_clients >= d->config.max_clients) {
		close(fd);
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->io = lineio_new(d->loop, fd, fd, REQUEST_MAX_LINE, on_client, c)) == NULL) {
		free(c);
		close(fd);
		return;
	}
	c->door = d;
	c->fd = fd;
	deadline_set(c);
	LIST_INSERT_HEAD(&d->clients, c, link);
	d->n_clients++;
}

int door_open(struct loop *loop, struct pool *pool, const struct door_config *config, struct door **out)
{
	struct door *d = calloc(1, sizeof(*d));
	int err = -ENOMEM;

	if (d == NULL)
		return err;
	d->loop = loop;
	d->pool = pool;
	d->config = *config;
	LIST_INIT(&d->clients);
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

/* Those that keep a connection without a request. One that comes now stays unread, which its client is told
 * by the way in which we close. */
static void hang_up_on_idle(struct door *d)
{
	struct client *c, *next;

	for (c = LIST_FIRST(&d->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->state == CLIENT_ASKING && c->served)
			client_free(c);
	}
}

void door_close(struct door *d)
{
	if (d == NULL || d->listener == NULL)
		return;
	listen_unlink(&d->config.address, d->fd);
	listener_free(d->listener);
	d->listener = NULL;
	hang_up_on_idle(d);
}

void door_free(struct door *d)
{
	if (d == NULL)
		return;
	door_close(d);
	while (!LIST_EMPTY(&d->clients))
		client_free(LIST_FIRST(&d->clients));
	free(d);
}
