/* options.h - the command line of milter-send. */
#ifndef DEFANG_TOOLS_OPTIONS_H
#define DEFANG_TOOLS_OPTIONS_H

#include "tools/session.h"

#include <stdbool.h>
#include <stddef.h>

struct options {
	const char *milter;       /* as given, for messages */
	struct script script;     /* its message is left to the caller */
	struct macro *macros;     /* what script.given points to */
	const char *const *files; /* n_files of them; NULL: standard input. More than one only with `load` */
	size_t n_files;
	const char *output; /* NULL: the delivered message is not wanted */
	bool json, quiet;
	unsigned count;       /* messages; above 1, or with `load`: measure */
	unsigned concurrency; /* connections at a time */
	unsigned per_connection;
	bool load;
};

/* Parse. A bad option: a message naming it, exit EX_USAGE. -h and --version print and exit 0. */
void options_parse(struct options *o, int argc, char *argv[]);
void options_free(struct options *o);

#endif
