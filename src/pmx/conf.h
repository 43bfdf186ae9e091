/* conf.h - pmx.conf as a struct: scopes of values, each with the place that it stands at. Files are read
 * through a `struct conf_source', so that this is pure. All errors of all files are collected, as lines of
 * `FILE:LINE: message', and what could be read stays usable. Source: pmx.conf(5). */
#ifndef DEFANG_PMX_CONF_H
#define DEFANG_PMX_CONF_H

#include "base/buf.h"
#include "pmx/conf_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_MAX_FILE (1 << 20) /* bytes of a file */
#define CONF_MAX_LINE 4096      /* bytes */
#define CONF_MAX_DEPTH 8        /* files that include one another */
#define CONF_MAX_FILES 1000
#define CONF_MAX_MILTERS 1000
#define CONF_MAX_MESSAGES 100 /* more are counted only */

struct conf_place {
	int file; /* index into the files */
	int line; /* from 1; 0: the file as a whole */
};

enum conf_state {
	CONF_ABSENT,
	CONF_DEFAULT, /* __DEFAULT__: the option is not to be passed */
	CONF_SET_TO,  /* text and number */
};

struct conf_value {
	enum conf_state is;
	int64_t number;
	char *text; /* owned */
	struct conf_place at;
};

struct conf_scope {
	struct conf_value values[KEY_COUNT];
};

struct conf_milter {
	char *name; /* owned */
	struct conf_place at;
	struct conf_scope own;
};

struct conf {
	struct conf_scope global;
	struct conf_milter **milters; /* in the order of the files; owned */
	size_t n_milters;
	char **files; /* paths, in the order in which they were opened; owned */
	size_t n_files;
	struct buf messages; /* errors and warnings, a line each */
	int n_messages;
	int n_errors;
};

struct conf_source {
	/* The bytes of a file, to free(), `*n' of them; NULL with errno. One above the limit: EFBIG. */
	char *(*load)(const char *path, size_t *n, void *arg);
	/* The files that match, in order; each to free(), and the array. 0 or -errno; none is no error. */
	int (*expand)(const char *pattern, char ***paths, size_t *n, void *arg);
	void *arg;
};

/* Read `path' and what it includes. *out is to be freed in any case. 0, -EINVAL when there were errors,
 * -ENOENT and the like when `path' itself cannot be read (also told in the messages). */
int conf_read(const char *path, const struct conf_source *source, struct conf *out);
void conf_free(struct conf *c);

/* Add a message about a place; of an error, c->n_errors counts. */
void conf_error(struct conf *c, struct conf_place at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void conf_warn(struct conf *c, struct conf_place at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* By name, in its exact spelling; NULL. */
const struct conf_milter *conf_find(const struct conf *c, const char *name);

/* What is set for a milter (NULL: outside blocks): its own, or else the global value. NULL when that is
 * nothing, or __DEFAULT__. */
const struct conf_value *conf_value(const struct conf *c, const struct conf_milter *m, enum conf_key key);
int64_t conf_number(const struct conf *c, const struct conf_milter *m, enum conf_key key, int64_t otherwise);
const char *conf_text(const struct conf *c, const struct conf_milter *m, enum conf_key key,
		      const char *otherwise);

bool conf_is_enabled(const struct conf *c, const struct conf_milter *m);

#endif
