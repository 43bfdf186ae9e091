/* pmx-milter - start, stop, restart and show milters: pmx-milter(8). As pmx-init: the same for boot scripts.
 */
#include "base/buf.h"
#include "base/descriptors.h"
#include "pmx/commands.h"
#include "pmx/conf_check.h"
#include "pmx/conf_file.h"
#include "pmx/help.h"
#include "pmx/journal.h"
#include "pmx/mta.h"
#include "pmx/options.h"
#include "pmx/path.h"
#include "pmx/user.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "pmx-milter"
#define INIT_PROGRAM "pmx-init"
#define INIT_STOP_S 20 /* a boot script that waits longer would be killed */

static enum status check(const struct run *r)
{
	const struct conf *c = r->conf;
	size_t disabled = 0;
	enum status status = user_check(c);

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < c->n_milters; i++)
		disabled += !conf_is_enabled(c, c->milters[i]);
	run_say(r, "%s: %zu milter%s, %zu of them disabled: no errors\n", c->files[0], c->n_milters,
		c->n_milters == 1 ? "" : "s", disabled);
	return STATUS_OK;
}

static enum status mta(const struct run *r)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	mta_lines(r->conf, strcmp(r->options->names[0], "postfix") == 0 ? MTA_POSTFIX : MTA_SENDMAIL, &out);
	fputs(out.data, stdout);
	buf_free(&out);
	return STATUS_OK;
}

/* Commands that read a configuration. */
static const struct work {
	enum command command;
	enum status (*run)(const struct run *r);
	bool configured; /* needs one without errors */
	bool changes;    /* starts or stops something: what it prints is not what counts */
	enum user_need user;
} works[] = {
	{ COMMAND_START, command_start, true, true, USER_MUST_BE },
	{ COMMAND_STOP, command_stop, false, true, USER_MUST_BE },
	{ COMMAND_RESTART, command_restart, true, true, USER_MUST_BE },
	{ COMMAND_STATUS, command_status, false, false, USER_MAY_BE },
	{ COMMAND_CHECK, check, true, false, USER_IS_ANY },
	{ COMMAND_MTA, mta, true, false, USER_IS_ANY },
};

static const struct work *work_find(enum command command)
{
	const struct work *w = works;

	while (w->command != command)
		w++;
	return w;
}

static bool say_errors(const struct conf *c, int rc, bool needed)
{
	fputs(c->messages.data, stderr);
	if (rc == 0 || !needed)
		return true;
	if (c->n_errors > 0)
		fprintf(stderr, PROGRAM ": %d error%s in the configuration: nothing was done\n", c->n_errors,
			c->n_errors == 1 ? "" : "s");
	else
		fprintf(stderr, PROGRAM ": %s\n", strerror(-rc));
	return false;
}

/* That of somebody who reads no further (head(1)) is. */
static bool output_is_whole(void)
{
	errno = 0;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
		return true;
	fprintf(stderr, PROGRAM ": cannot write to standard output%s%s\n", errno != 0 ? ": " : "",
		errno != 0 ? strerror(errno) : "");
	return false;
}

/* A file that was named and is not there says nothing of where the milters are: others must not be stopped.
 */
static enum status check_named(const struct options *o, const char *path)
{
	if (o->conf == NULL || access(path, R_OK) == 0)
		return STATUS_OK;
	return o->command == COMMAND_STATUS ? STATUS_NOT_PERMITTED : STATUS_NOT_CONFIGURED;
}

static enum status run_configured(const struct options *o)
{
	const struct work *w = work_find(o->command);
	enum status status = STATUS_NOT_CONFIGURED;
	struct conf c;
	struct run r = { .options = o, .conf = &c };
	char *path = path_absolute(o->conf != NULL ? o->conf : DEFANG_CONFDIR "/pmx.conf");
	int rc;

	if (path == NULL) {
		fprintf(stderr, PROGRAM ": %s: %s\n", o->conf, strerror(errno));
		return status;
	}
	r.conf_path = path; /* absolute: what it names is for programs that run in the root folder */
	rc = conf_file_read(r.conf_path, &c);
	r.configured = rc == 0;
	r.run_dir = conf_text(&c, NULL, KEY_RUN_DIR, CONF_RUN_DIR);
	if (say_errors(&c, rc, w->configured) && (status = check_named(o, path)) == STATUS_OK &&
	    (status = user_become(&c, w->user)) == STATUS_OK) {
		if (w->changes) {
			journal_open(&c);
			run_catch_signals();
		}
		status = w->run(&r);
		if (!w->changes && !output_is_whole())
			status = STATUS_NOT_PERMITTED;
	}
	conf_free(&c);
	free(path);
	return status;
}

static enum status run_command(const struct options *o)
{
	switch (o->command) {
	case COMMAND_HELP:
		help_show();
		return STATUS_OK;
	case COMMAND_VERSION:
		printf(PROGRAM " version %s\n", DEFANG_VERSION);
		return STATUS_OK;
	default:
		return run_configured(o);
	}
}

/* At boot and shutdown there is little time, and nobody to ask. */
static enum status run_as_init(struct options *o)
{
	bool ends = o->command == COMMAND_STOP || o->command == COMMAND_RESTART;

	if (!user_is_root() && o->command != COMMAND_HELP && o->command != COMMAND_VERSION) {
		fprintf(stderr, INIT_PROGRAM ": for root only; use " PROGRAM "\n");
		return STATUS_NOT_PERMITTED;
	}
	o->escalate = o->escalate || ends;
	if (o->command == COMMAND_STOP && o->timeout_s < 0)
		o->timeout_s = INIT_STOP_S;
	return run_command(o);
}

static bool is_init(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash != NULL ? slash + 1 : name, INIT_PROGRAM) == 0;
}

/* Descriptors of the caller are nothing to us: a stop that goes on in the background would hold them. Nor is
 * his umask: others are to read what they may. */
static bool begin(void)
{
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	return close_range(STDERR_FILENO + 1, ~0U, 0) == 0 && descriptors_prepare() == 0;
}

int main(int argc, char *argv[])
{
	struct options o;
	struct buf error;
	enum status status = STATUS_USAGE;

	if (!begin()) {
		perror(PROGRAM);
		return STATUS_FAILED;
	}
	buf_init(&error, BUF_NO_LIMIT);
	if (!options_parse(argc, argv, &o, &error))
		fprintf(stderr, PROGRAM ": %s\nTry '" PROGRAM " help'.\n", error.data);
	else if (is_init(argv[0]))
		status = run_as_init(&o);
	else
		status = run_command(&o);
	options_free(&o);
	buf_free(&error);
	return (int)status;
}
