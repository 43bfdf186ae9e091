#include "pmx/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void args_add(struct args *a, const char *format, ...)
{
	char **grown = realloc(a->v, (a->n + 2) * sizeof(char *));
	va_list ap;

	if (grown == NULL) {
		a->failed = true;
		return;
	}
	a->v = grown;
	va_start(ap, format);
	if (vasprintf(&a->v[a->n], format, ap) < 0)
		a->failed = true;
	else
		a->n++;
	va_end(ap);
	a->v[a->n] = NULL;
}

void args_free(struct args *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	*a = (struct args){ .v = NULL };
}
