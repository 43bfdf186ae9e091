/* options.h - the command line of pmx-milter. Pure. Source: pmx-milter(8). */
#ifndef DEFANG_PMX_OPTIONS_H
#define DEFANG_PMX_OPTIONS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum command {
	COMMAND_NONE,
	COMMAND_START,
	COMMAND_STOP,
	COMMAND_RESTART,
	COMMAND_STATUS,
	COMMAND_CHECK,
	COMMAND_MTA,
	COMMAND_HELP,
	COMMAND_VERSION,
};

/* How suddenly a milter is to end, in the order of increasing suddenness. */
enum ending { END_GRACEFUL, END_ABORT, END_KILL };

struct options {
	enum command command;
	const char *conf; /* NULL: the default */
	enum ending ending;
	const char *signal; /* as it is shown: HUP, TERM, INT, QUIT, KILL */
	int64_t timeout_s;  /* -1: the configured one */
	bool no_wait, quiet, verbose, escalate, json, all;
	char **names; /* of milters, or of the mail server; owned, the texts point into argv */
	int n_names;
};

/* True; or false and the usage error in `error'. *out is to be freed in any case. */
bool options_parse(int argc, char *argv[], struct options *out, struct buf *error);
void options_free(struct options *o);

extern const char options_usage[];

#endif
