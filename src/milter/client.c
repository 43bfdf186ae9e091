#include "milter/client.h"

#include "base/ask.h"
#include "proto/request.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER 65536 /* bytes of a reply that are read */

enum kind { KIND_CHECK, KIND_FREE, KIND_SCAN };

struct question {
	const struct client *client;
	struct ask *ask;
	int64_t asked_ms;
	enum kind kind;
	bool quiet; /* do not log a controller that is not there */
	union {
		check_fn *check;
		free_fn *free_workers;
		scan_fn *scan;
	} cb;
	void *arg;
	struct who about; /* into `ids` */
	char ids[];
};

static void log_trouble(const struct question *q, enum ask_result result, int error)
{
	static const char *const step[] = {
		[ASK_NO_CONNECT] = "connect",
		[ASK_WRITE_ERROR] = "write",
		[ASK_READ_ERROR] = "read",
	};

	if (q->quiet)
		return;
	if (result == ASK_TRUNCATED)
		who_warn(q->about, "MXCommand: Overlong reply from multiplexor was truncated!");
	else if (result == ASK_TIMEOUT)
		who_err(q->about, "MXCommand: no answer from the multiplexor in time");
	else if (result != ASK_ANSWERED)
		who_err(q->about, "MXCommand: %s: %s: Is multiplexor running?", step[result],
			strerror(-error));
}

/* An empty answer is a byte that all empty buffers of all loops share: it must not be cut in place. */
static void log_bad_answer(const struct question *q, const char *answer)
{
	who_err(q->about, "Error from multiplexor: %.*s", (int)strcspn(answer, "\n"), answer);
}

/* A controller that ends in the midst of a request leaves no more than an end of file. */
static enum failure failure_of_reply(enum reply_error error)
{
	switch (error) {
	case REPLY_OK:
		return FAILURE_NONE;
	case REPLY_EMPTY:
		return FAILURE_NO_CONTROLLER;
	default:
		return FAILURE_CONTROLLER_ERROR;
	}
}

/* `failure` is NONE when there is an answer at all. */
static void end_check(const struct question *q, char *answer, enum failure failure)
{
	struct check_reply reply = { .verdict = VERDICT_TEMPFAIL };

	if (failure == FAILURE_NONE &&
	    (failure = failure_of_reply(check_reply_parse(answer, &reply))) != FAILURE_NONE)
		log_bad_answer(q, answer);
	q->cb.check(&reply, failure, q->arg);
}

static void end_free(const struct question *q, const char *answer, enum failure failure)
{
	int n = -1;

	if (failure == FAILURE_NONE)
		failure = failure_of_reply(free_reply_parse(answer, &n));
	q->cb.free_workers(n, failure, q->arg);
}

static void end_scan(const struct question *q, char *answer, enum failure failure)
{
	struct facts facts = FACTS_UNKNOWN;

	if (failure == FAILURE_NONE) {
		facts_take(answer, &facts);
		if ((failure = failure_of_reply(scan_reply_parse(answer))) != FAILURE_NONE)
			log_bad_answer(q, answer);
	}
	q->cb.scan(failure, &facts, q->arg);
}

static enum failure failure_of_asking(enum ask_result result)
{
	switch (result) {
	case ASK_ANSWERED:
	case ASK_TRUNCATED:
		return FAILURE_NONE;
	case ASK_TIMEOUT:
		return FAILURE_TIMEOUT;
	default:
		return FAILURE_NO_CONTROLLER;
	}
}

static void on_answer(enum ask_result result, char *answer, size_t len, int error, void *arg)
{
	struct question *q = arg;
	enum failure failure = failure_of_asking(result);

	log_trouble(q, result, error);
	figures_latency(&q->client->figures->controller, loop_now(q->client->loop) - q->asked_ms);
	if (q->kind == KIND_CHECK)
		end_check(q, answer, failure);
	else if (q->kind == KIND_FREE)
		end_free(q, answer, failure);
	else
		end_scan(q, answer, failure);
	free(q);
}

static struct question *question_new(enum kind kind, struct who about, void *arg)
{
	const char *session = about.session != NULL ? about.session : "";
	size_t size = strlen(about.queue_id) + 1, session_size = strlen(session) + 1;
	struct question *q = calloc(1, sizeof(*q) + size + session_size);

	if (q == NULL) {
		who_err(about, "request to the multiplexor not sent: out of memory");
		return NULL;
	}
	q->about.queue_id = memcpy(q->ids, about.queue_id, size);
	if (about.session != NULL)
		q->about.session = memcpy(q->ids + size, session, session_size);
	q->kind = kind;
	q->arg = arg;
	return q;
}

/* Takes `q`, which may be NULL. */
static struct question *question_start(const struct client *c, struct question *q, const struct buf *line,
				       int64_t deadline)
{
	if (q == NULL)
		return NULL;
	if (buf_error(line) != 0 || line->len > REQUEST_MAX_LINE) {
		who_err(q->about, "request to the multiplexor not sent: %s",
			buf_error(line) == 0 ? "it is too long" : "out of memory");
		free(q);
		return NULL;
	}
	q->ask = ask_start_kept(c->controller, line->data, line->len, MAX_ANSWER, deadline, on_answer, q);
	if (q->ask == NULL) {
		who_err(q->about, "request to the multiplexor not sent: out of memory");
		free(q);
		return NULL;
	}
	q->client = c;
	q->asked_ms = loop_now(c->loop);
	figures_count(&c->figures->asked, 1);
	return q;
}

struct question *client_check(const struct client *c, struct who about, const struct buf *line,
			      int64_t deadline, check_fn *cb, void *arg)
{
	struct question *q = question_new(KIND_CHECK, about, arg);

	if (q != NULL)
		q->cb.check = cb;
	return question_start(c, q, line, deadline);
}

static struct question *start_words(const struct client *c, struct question *q, const char *verb,
				    const char *const *words, int n, int64_t deadline)
{
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	request_encode(&line, verb, words, n);
	if (q != NULL && q->kind == KIND_SCAN)
		buf_adds(&line, FACTS_REQUEST "\n");
	q = question_start(c, q, &line, deadline);
	buf_free(&line);
	return q;
}

struct question *client_free_workers(const struct client *c, struct who about, bool quiet, int64_t deadline,
				     free_fn *cb, void *arg)
{
	struct question *q = question_new(KIND_FREE, about, arg);

	if (q != NULL) {
		q->cb.free_workers = cb;
		q->quiet = quiet;
	}
	return start_words(c, q, "free", NULL, 0, deadline);
}

struct question *client_scan(const struct client *c, struct who about, const char *dir, int64_t deadline,
			     scan_fn *cb, void *arg)
{
	struct question *q = question_new(KIND_SCAN, about, arg);

	if (q != NULL)
		q->cb.scan = cb;
	return start_words(c, q, "scan", (const char *const[]){ about.queue_id, dir }, 2, deadline);
}

void question_cancel(struct question *q)
{
	if (q == NULL)
		return;
	figures_count(&q->client->figures->withdrawn, 1);
	ask_cancel(q->ask);
	free(q);
}
