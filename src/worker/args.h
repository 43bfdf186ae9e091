/* args.h - the command line: [-f RULES] and one of -server, -serveru, -test, -validate, -features, -structure
 * FILE, DIR. Or, from the controller with -E: -template PROGRAM [-f RULES] -embserver or -embserveru. */
#ifndef DEFANG_WORKER_ARGS_H
#define DEFANG_WORKER_ARGS_H

#include <stdbool.h>

enum worker_mode {
	WORKER_SERVE,     /* requests on standard input */
	WORKER_TEMPLATE,  /* load PROGRAM and fork workers of it */
	WORKER_SCAN,      /* one directory */
	WORKER_TEST,      /* load the rules, try them on a few messages, say so */
	WORKER_VALIDATE,  /* exit with filter_validate() */
	WORKER_FEATURES,  /* print what there is */
	WORKER_STRUCTURE, /* print what a message consists of */
};

struct args {
	enum worker_mode mode;
	const char *rules;
	const char *dir;  /* of WORKER_SCAN; of WORKER_STRUCTURE the message file */
	int program;      /* of WORKER_TEMPLATE: the index of PROGRAM, whose own arguments follow it */
	bool status_tags; /* -serveru, -embserveru: status lines on descriptor 3 */
};

/* `-f` counts only as the first argument. False when the line fits no form: *out is then not to be used. */
bool args_parse(int argc, char *const argv[], struct args *out);

extern const char args_usage[];

#endif
