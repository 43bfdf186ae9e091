/* md-mx-ctrl - ask the controller of the workers, and show what it answers. */
#include "base/address.h"
#include "base/ask.h"
#include "base/buf.h"
#include "base/loop.h"
#include "ctl/format.h"
#include "proto/percent.h"
#include "proto/reply.h"
#include "proto/request.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/spool/MIMEDefang/mimedefang-multiplexor.sock"
#define MAX_ANSWER (64u << 20) /* bytes: a snapshot of 20,000 slots may have 10 MB */
#define OPTIONS "s:ih"

/* What is typed, when it is not sent as typed. */
static const struct view {
	const char *typed;
	const char *sent;
	int n_args;
	format_fn *format; /* NULL: shown as it comes */
	bool may_be_empty; /* no answer is an answer */
} views[] = {
	{ "status", "status", 0, format_status },
	{ "rawstatus", "status", 0, NULL },
	{ "barstatus", "status", 0, format_barstatus },
	{ "jsonstatus", "status", 0, format_jsonstatus },
	{ "load", "load", 0, format_load },
	{ "load-relayok", "load-relayok", 0, format_load_relayok },
	{ "load-senderok", "load-senderok", 0, format_load_senderok },
	{ "load-recipok", "load-recipok", 0, format_load_recipok },
	{ "rawload", "load", 0, NULL },
	{ "rawload-relayok", "load-relayok", 0, NULL },
	{ "rawload-senderok", "load-senderok", 0, NULL },
	{ "rawload-recipok", "load-recipok", 0, NULL },
	{ "hload", "hload", 0, format_hload },
	{ "hload-relayok", "hload-relayok", 0, format_hload_relayok },
	{ "hload-senderok", "hload-senderok", 0, format_hload_senderok },
	{ "hload-recipok", "hload-recipok", 0, format_hload_recipok },
	{ "rawhload", "hload", 0, NULL },
	{ "rawhload-relayok", "hload-relayok", 0, NULL },
	{ "rawhload-senderok", "hload-senderok", 0, NULL },
	{ "rawhload-recipok", "hload-recipok", 0, NULL },
	{ "load1", "load1", 1, format_load1 },
	{ "rawload1", "load1", 1, NULL },
	{ "jsonload1", "load1", 1, format_jsonload1 },
	{ "snapshot", "snapshot", 0, NULL },
	{ "msgs", "msgs", 0, NULL },
	{ "reread", "reread", 0, NULL },
	{ "reread", "reread", 1, NULL },
};

/* By the first `n` bytes of `typed`, which is a word of its own, and the number of words behind it. */
static const struct view *view_find(const char *typed, size_t n, int n_args)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (strlen(views[i].typed) == n && memcmp(views[i].typed, typed, n) == 0 &&
		    views[i].n_args == n_args)
			return &views[i];
	}
	return NULL;
}

/* --- asking --- */

struct control {
	struct loop *loop;
	struct address address;
	FILE *errors; /* where they go: standard error, but standard output with -i */
	/* of the question being asked */
	const struct view *view;
	bool failed;
};

static void fail_errno(struct control *c, const char *what, int err, bool ask_running)
{
	fprintf(c->errors, "ERROR MXCommand: %s: %s%s\n", what, strerror(-err),
		ask_running ? ": Is multiplexor running?" : "");
	c->failed = true;
}

/* With a final LF, whether there was one or not. */
static void print_line(FILE *out, const char *text, size_t len)
{
	if (len == 0)
		return;
	fwrite(text, 1, len, out);
	if (text[len - 1] != '\n')
		fputc('\n', out);
}

/* As MIMEDefang's tool says it, and where. */
static void show_unreadable(struct control *c, const char *answer)
{
	bool interval = c->view->format == format_load1;
	FILE *out = interval ? stdout : c->errors;

	fputs(interval ? "Could not interpret response: " : "ERROR ", out);
	print_line(out, answer, strlen(answer));
	c->failed = true;
}

static void show_formatted(struct control *c, const char *answer)
{
	char hostname[HOST_NAME_MAX + 1] = "", timestamp[32];
	time_t now = time(NULL);
	struct format_origin origin = { .hostname = hostname, .timestamp = timestamp };
	struct tm tm;
	struct buf text;

	gethostname(hostname, sizeof(hostname) - 1);
	strftime(timestamp, sizeof(timestamp), "%a %b %e %H:%M:%S %Y", localtime_r(&now, &tm));
	buf_init(&text, BUF_NO_LIMIT);
	if (c->view->format(answer, &origin, &text))
		fwrite(text.data, 1, text.len, stdout);
	else
		show_unreadable(c, answer);
	buf_free(&text);
}

static void show(struct control *c, char *answer, size_t len)
{
	if (len == 0 && c->view != NULL && !c->view->may_be_empty) {
		fprintf(c->errors, "ERROR MXCommand: read: the controller hung up without an answer\n");
		c->failed = true;
	} else if (c->view != NULL && c->view->format != NULL) {
		show_formatted(c, answer);
	} else if (reply_is_error(answer)) {
		print_line(c->errors, answer, len);
		c->failed = true;
	} else {
		if (c->view == NULL)
			len = percent_decode_n(answer, len);
		print_line(stdout, answer, len);
	}
}

static void on_answer(enum ask_result result, char *answer, size_t len, int error, void *arg)
{
	struct control *c = arg;

	switch (result) {
	case ASK_ANSWERED:
		show(c, answer, len);
		break;
	case ASK_TRUNCATED:
		fprintf(c->errors, "ERROR MXCommand: read: answer is too long\n");
		c->failed = true;
		break;
	case ASK_NO_CONNECT:
		fail_errno(c, "connect", error, error != -EPERM && error != -EACCES);
		break;
	case ASK_WRITE_ERROR:
		fail_errno(c, "write", error, true);
		break;
	case ASK_READ_ERROR:
		fail_errno(c, "read", error, false);
		break;
	case ASK_TIMEOUT: /* no deadline is set: a reread or a scan takes its time */
		break;
	}
	loop_stop(c->loop);
}

