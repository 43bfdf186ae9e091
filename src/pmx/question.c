#include "pmx/question.h"

#include "base/address.h"
#include "base/ask.h"
#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER (8u << 20) /* bytes */
#define CONNECTIONS_MS 500

struct question {
	struct loop *loop;
	char *answer;
};

static void on_answer(enum ask_result result, char *answer, size_t len, int error, void *arg)
{
	struct question *q = arg;

	if (result == ASK_ANSWERED)
		q->answer = strdup(answer);
	loop_stop(q->loop);
}

char *question_ask(const char *socket, const char *line, int64_t timeout_ms)
{
	struct question q = { .loop = loop_new() };
	struct address to;

	if (q.loop == NULL)
		return NULL;
	if (address_parse(socket, ADDRESS_LOOPBACK, &to) == ADDRESS_OK &&
	    ask_start(q.loop, &to, line, strlen(line), MAX_ANSWER, loop_now(q.loop) + timeout_ms, on_answer,
		      &q) != NULL)
		loop_run(q.loop);
	loop_free(q.loop);
	return q.answer;
}

int question_snapshot(const char *socket, int64_t timeout_ms, struct snapshot *out)
{
	char *answer = question_ask(socket, "snapshot\n", timeout_ms);
	enum snapshot_error e;

	if (answer == NULL)
		return -ETIMEDOUT;
	e = snapshot_parse(answer, out);
	free(answer);
	return e == SNAPSHOT_OK ? 0 : -EPROTO;
}

int64_t question_connections(const char *socket)
{
	struct snapshot s;
	int64_t n;

	if (question_snapshot(socket, CONNECTIONS_MS, &s) < 0)
		return -1;
	n = s.frontend.sessions;
	snapshot_free(&s);
	return n;
}

bool question_is_ending(const char *socket)
{
	struct snapshot s;
	bool ending;

	if (question_snapshot(socket, CONNECTIONS_MS, &s) < 0)
		return false;
	ending = strcmp(s.frontend.state, "ending") == 0;
	snapshot_free(&s);
	return ending;
}
