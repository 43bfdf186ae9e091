#include "milter/status.h"

#include "base/desk.h"
#include "milter/client.h"
#include "milter/status_report.h"
#include "proto/snapshot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BACKLOG 64
#define MAX_LINE 1024
#define MAX_VISITORS 20
#define VISITOR_MS 10000
#define CONTROLLER_MS 5000 /* within which the controller has to answer to be well */
#define OUT_OF_MEMORY "error: Out of memory\n"

struct status {
	struct loop *loop;
	struct loops *loops;
	struct desk *desk;
	enum status_state state;
	int64_t begun_ms;
	bool listing;                        /* the loops have been asked for their sessions */
	LIST_HEAD(waiters, waiter) sessions; /* who waits for them */
};

/* A visitor whose reply takes a while. */
struct waiter {
	LIST_ENTRY(waiter) link; /* of who waits for sessions */
	struct status *status;
	struct visitor *visitor;
	struct question *question; /* NULL: waits for sessions */
};

static const char *const state_names[] = {
	[STATUS_STARTING] = "starting",
	[STATUS_SERVING] = "serving",
	[STATUS_ENDING] = "ending",
};

static void reply_text(struct visitor *v, const char *text)
{
	visitor_reply(v, text, strlen(text));
}

static void reply_buf(struct visitor *v, struct buf *reply)
{
	if (buf_error(reply) != 0 || reply->len == 0)
		reply_text(v, OUT_OF_MEMORY);
	else
		visitor_reply(v, reply->data, reply->len);
	buf_free(reply);
}

static struct waiter *waiter_new(struct status *s, struct visitor *v)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		reply_text(v, OUT_OF_MEMORY);
		return NULL;
	}
	w->status = s;
	w->visitor = v;
	visitor_set(v, w);
	return w;
}

/* --- requests that are answered at once --- */

static void run_help(struct status *s, struct visitor *v);

static void run_version(struct status *s, struct visitor *v)
{
	reply_text(v, DEFANG_VERSION "\n");
}

static void put_snapshot(const struct status *s, struct buf *out)
{
	struct figures figures = { 0 };
	struct status_report report = {
		.state = state_names[s->state],
		.uptime_ms = loop_now(s->loop) - s->begun_ms,
		.loops = loops_number(s->loops),
		.sessions_limit = loops_first(s->loops)->site->limits.sessions,
		.figures = &figures,
	};

	loops_figures(s->loops, &figures);
	status_report(out, &report);
}

static void run_snapshot(struct status *s, struct visitor *v)
{
	struct buf reply;

	buf_init(&reply, BUF_NO_LIMIT);
	put_snapshot(s, &reply);
	reply_buf(v, &reply);
}

static void run_jsonsnapshot(struct status *s, struct visitor *v)
{
	struct buf text, reply;

	buf_init(&text, BUF_NO_LIMIT);
	buf_init(&reply, BUF_NO_LIMIT);
	put_snapshot(s, &text);
	snapshot_json_of_text(&reply, text.data);
	buf_free(&text);
	reply_buf(v, &reply);
}

/* --- health: whether mail can be judged --- */

static void on_free_workers(int n_free, enum failure failure, void *arg)
{
	struct waiter *w = arg;
	struct buf reply;

	buf_init(&reply, BUF_NO_LIMIT);
	if (failure == FAILURE_NONE)
		buf_adds(&reply, "ok\n");
	else
		buf_addf(&reply, "degraded: the controller does not answer: %s\n",
			 fate_failure_name(failure));
	reply_buf(w->visitor, &reply);
	free(w);
}

static void ask_controller(struct status *s, struct visitor *v)
{
	const struct client *client = &loops_first(s->loops)->client;
	struct waiter *w = waiter_new(s, v);

	if (w == NULL)
		return;
	w->question = client_free_workers(client, WHO_NOBODY, true, loop_now(s->loop) + CONTROLLER_MS,
					  on_free_workers, w);
	if (w->question != NULL)
		return;
	reply_text(v, OUT_OF_MEMORY);
	free(w);
}

static void run_health(struct status *s, struct visitor *v)
{
	if (s->state == STATUS_ENDING)
		reply_text(v, "ending: no new connections are taken\n");
	else
		ask_controller(s, v);
}

/* --- sessions: each loop has to say what its own are --- */

static void on_listed(const char *text, size_t len, void *arg)
{
	struct status *s = arg;

	s->listing = false;
	while (!LIST_EMPTY(&s->sessions)) {
		struct waiter *w = LIST_FIRST(&s->sessions);

		LIST_REMOVE(w, link);
		visitor_reply(w->visitor, text, len);
		free(w);
	}
}

static void run_sessions(struct status *s, struct visitor *v)
{
	struct waiter *w = waiter_new(s, v);

	if (w == NULL)
		return;
	LIST_INSERT_HEAD(&s->sessions, w, link);
	if (!s->listing) /* else the answer that is on its way will do */
		loops_list(s->loops, on_listed, s);
	s->listing = true;
}

/* --- the table of requests --- */

static const struct command {
	const char *name; /* the whole line */
	void (*run)(struct status *s, struct visitor *v);
	const char *help;
} commands[] = {
	{ "help", run_help, "list the requests" },
	{ "version", run_version, "version of the front end" },
	{ "health", run_health, "whether mail can be judged, and why not" },
	{ "snapshot", run_snapshot, "all there is to know, for programs" },
	{ "jsonsnapshot", run_jsonsnapshot, "the same as JSON" },
	{ "sessions", run_sessions, "the connections of mail servers" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void run_help(struct status *s, struct visitor *v)
{
	struct buf reply;

	buf_init(&reply, BUF_NO_LIMIT);
	for (size_t i = 0; i < N_COMMANDS; i++)
		buf_addf(&reply, "%-17s-- %s\n", commands[i].name, commands[i].help);
	reply_buf(v, &reply);
}

static void on_request(struct visitor *v, char *line, void *arg)
{
	desk_drop_cr(line);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(line, commands[i].name) == 0) {
			commands[i].run(arg, v);
			return;
		}
	}
	reply_text(v, "error: Unknown command\n");
}

static void on_gone(struct visitor *v, void *arg)
{
	struct waiter *w = visitor_get(v);

	if (w->question != NULL)
		question_cancel(w->question);
	else
		LIST_REMOVE(w, link);
	free(w);
}

static const struct desk_events events = { .request = on_request, .gone = on_gone };

/* --- the status --- */

int status_open(struct loop *loop, const struct settings *settings, struct loops *loops, struct status **out)
{
	struct desk_config desk = {
		.address = settings->status,
		.passed_fd = -1,
		.backlog = BACKLOG,
		.umask = settings->group ? 007 : 027,
		.max_line = MAX_LINE,
		.max_visitors = MAX_VISITORS,
		.limit_ms = VISITOR_MS,
	};
	struct status *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -ENOMEM;
	s->loop = loop;
	s->loops = loops;
	s->begun_ms = loop_now(loop);
	LIST_INIT(&s->sessions);
	if ((err = desk_open(loop, &desk, &events, s, &s->desk)) < 0) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void status_set_state(struct status *s, enum status_state state)
{
	if (s != NULL)
		s->state = state;
}

void status_free(struct status *s)
{
	if (s == NULL)
		return;
	desk_free(s->desk);
	free(s);
}
