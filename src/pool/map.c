#include "pool/map.h"

#include "base/conn.h"
#include "base/listen.h"
#include "base/log.h"
#include "proto/netstring.h"
#include "proto/socketmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

/* No request is read while more than this is waiting to be taken by the mail server. */
#define MAX_PENDING NETSTRING_MAX_FRAME

#define OUT_OF_MEMORY "error: Out of memory\n"
#define NO_ANSWER "error: Busy timeout on worker\n"

struct map_client {
	LIST_ENTRY(map_client) link;
	struct map *map;
	struct conn *conn;
	struct job *job; /* the look-up at hand */
};

struct map {
	struct loop *loop;
	struct pool *pool;
	struct map_config config;
	struct listener *listener;
	int fd; /* of the listener */
	int n_clients;
	LIST_HEAD(map_clients, map_client) clients;
};

static void client_free(struct map_client *c)
{
	if (c->job != NULL)
		pool_cancel(c->map->pool, c->job);
	conn_free(c->conn);
	LIST_REMOVE(c, link);
	c->map->n_clients--;
	free(c);
}

/* --- answers --- */

static void client_answer(struct map_client *c, const struct buf *out)
{
	conn_write(c->conn, out->data, out->len);
	conn_set_deadline(c->conn, loop_now(c->map->loop) + c->map->config.client_ms);
}

static void client_fail(struct map_client *c, const char *reply)
{
	struct buf out;

	if (strcmp(reply, POOL_CANNOT_ACTIVATE) == 0)
		log_warn("map command failed: No free workers");
	buf_init(&out, BUF_NO_LIMIT);
	socketmap_failure(reply, &out);
	client_answer(c, &out);
	buf_free(&out);
}

static void client_refuse(struct map_client *c, const char *answer)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	netstring_add(&out, answer, strlen(answer));
	client_answer(c, &out);
	buf_free(&out);
}

/* No further job may be submitted from here: CONN_DRAINED, which follows the answer, goes on. */
static void on_job_done(struct job *job, const char *answer, size_t len, void *arg)
{
	struct map_client *c = arg;
	struct buf out;

	c->job = NULL;
	if (job->end != JOB_ANSWERED) {
		client_fail(c, job->end == JOB_LOST ? NO_ANSWER : answer);
		return;
	}
	buf_init(&out, BUF_NO_LIMIT);
	socketmap_answer(answer, len, &out);
	if (buf_error(&out) < 0)
		client_fail(c, OUT_OF_MEMORY);
	else
		client_answer(c, &out);
	buf_free(&out);
}

/* --- requests --- */

static void look_up(struct map_client *c, const char *line)
{
	struct job *job = job_new(line, NULL, on_job_done, c);
	const char *refusal;

	if (job == NULL) {
		client_fail(c, OUT_OF_MEMORY);
		return;
	}
	job->origin = JOB_OF_MAP;
	if ((refusal = pool_submit(c->map->pool, job)) == NULL) {
		c->job = job;
		return;
	}
	job_free(job);
	client_fail(c, refusal);
}

static void request_run(struct map_client *c, const struct netstring *request)
{
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	if (!socketmap_request(request->data, request->len, &line))
		client_refuse(c, SOCKETMAP_BAD_REQUEST);
	else if (buf_error(&line) < 0)
		client_fail(c, OUT_OF_MEMORY);
	else
		look_up(c, line.data);
	buf_free(&line);
}

/* Whether a request was taken from the input. */
static bool request_take(struct map_client *c, enum netstring_result *result)
{
	size_t n;
	const char *in = conn_input(c->conn, &n);
	struct netstring request;

	*result = netstring_parse(in, n, &request);
	if (*result == NETSTRING_INCOMPLETE || *result == NETSTRING_BAD_LENGTH)
		return false;
	conn_consume(c->conn, request.used);
	if (*result == NETSTRING_OK)
		request_run(c, &request);
	else
		client_refuse(c, SOCKETMAP_NO_COMMA);
	return true;
}

/* Deal with what has come, up to the first look-up that a worker has to answer. May free the client. */
static void client_serve(struct map_client *c)
{
	enum netstring_result result = NETSTRING_INCOMPLETE;

	while (c->job == NULL && conn_pending(c->conn) <= MAX_PENDING && request_take(c, &result))
		;
	if (c->job != NULL || conn_pending(c->conn) > 0)
		return; /* what is to be written comes first; then this is called again */
	if (result == NETSTRING_BAD_LENGTH)
		log_info("A map client sent no netstring: hanging up");
	if (result == NETSTRING_BAD_LENGTH || conn_input_ended(c->conn))
		client_free(c);
}

static void on_client(struct conn *conn, enum conn_event event, void *arg)
{
	struct map_client *c = arg;

	switch (event) {
	case CONN_EOF: /* there may be look-ups before it */
	case CONN_INPUT:
		client_serve(c);
		break;
	case CONN_DRAINED:
		conn_set_deadline(conn, 0);
		client_serve(c);
		break;
	case CONN_TIMEOUT:
		log_info("A map client did not read its answers: hanging up");
		client_free(c);
		break;
	case CONN_ERROR:
		client_free(c);
		break;
	}
}

/* --- the socket --- */

static void on_accept(int fd, void *arg)
{
	struct map *m = arg;
	struct map_client *c;

	if (m->n_clients >= MAP_MAX_CLIENTS) {
		close(fd);
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->conn = conn_new(m->loop, fd, fd, NETSTRING_MAX_FRAME, on_client, c)) == NULL) {
		free(c);
		close(fd);
		return;
	}
	c->map = m;
	LIST_INSERT_HEAD(&m->clients, c, link);
	m->n_clients++;
}

int map_open(struct loop *loop, struct pool *pool, const struct map_config *config, struct map **out)
{
	struct map *m = calloc(1, sizeof(*m));
	int err = -ENOMEM;

	if (m == NULL)
		return err;
	m->loop = loop;
	m->pool = pool;
	m->config = *config;
	LIST_INIT(&m->clients);
	if ((m->fd = err = listen_obtain(config->passed_fd, &config->address, config->backlog,
					 config->umask)) < 0)
		goto fail;
	if ((m->listener = listener_new(loop, m->fd, on_accept, m)) == NULL) {
		err = -errno;
		listen_unlink(&config->address, m->fd);
		close(m->fd);
		goto fail;
	}
	*out = m;
	return 0;
fail:
	free(m);
	return err;
}

void map_close(struct map *m)
{
	if (m == NULL || m->listener == NULL)
		return;
	listen_unlink(&m->config.address, m->fd);
	listener_free(m->listener);
	m->listener = NULL;
}

void map_free(struct map *m)
{
	if (m == NULL)
		return;
	map_close(m);
	while (!LIST_EMPTY(&m->clients))
		client_free(LIST_FIRST(&m->clients));
	free(m);
}
