/* milter-send - speaks milter as an MTA would: tries a filter on a saved message, or drives load. */
#include "base/loop.h"
#include "tools/load.h"
#include "tools/message.h"
#include "tools/options.h"
#include "tools/parts.h"
#include "tools/report.h"
#include "tools/try.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Exit status of a decided message; see milter-send(1). */
enum {
	EXIT_ACCEPT = 0,
	EXIT_REJECT = 1,
	EXIT_TEMPFAIL = 2,
	EXIT_DISCARD = 3,
	EXIT_QUARANTINE = 4,
};

static int __attribute__((format(printf, 2, 3))) complain(int status, const char *format, ...)
{
	va_list ap;

	fputs("milter-send: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

static int read_all(int fd, struct buf *out)
{
	ssize_t n;

	do {
		char *room = buf_reserve(out, 65536);

		if (room == NULL)
			return buf_error(out);
		n = read(fd, room, 65536);
		if (n > 0)
			buf_extend(out, (size_t)n);
	} while (n > 0 || (n == -1 && errno == EINTR));
	return n == -1 ? -errno : 0;
}

/* The whole message file; NULL is standard input. 0 or an exit status. */
static int input_read(const char *file, struct buf *out)
{
	int fd = file == NULL ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd == -1)
		return complain(EX_NOINPUT, "%s: %s", file, strerror(errno));
	err = read_all(fd, out);
	if (fd != STDIN_FILENO)
		close(fd);
	if (err < 0)
		return complain(EX_IOERR, "%s: %s", file ? file : "standard input", strerror(-err));
	return 0;
}

/* 0 or an exit status; *out has to be freed either way. */
static int message_read(const char *file, struct message *out)
{
	struct buf input;
	int status;

	buf_init(&input, BUF_NO_LIMIT);
	status = input_read(file, &input);
	if (status == 0 && message_parse(out, input.data, input.len) < 0)
		status = complain(EX_OSERR, "%s", strerror(ENOMEM));
	buf_free(&input);
	return status;
}

static int output_write(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "we");
	bool ok;

	if (f == NULL)
		return complain(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	ok = fwrite(b->data, 1, b->len, f) == b->len;
	ok = fclose(f) == 0 && ok;
	return ok ? 0 : complain(EX_IOERR, "%s: %s", path, strerror(errno));
}

static int verdict_status(const struct story *s)
{
	static const int statuses[OUTCOMES] = {
		[OUTCOME_ACCEPT] = EXIT_ACCEPT,
		[OUTCOME_REJECT] = EXIT_REJECT,
		[OUTCOME_TEMPFAIL] = EXIT_TEMPFAIL,
		[OUTCOME_DISCARD] = EXIT_DISCARD,
	};

	return s->reason != NULL ? EXIT_QUARANTINE : statuses[s->outcome];
}

static int failure_status(const struct options *o, enum failure f, const char *why)
{
	return complain(f == FAILURE_CONNECT ? EX_UNAVAILABLE : EX_PROTOCOL, "%s: %s", o->milter, why);
}

static bool has_new_body(const struct story *s)
{
	for (size_t i = 0; i < s->changes.n; i++) {
		if (s->changes.list[i].response == MILTER_REPLBODY)
			return true;
	}
	return false;
}

static void print(const struct options *o, const struct story *s, const struct parts *parts)
{
	struct buf text;

	if (o->quiet)
		return;
	buf_init(&text, BUF_NO_LIMIT);
	(o->json ? report_json : report_text)(&text, &o->script, s, parts);
	fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
}

/* Print the story, with what the new body did, and write the delivered message. 0 or an exit status. */
static int tell(const struct options *o, const struct story *s)
{
	static const struct changes none;
	struct buf before, after;
	struct parts parts = { 0 };
	bool compared = false;
	int status = 0;

	buf_init(&before, BUF_NO_LIMIT);
	buf_init(&after, BUF_NO_LIMIT);
	if (delivery_write(&before, o->script.message, &none, false) < 0 ||
	    delivery_write(&after, o->script.message, &s->changes, s->lead_space) < 0)
		status = complain(EX_OSERR, "%s", strerror(ENOMEM));
	else if (has_new_body(s))
		compared = parts_compare(&parts, before.data, before.len, after.data, after.len) == 0;
	if (status == 0)
		print(o, s, compared ? &parts : NULL);
	if (status == 0 && o->output != NULL && s->decided && s->outcome == OUTCOME_ACCEPT)
		status = output_write(o->output, &after);
	parts_free(&parts);
	buf_free(&before);
	buf_free(&after);
	return status;
}

static int run_once(const struct options *o, struct loop *loop)
{
	struct story story;
	int status;

	try_message(loop, &o->script, &story);
	if (story.out_of_memory)
		status = complain(EX_OSERR, "%s", strerror(ENOMEM));
	else if ((status = tell(o, &story)) == 0)
		status = story.decided ? verdict_status(&story) : failure_status(o, story.failure, story.why);
	story_free(&story);
	return status;
}

static int run_load(const struct options *o, const struct script *scripts, struct loop *loop)
{
	struct load load;
	struct buf text;
	int err = load_run(loop, scripts, o->n_files, o->count, o->concurrency, o->per_connection, &load);
	int status = err < 0 ? complain(EX_OSERR, "%s", strerror(-err)) : 0;

	buf_init(&text, BUF_NO_LIMIT);
	if (status == 0 && !o->quiet) {
		(o->json ? load_json : load_text)(&text, &load);
		fwrite(text.data, 1, text.len, stdout);
	}
	if (status == 0 && load.errors > 0)
		status = failure_status(o, FAILURE_PROTOCOL, load.first_error);
	buf_free(&text);
	load_free(&load);
	return status;
}

/* `messages` and `scripts` have room for one of each file. */
static int run(struct options *o, struct message *messages, struct script *scripts)
{
	struct loop *loop;
	int status = 0;

	for (size_t i = 0; i < o->n_files && status == 0; i++) {
		status = message_read(o->files[i], &messages[i]);
		scripts[i] = o->script;
		scripts[i].message = &messages[i];
	}
	if (status != 0)
		return status;
	if ((loop = loop_new()) == NULL)
		return complain(EX_OSERR, "%s", strerror(errno));
	o->script.message = &messages[0];
	status = o->load ? run_load(o, scripts, loop) : run_once(o, loop);
	loop_free(loop);
	return status;
}

int main(int argc, char *argv[])
{
	struct options o;
	struct message *messages;
	struct script *scripts;
	int status;

	options_parse(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	messages = calloc(o.n_files, sizeof(*messages));
	scripts = calloc(o.n_files, sizeof(*scripts));
	if (messages == NULL || scripts == NULL)
		status = complain(EX_OSERR, "%s", strerror(ENOMEM));
	else
		status = run(&o, messages, scripts);
	for (size_t i = 0; messages != NULL && i < o.n_files; i++)
		message_free(&messages[i]);
	free(messages);
	free(scripts);
	options_free(&o);
	return status;
}
