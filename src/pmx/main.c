/* pmx-milter - start, stop, restart and show milters: pmx-milter(8). */
#include "base/buf.h"
#include "pmx/conf_file.h"
#include "pmx/help.h"
#include "pmx/mta.h"
#include "pmx/options.h"
#include "pmx/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "pmx-milter"

static enum status check(const struct conf *c, const struct options *o)
{
	size_t disabled = 0;

	for (size_t i = 0; i < c->n_milters; i++)
		disabled += !conf_is_enabled(c, c->milters[i]);
	if (!o->quiet)
		printf("%s: %zu milter%s, %zu of them disabled: no errors\n", c->files[0], c->n_milters,
		       c->n_milters == 1 ? "" : "s", disabled);
	return STATUS_OK;
}

static enum status mta(const struct conf *c, const struct options *o)
{
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	mta_lines(c, strcmp(o->names[0], "postfix") == 0 ? MTA_POSTFIX : MTA_SENDMAIL, &out);
	fputs(out.data, stdout);
	buf_free(&out);
	return STATUS_OK;
}

/* With a configuration that has no errors. */
static enum status run(const struct conf *c, const struct options *o)
{
	switch (o->command) {
	case COMMAND_CHECK:
		return check(c, o);
	case COMMAND_MTA:
		return mta(c, o);
	default:
		return STATUS_FAILED;
	}
}

static enum status run_configured(const struct options *o)
{
	enum status status = STATUS_NOT_CONFIGURED;
	struct conf c;
	int rc = conf_file_read(o->conf != NULL ? o->conf : DEFANG_CONFDIR "/pmx.conf", &c);

	fputs(c.messages.data, stderr);
	if (rc == 0)
		status = run(&c, o);
	else if (c.n_errors > 0)
		fprintf(stderr, PROGRAM ": %d error%s in the configuration: nothing was done\n", c.n_errors,
			c.n_errors == 1 ? "" : "s");
	else
		fprintf(stderr, PROGRAM ": %s\n", strerror(-rc));
	conf_free(&c);
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

int main(int argc, char *argv[])
{
	struct options o;
	struct buf error;
	enum status status = STATUS_USAGE;

	buf_init(&error, BUF_NO_LIMIT);
	if (options_parse(argc, argv, &o, &error))
		status = run_command(&o);
	else
		fprintf(stderr, PROGRAM ": %s\nTry '" PROGRAM " help'.\n", error.data);
	options_free(&o);
	buf_free(&error);
	return (int)status;
}
