#include "pmx/question.h"

#include "base/address.h"
#include "base/ask.h"
#include "base/descriptors.h"
#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER (8u << 20) /* bytes */
#define CONNECTIONS_MS 500
#define OTHER_DESCRIPTORS 16 /* that are open besides those of questions */
#define SNAPSHOT "snapshot\n"

struct round { /* of questions that are asked at once */
	struct loop *loop;
	size_t left; /* to be answered */
};

struct question {
	struct round *round;
	char *answer; /* owned; NULL for none */
};

static void on_answer(enum ask_result result, char *answer, size_t len, int error, void *arg)
{
	struct question *q = arg;

	if (result == ASK_ANSWERED)
		q->answer = strdup(answer);
	if (--q->round->left == 0)
		loop_stop(q->round->loop);
}

static void question_begin(struct question *q, const char *socket, const char *line, int64_t timeout_ms)
{
	struct loop *loop = q->round->loop;
	struct address to;

	if (address_parse(socket, ADDRESS_LOOPBACK, &to) == ADDRESS_OK &&
	    ask_start(loop, &to, line, strlen(line), MAX_ANSWER, loop_now(loop) + timeout_ms, on_answer, q) !=
		    NULL)
		q->round->left++;
}

static void round_run(struct round *r)
{
	if (r->left > 0)
		loop_run(r->loop);
	loop_free(r->loop);
}

char *question_ask(const char *socket, const char *line, int64_t timeout_ms)
{
	struct round r = { .loop = loop_new() };
	struct question q = { .round = &r };

	if (r.loop == NULL)
		return NULL;
	question_begin(&q, socket, line, timeout_ms);
	round_run(&r);
	return q.answer;
}

/* 0; -ETIMEDOUT, -EPROTO. Takes the answer. */
static int understand(char *answer, struct snapshot *out)
{
	enum snapshot_error e;

	if (answer == NULL)
		return -ETIMEDOUT;
	e = snapshot_parse(answer, out);
	free(answer);
	return e == SNAPSHOT_OK ? 0 : -EPROTO;
}

int question_snapshot(const char *socket, int64_t timeout_ms, struct snapshot *out)
{
	return understand(question_ask(socket, SNAPSHOT, timeout_ms), out);
}

static void ask_some(struct question_snapshot *all, size_t n, int64_t timeout_ms)
{
	struct round r = { .loop = loop_new() };
	struct question *questions = calloc(n + 1, sizeof(*questions));

	for (size_t i = 0; i < n; i++)
		all[i].answered = false;
	if (r.loop == NULL || questions == NULL) {
		loop_free(r.loop);
		free(questions);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		questions[i].round = &r;
		question_begin(&questions[i], all[i].socket, SNAPSHOT, timeout_ms);
	}
	round_run(&r);
	for (size_t i = 0; i < n; i++)
		all[i].answered = understand(questions[i].answer, all[i].out) == 0;
	free(questions);
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

void question_snapshots(struct question_snapshot *all, size_t n, int64_t timeout_ms)
{
	int64_t room = descriptors_limit() - OTHER_DESCRIPTORS;
	size_t most = room > 1 ? (size_t)room : 1, some;

	for (size_t i = 0; i < n; i += some) {
		some = n - i < most ? n - i : most;
		ask_some(all + i, some, timeout_ms);
	}
}

static bool front_is(const char *socket, bool ending)
{
	struct snapshot s;
	bool is_so;

	if (question_snapshot(socket, CONNECTIONS_MS, &s) < 0)
		return false;
	is_so = (strcmp(s.frontend.state, "ending") == 0) == ending;
	snapshot_free(&s);
	return is_so;
}

bool question_is_ending(const char *socket)
{
	return front_is(socket, true);
}

bool question_is_serving(const char *socket)
{
	return front_is(socket, false);
}
