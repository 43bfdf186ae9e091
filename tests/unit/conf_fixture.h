/* conf_fixture.h - configurations out of texts in memory: a list of paths and texts, ended by NULL. */
#ifndef DEFANG_TESTS_CONF_FIXTURE_H
#define DEFANG_TESTS_CONF_FIXTURE_H

#include "pmx/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fixture_file {
	const char *path, *text;
};

static inline char *fixture_load(const char *path, size_t *n, void *arg)
{
	for (const struct fixture_file *f = arg; f->path != NULL; f++) {
		if (strcmp(f->path, path) == 0) {
			*n = strlen(f->text);
			return strdup(f->text);
		}
	}
	errno = ENOENT;
	return NULL;
}

/* A pattern is a `*' and the end of the paths that match. */
static inline int fixture_expand(const char *pattern, char ***paths, size_t *n, void *arg)
{
	const char *end = strchr(pattern, '*') + 1;

	*paths = calloc(10, sizeof(char *));
	*n = 0;
	for (const struct fixture_file *f = arg; f->path != NULL; f++)
		if (strlen(f->path) > strlen(end) &&
		    strcmp(f->path + strlen(f->path) - strlen(end), end) == 0)
			(*paths)[(*n)++] = strdup(f->path);
	return 0;
}

static inline int fixture_read(const struct fixture_file *files, struct conf *out)
{
	const struct conf_source source = { fixture_load, fixture_expand, (void *)(uintptr_t)files };

	return conf_read(files[0].path, &source, out);
}

static inline int fixture_read_text(const char *text, struct conf *out)
{
	const struct fixture_file files[] = { { "pmx.conf", text }, { NULL, NULL } };

	return fixture_read(files, out);
}

#endif
