#include "pool/client.h"

#include "base/desk.h"
#include "pool/command.h"
#include "pool/reload.h"
#include "proto/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY "error: Out of memory\n"
#define SHUTTING_DOWN "ERR Shutting down\n"

struct clients {
	struct loop *loop;
	struct pool *pool;
	bool privileged;
	struct desk *desk;
};

/* One that waits for a worker or a reload. */
struct client {
	struct clients *all;
	struct visitor *visitor;
	struct job *job;
	struct reload_waiter *reload;
	bool wants_facts; /* of how its request was served */
};

static void reply_text(struct visitor *v, const char *text)
{
	visitor_reply(v, text, strlen(text));
}

/* --- waiting --- */

static struct client *client_new(struct clients *all, struct visitor *v)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct client){ .all = all, .visitor = v };
	visitor_set(v, c);
	return c;
}

/* Its waiting is over. */
static void client_reply(struct client *c, const char *reply, size_t len)
{
	visitor_reply(c->visitor, reply, len);
	free(c);
}

static struct facts facts_of(const struct client *c, const struct job *job)
{
	return (struct facts){
		.worker = job->worker,
		.queued_ms = job->given_ms - job->submitted_ms,
		.run_ms = loop_now(c->all->loop) - job->given_ms,
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

	if (c->wants_facts && job->worker >= 0 && len > 0)
		reply_with_facts(c, answer, len, &facts);
	else
		client_reply(c, answer, len);
}

static void on_reload_done(const char *reply, void *arg)
{
	client_reply(arg, reply, strlen(reply));
}

static void wait_for_worker(struct client *c, const char *line, const struct request *request)
{
	struct job *job = job_new(line, request, on_job_done, c);
	const char *refusal;

	if (job == NULL) {
		client_reply(c, OUT_OF_MEMORY, strlen(OUT_OF_MEMORY));
		return;
	}
	if ((refusal = pool_submit(c->all->pool, job)) != NULL) {
		job_free(job);
		client_reply(c, refusal, strlen(refusal));
		return;
	}
	c->job = job;
}

/* `check`: the filter is only to be tried. */
static void wait_for_reload(struct client *c, bool check)
{
	struct reload *r = pool_reload(c->all->pool);
	const char *refusal;

	c->reload = check ? reload_check(r, on_reload_done, c) : reload_request(r, on_reload_done, c);
	if (c->reload != NULL)
		return;
	refusal = errno == ESHUTDOWN ? SHUTTING_DOWN : OUT_OF_MEMORY;
	client_reply(c, refusal, strlen(refusal));
}

/* --- the request --- */

static void wait_for(struct clients *all, struct visitor *v, enum command_result what, const char *line,
		     const struct request *request)
{
	struct client *c = client_new(all, v);

	if (c == NULL)
		reply_text(v, OUT_OF_MEMORY);
	else if (what == COMMAND_WORKER)
		wait_for_worker(c, line, request);
	else
		wait_for_reload(c, what == COMMAND_CHECK);
}

/* `line` goes to a worker as it came; the parser works on a copy. */
static void request_run(struct clients *all, struct visitor *v, const char *line, char *copy)
{
	struct request request;
	enum command_result result;
	struct buf reply;

	/* Only a filter's own request may have that many words. */
	if (request_parse(copy, &request) != REQUEST_OK)
		request = (struct request){ .verb = REQUEST_FOREIGN };
	buf_init(&reply, BUF_NO_LIMIT);
	result = command_run(all->pool, all->privileged, &request, &reply);
	if (result != COMMAND_ANSWERED)
		wait_for(all, v, result, line, &request);
	else if (buf_error(&reply))
		reply_text(v, OUT_OF_MEMORY);
	else
		visitor_reply(v, reply.data, reply.len);
	buf_free(&reply);
}

static void on_request(struct visitor *v, char *line, void *arg)
{
	char *copy = strdup(line);

	if (copy == NULL) {
		reply_text(v, OUT_OF_MEMORY);
		return;
	}
	desk_drop_cr(line); /* the parser does so with the copy: one CR, not two */
	request_run(arg, v, line, copy);
	free(copy);
}

static void on_more(struct visitor *v, char *line, void *arg)
{
	struct client *c = visitor_get(v);

	c->wants_facts |= strcmp(line, FACTS_REQUEST) == 0;
}

/* Whatever it waits for goes on without it, or is withdrawn. */
static void on_gone(struct visitor *v, void *arg)
{
	struct client *c = visitor_get(v);

	if (c->job != NULL)
		pool_cancel(c->all->pool, c->job);
	if (c->reload != NULL)
		reload_forget(pool_reload(c->all->pool), c->reload);
	free(c);
}

static const struct desk_events events = { .request = on_request, .more = on_more, .gone = on_gone };

/* --- all of them --- */

int clients_open(struct loop *loop, struct pool *pool, const struct clients_config *config,
		 struct clients **out)
{
	struct clients *c = calloc(1, sizeof(*c));
	struct desk_config desk = {
		.address = config->address,
		.passed_fd = config->passed_fd,
		.backlog = config->backlog,
		.umask = config->umask,
		.max_line = REQUEST_MAX_LINE,
		.max_visitors = config->max_clients,
		.limit_ms = config->client_ms,
		.keeps = config->privileged,
	};
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->loop = loop;
	c->pool = pool;
	c->privileged = config->privileged;
	if ((err = desk_open(loop, &desk, &events, c, &c->desk)) < 0) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void clients_close(struct clients *c)
{
	if (c != NULL)
		desk_close(c->desk);
}

void clients_free(struct clients *c)
{
	if (c == NULL)
		return;
	desk_free(c->desk);
	free(c);
}