/* Send a whole request line and show the answer, laid out for `view`. */
static bool control_ask(struct control *c, const struct view *view, const char *line, size_t len)
{
	c->view = view;
	c->failed = false;
	if (ask_start(c->loop, &c->address, line, len, MAX_ANSWER, 0, on_answer, c) == NULL)
		fail_errno(c, "socket", -errno, false);
	else
		loop_run(c->loop);
	return !c->failed;
}

/* --- the ways to ask --- */

/* `status` is followed by a line of its own when workers do not start. A controller that does not know
 * `health` says nothing of it. */
static void ask_health(struct control *c)
{
	static const struct view health = { "health", "health", 0, format_health, true };

	control_ask(c, &health, "health\n", strlen("health\n"));
}

static bool ask_view(struct control *c, const struct view *view, const char *line, size_t len)
{
	bool ok = control_ask(c, view, line, len);

	if (ok && view != NULL && view->format == format_status)
		ask_health(c);
	return ok;
}

static bool ask_words(struct control *c, char *words[], int n)
{
	const struct view *view = view_find(words[0], strlen(words[0]), n - 1);
	struct buf line;
	bool ok;

	buf_init(&line, BUF_NO_LIMIT);
	request_encode(&line, view == NULL ? words[0] : view->sent, (const char *const *)words + 1, n - 1);
	if (buf_error(&line)) {
		fail_errno(c, "request", buf_error(&line), false);
		ok = false;
	} else {
		ok = ask_view(c, view, line.data, line.len);
	}
	buf_free(&line);
	return ok;
}

/* A line of standard input is taken as encoded already. */
static void ask_line(struct control *c, const char *text)
{
	size_t n = strcspn(text, " ");
	const struct view *view = view_find(text, n, text[n] == ' ' ? 1 : 0);
	struct buf line;

	buf_init(&line, BUF_NO_LIMIT);
	if (view == NULL) {
		buf_adds(&line, text);
	} else {
		buf_adds(&line, view->sent);
		buf_adds(&line, text + n);
	}
	buf_addc(&line, '\n');
	ask_view(c, view, line.data, line.len);
	fflush(stdout);
	buf_free(&line);
}

static void ask_lines(struct control *c)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	c->errors = stdout;
	while ((n = getline(&line, &room, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		ask_line(c, line);
	}
	free(line);
}

/* --- usage --- */

static void print_possible(enum ask_result result, char *answer, size_t len, int error, void *arg)
{
	struct control *c = arg;

	if (result == ASK_ANSWERED) {
		fputs("Possible commands:\n", c->errors);
		print_line(c->errors, answer, len);
	}
	loop_stop(c->loop);
}

static void usage(struct control *c, FILE *out)
{
	fputs("Usage: md-mx-ctrl [-s SOCKET] REQUEST [ARGUMENT]..\n"
	      "       md-mx-ctrl [-s SOCKET] -i\n"
	      "  -s SOCKET  of the controller (" DEFAULT_SOCKET ")\n"
	      "  -i         read requests from standard input, one a line, encoded already\n"
	      "  -h         this text\n"
	      "Besides the requests of the controller: rawstatus, barstatus, jsonstatus, jsonload1,\n"
	      "rawload1, and rawload and rawhload with their variants.\n",
	      out);
	c->errors = out;
	if (ask_start(c->loop, &c->address, "help\n", 5, MAX_ANSWER, 0, print_possible, c) != NULL)
		loop_run(c->loop);
}

/* --- options --- */

struct options {
	const char *socket;
	bool loop;
	bool help;
};

static int options_read(int argc, char *argv[], struct options *o)
{
	int letter;

	*o = (struct options){ .socket = DEFAULT_SOCKET };
	/* `+`: options end at the request, whose arguments may begin with a dash */
	while ((letter = getopt(argc, argv, "+" OPTIONS)) != -1) {
		switch (letter) {
		case 's':
			o->socket = optarg;
			break;
		case 'i':
			o->loop = true;
			break;
		case 'h':
			o->help = true;
			break;
		default: /* getopt has said what is wrong */
			return EX_USAGE;
		}
	}
	return 0;
}

static int address_set(struct control *c, const char *socket)
{
	enum address_error e = address_parse(socket, ADDRESS_LOOPBACK, &c->address);

	if (e == ADDRESS_OK && address_is_unix(&c->address))
		return 0;
	fprintf(stderr, "md-mx-ctrl: Option -s: '%s': %s\n", socket,
		e == ADDRESS_OK ? "not a UNIX-domain socket" : address_error_text(e));
	return EX_USAGE;
}

static int run(struct control *c, int bad_option, const struct options *o, char *words[], int n)
{
	if (bad_option != 0 || (!o->help && !o->loop && n == 0)) {
		usage(c, stderr);
		return EX_USAGE;
	}
	if (o->help)
		usage(c, stdout);
	else if (o->loop)
		ask_lines(c);
	else if (!ask_words(c, words, n))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
	struct control c = { .errors = stderr };
	struct options o;
	int bad_option = options_read(argc, argv, &o), status;

	if ((status = address_set(&c, o.socket)) != 0)
		return status;
	if ((c.loop = loop_new()) == NULL) {
		perror("md-mx-ctrl");
		return EX_OSERR;
	}
	status = run(&c, bad_option, &o, argv + optind, argc - optind);
	loop_free(c.loop);
	return status;
}
