#include "base/log.h"
#include "mime/mime.h"
#include "worker/args.h"
#include "worker/channel.h"
#include "worker/deadline.h"
#include "worker/guard.h"
#include "worker/interp.h"
#include "worker/serve.h"
#include "worker/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

/* More than any error text of Perl that somebody would read. */
#define MAX_TEXT 65536

/* Call a function of Worker.pm with at most one argument. When it dies: the error to the log and standard
 * error, and false. */
static bool worker_call(const char *name, const char *arg, struct buf *out)
{
	char function[64];

	snprintf(function, sizeof(function), "Mail::MIMEDefang::Worker::%s", name);
	if (interp_call(function, &arg, arg != NULL, out))
		return true;
	fprintf(stderr, "mimedefang.pl: %s\n", out->data);
	log_err("%s", out->data);
	return false;
}

/* The exit status that a filter's function returned. */
static int status_of(const struct buf *out)
{
	return (int)strtol(out->data, NULL, 10) & 0xff;
}

static int run_server(struct channel *c, struct buf *out)
{
	struct guard g;
	int rc;

	if ((rc = guard_take(&g)) < 0) {
		log_err("cannot use the current folder: %s", strerror(-rc));
		return EX_OSERR;
	}
	if (!worker_call("initialize", NULL, out)) {
		guard_release(&g);
		return EX_SOFTWARE;
	}
	guard_restore(&g);
	guard_settle(&g);
	deadline_open();
	rc = serve_run(c, &g);
	guard_release(&g);
	if (rc < 0) {
		log_err("lost the controller: %s", strerror(-rc));
		return EX_IOERR;
	}
	return worker_call("cleanup", NULL, out) ? status_of(out) : EX_SOFTWARE;
}

/* What `-test` and its like, and DIRECTORY, have to do once the rules are loaded. The exit status. */
static int run_once(const struct args *a, struct buf *out)
{
	switch (a->mode) {
	case WORKER_SCAN:
		if (!worker_call("initialize", NULL, out) || !worker_call("scan", a->dir, out))
			return EX_SOFTWARE;
		return worker_call("cleanup", NULL, out) ? status_of(out) : EX_SOFTWARE;
	case WORKER_VALIDATE:
		return worker_call("validate", NULL, out) ? status_of(out) : EXIT_FAILURE;
	case WORKER_FEATURES:
		if (!worker_call("features", NULL, out))
			return EX_SOFTWARE;
		fputs(out->data, stdout);
		break;
	case WORKER_STRUCTURE:
		if (!worker_call("structure", a->dir, out))
			return EX_DATAERR;
		fputs(out->data, stdout);
		break;
	case WORKER_TEST:
		if (!worker_call("test", a->rules, out))
			return EX_CONFIG;
		if (out->len > 0) {
			fputs(out->data, stderr);
			return EX_CONFIG;
		}
		printf("Filter %s seems syntactically correct.\n", a->rules);
		break;
	case WORKER_SERVE:
	case WORKER_TEMPLATE:
		abort(); /* run_server(), run_template() */
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EX_IOERR;
}

/* Load the rules and serve, or what the form asks for. The exit status. */
static int run_loaded(const struct args *a, struct channel *c, struct buf *out)
{
	if (a->status_tags)
		worker_call("enable_status_tags", NULL, out);
	return a->mode == WORKER_SERVE || a->mode == WORKER_TEMPLATE ? run_server(c, out) : run_once(a, out);
}

static int start_failed(const struct buf *error)
{
	fprintf(stderr, "mimedefang.pl: %s\n", error->data);
	log_err("%s", error->data);
	return EX_CONFIG;
}

static int run(const struct args *a, char *argv[], struct channel *c, struct buf *out)
{
	if (!interp_start(argv, out))
		return start_failed(out);
	return worker_call("load_rules", a->rules, out) ? run_loaded(a, c, out) : EX_CONFIG;
}

/* A worker that a template has forked. */
static int run_forked(const struct args *a, bool ours, struct channel *c, struct buf *out)
{
	int rc;

	interp_forked();
	if (!ours) {
		if (interp_call("main::do_main_loop", NULL, 0, out))
			return EXIT_SUCCESS;
		fprintf(stderr, "%s\n", out->data);
		return EX_SOFTWARE;
	}
	if ((rc = channel_open(c)) < 0) {
		log_err("cannot arrange standard input and output: %s", strerror(-rc));
		return EX_OSERR;
	}
	return run_loaded(a, c, out);
}

static int run_template(const struct args *a, int argc, char *argv[], struct channel *c, struct buf *out)
{
	int socket = template_take_socket();
	bool ours;

	if (socket < 0) {
		fprintf(stderr, "mimedefang.pl: -template is for the controller: descriptor 3: %s\n",
			strerror(-socket));
		return EX_USAGE;
	}
	/* For Perl the program is the script, behind a name for the interpreter. */
	if (!interp_start_program(argc - a->program + 1, argv + a->program - 1, &ours, out))
		return start_failed(out);
	if (ours && !worker_call("load_rules", a->rules, out))
		return EX_CONFIG;
	switch (template_serve(socket)) {
	case TEMPLATE_WORKER:
		return run_forked(a, ours, c, out);
	case TEMPLATE_OVER:
		_exit(EXIT_SUCCESS); /* no END blocks: those are for workers */
	case TEMPLATE_BROKEN:
		break;
	}
	log_err("template lost the controller: %s", strerror(errno));
	_exit(EX_IOERR);
}

int main(int argc, char *argv[])
{
	struct channel c = { .in = -1, .out = -1 };
	struct args a;
	struct buf out;
	int rc, status;

	if (!args_parse(argc, argv, &a)) {
		fputs(args_usage, stderr);
		return EX_USAGE;
	}
	log_open("mimedefang.pl", LOG_MAIL, false);
	log_level(LOG_DEBUG);
	if ((a.mode == WORKER_SERVE || a.mode == WORKER_SCAN) && (rc = channel_open(&c)) < 0) {
		log_err("cannot arrange standard input and output: %s", strerror(-rc));
		return EX_OSERR;
	}
	buf_init(&out, MAX_TEXT);
	mime_init();
	status = a.mode == WORKER_TEMPLATE ? run_template(&a, argc, argv, &c, &out) : run(&a, argv, &c, &out);
	interp_stop();
	mime_fini();
	buf_free(&out);
	channel_close(&c);
	return status;
}
