#include "worker/serve.h"

#include "base/log.h"
#include "proto/request.h"
#include "worker/channel.h"
#include "worker/deadline.h"
#include "worker/guard.h"
#include "worker/interp.h"

#include <errno.h>
#include <string.h>

/* A reply that no request needs more than: a value of filter_map, encoded. */
#define MAX_REPLY 262144

/* The requests that have a meaning of their own; any other is the filter's. A request with too few words gets
 * an error: it must not reach a filter that counts on them. */
static const struct verb {
	const char *name;
	int min_args;
	const char *function; /* takes the words behind the verb, returns the reply */
} verbs[] = {
	{ "scan", 2, "Mail::MIMEDefang::Scan::answer_scan" },
	{ "relayok", 2, "Mail::MIMEDefang::Check::answer_relayok" },
	{ "helook", 3, "Mail::MIMEDefang::Check::answer_helook" },
	{ "senderok", 6, "Mail::MIMEDefang::Check::answer_senderok" },
	{ "recipok", 8, "Mail::MIMEDefang::Check::answer_recipok" },
	{ "map", 1, "Mail::MIMEDefang::Check::answer_map" },
	{ "tick", 1, "Mail::MIMEDefang::Check::answer_tick" },
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

/* Through Perl, which names the message as in all other lines. */
static void death_tell(const char *error)
{
	const char *args[] = { "err", NULL };
	struct buf text, out;

	buf_init(&text, MAX_REPLY);
	buf_init(&out, MAX_REPLY);
	buf_addf(&text, "filter died: %s", error);
	args[1] = text.data;
	if (buf_error(&text) != 0 || !interp_call("Mail::MIMEDefang::md_syslog", args, 2, &out))
		log_err("filter died: %s", error);
	buf_free(&out);
	buf_free(&text);
}

/* Call the function; when it dies, its error is the reply. */
static void perl_answer(const char *function, const char *const *args, int n_args, struct buf *reply)
{
	struct buf result;

	buf_init(&result, MAX_REPLY);
	if (interp_call(function, args, n_args, &result)) {
		buf_add(reply, result.data, result.len);
	} else {
		death_tell(result.data);
		buf_addf(reply, "error: %s", result.data);
	}
	if (buf_error(&result) != 0) {
		buf_clear(reply);
		buf_adds(reply, "error: reply too long");
	}
	buf_free(&result);
}

/* A request that is none of ours: the filter gets all its words, the verb first and in its own case. */
static void foreign_answer(const char *name, const struct request *r, struct buf *reply)
{
	const char *args[REQUEST_MAX_WORDS + 1] = { name };

	memcpy(args + 1, r->argv, sizeof(*args) * (size_t)r->argc);
	perl_answer("Mail::MIMEDefang::Check::answer_unknown", args, r->argc + 1, reply);
}

static void request_answer(char *line, struct buf *reply)
{
	const struct verb *verb;
	struct request r;

	if (request_parse(line, &r) != REQUEST_OK) {
		buf_adds(reply, "error: Too many words in request");
		return;
	}
	/* request_parse() has ended the verb with a NUL. */
	verb = verb_find(line);
	if (strcmp(line, "ping") == 0)
		buf_adds(reply, "PONG");
	else if (verb == NULL)
		foreign_answer(line, &r, reply);
	else if (r.argc < verb->min_args)
		buf_addf(reply, "error: %s: too few words in request", verb->name);
	else
		perl_answer(verb->function, r.argv, r.argc, reply);
}

static int serve_one(struct channel *c, struct guard *g, enum channel_event event, char *line)
{
	struct buf reply;
	int rc;

	buf_init(&reply, MAX_REPLY + 64);
	deadline_begin();
	if (event == CHANNEL_OVERLONG)
		buf_adds(&reply, "error: Request too long");
	else
		request_answer(line, &reply);
	/* Before the reply: with it the controller may send the next request, or remove the directory. */
	guard_restore(g);
	deadline_end();
	rc = channel_reply(c, &reply);
	buf_free(&reply);
	return rc;
}

int serve_run(struct channel *c, struct guard *g)
{
	enum channel_event event;
	char *line = NULL;
	int rc;

	while ((event = channel_read(c, &line)) == CHANNEL_LINE || event == CHANNEL_OVERLONG)
		if ((rc = serve_one(c, g, event, line)) < 0)
			return rc;
	return event == CHANNEL_END ? 0 : -errno;
}
