/* args.h - a vector of arguments for a program. */
#ifndef DEFANG_PMX_ARGS_H
#define DEFANG_PMX_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct args {     /* all 0 at first */
	char **v; /* ended by NULL; owned, with its texts */
	size_t n;
	bool failed; /* no memory: asked once, at the end */
};

void args_add(struct args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void args_free(struct args *a);

#endif
