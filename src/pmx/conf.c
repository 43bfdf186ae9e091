#include "pmx/conf.h"

#include "pmx/conf_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_WORD "__DEFAULT__"

/* The files that are being read, each included by the one before. */
struct reader {
	struct conf *conf;
	const struct conf_source *source;
	int stack[CONF_MAX_DEPTH];
	int depth;
	struct conf_milter *block; /* that is open, or NULL */
};

/* --- messages --- */

__attribute__((format(printf, 4, 0))) static void message(struct conf *c, struct conf_place at,
							  const char *kind, const char *format, va_list ap)
{
	if (c->n_messages++ >= CONF_MAX_MESSAGES)
		return;
	buf_addf(&c->messages, "%s:", c->files[at.file]);
	if (at.line > 0)
		buf_addf(&c->messages, "%d:", at.line);
	buf_addf(&c->messages, " %s", kind);
	buf_addv(&c->messages, format, ap);
	buf_addc(&c->messages, '\n');
}

void conf_error(struct conf *c, struct conf_place at, const char *format, ...)
{
	va_list ap;

	c->n_errors++;
	va_start(ap, format);
	message(c, at, "", format, ap);
	va_end(ap);
}

void conf_warn(struct conf *c, struct conf_place at, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	message(c, at, "warning: ", format, ap);
	va_end(ap);
}

/* --- settings --- */

/* What is typed may be anything: shown in at most so many bytes, as text. */
static const char *shown(const char *text, char out[64])
{
	size_t n = 0;

	for (; *text != '\0' && n < 60; text++)
		out[n++] = isprint((unsigned char)*text) ? *text : '?';
	out[n] = '\0';
	return out;
}

static void unknown_key(struct conf *c, struct conf_place at, const char *typed)
{
	const char *meant = conf_key_meant(typed);
	char text[64];

	if (meant != NULL)
		conf_error(c, at, "unknown key `%s': did you mean `%s'?", shown(typed, text), meant);
	else
		conf_error(c, at, "unknown key `%s'", shown(typed, text));
}

/* Whether the key may stand where it does, for the first time. */
static bool key_fits(struct reader *r, struct conf_place at, enum conf_key key, const struct conf_value *v)
{
	const struct conf_key_info *k = conf_key_info(key);

	if (r->block != NULL && !k->milter)
		conf_error(r->conf, at, "`%s' is for all milters: it stands outside of blocks", k->name);
	else if (r->block == NULL && !k->global)
		conf_error(r->conf, at, "`%s' is of one milter: it stands in a block", k->name);
	else if (v->is != CONF_ABSENT)
		conf_error(r->conf, at, "`%s' was set before, at %s:%d", k->name, r->conf->files[v->at.file],
			   v->at.line);
	else
		return true;
	return false;
}

static void value_set(struct reader *r, struct conf_place at, const struct conf_line *line, enum conf_key key,
		      struct conf_value *v)
{
	struct buf why;
	char text[64];

	v->at = at;
	if (!line->quoted && strcmp(line->value, DEFAULT_WORD) == 0) {
		v->is = CONF_DEFAULT;
		return;
	}
	buf_init(&why, BUF_NO_LIMIT);
	if (!conf_key_parse(key, line->value, &v->number, &why))
		conf_error(r->conf, at, "%s: `%s' %s", line->key, shown(line->value, text), why.data);
	else if ((v->text = strdup(line->value)) == NULL)
		conf_error(r->conf, at, "out of memory");
	else
		v->is = CONF_SET_TO;
	buf_free(&why);
}

static void setting(struct reader *r, struct conf_place at, const struct conf_line *line)
{
	enum conf_key key = conf_key_find(line->key);
	struct conf_scope *scope = r->block != NULL ? &r->block->own : &r->conf->global;

	if (key == KEY_UNKNOWN)
		unknown_key(r->conf, at, line->key);
	else if (key == KEY_IGNORED)
		conf_warn(r->conf, at, "`%s' of PureMessage has no meaning here and is ignored", line->key);
	else if (key_fits(r, at, key, &scope->values[key]))
		value_set(r, at, line, key, &scope->values[key]);
}

/* --- blocks --- */

static void scope_free(struct conf_scope *s)
{
	for (int i = 0; i < KEY_COUNT; i++)
		free(s->values[i].text);
}

static struct conf_milter *milter_add(struct conf *c, const char *name, struct conf_place at)
{
	struct conf_milter **grown = realloc(c->milters, (c->n_milters + 1) * sizeof(struct conf_milter *));
	struct conf_milter *m = calloc(1, sizeof(*m));

	if (grown != NULL)
		c->milters = grown;
	if (grown == NULL || m == NULL || (m->name = strdup(name)) == NULL) {
		free(m);
		return NULL;
	}
	m->at = at;
	c->milters[c->n_milters++] = m;
	return m;
}

static void block_open(struct reader *r, struct conf_place at, const char *name)
{
	struct conf *c = r->conf;

	if (r->block != NULL)
		conf_error(c, at, "a block within a block: </milter> is missing for `%s' of line %d",
			   r->block->name, r->block->at.line);
	for (size_t i = 0; i < c->n_milters; i++) {
		if (strcasecmp(c->milters[i]->name, name) == 0)
			conf_error(c, at, "milter `%s' is there already, as `%s' at %s:%d", name,
				   c->milters[i]->name, c->files[c->milters[i]->at.file],
				   c->milters[i]->at.line);
	}
	if (c->n_milters == CONF_MAX_MILTERS)
		conf_error(c, at, "more than %d milters", CONF_MAX_MILTERS);
	else if ((r->block = milter_add(c, name, at)) == NULL)
		conf_error(c, at, "out of memory");
}

static void block_close(struct reader *r, struct conf_place at)
{
	if (r->block == NULL)
		conf_error(r->conf, at, "</milter> without <milter NAME>");
	r->block = NULL;
}

/* --- files --- */

static void read_file(struct reader *r, char *path, struct conf_place from);

/* `pattern' as seen from the file that has it; to free(). */
static char *relative_to(const char *file, const char *pattern)
{
	const char *slash = strrchr(file, '/');
	char *path;

	if (pattern[0] == '/' || slash == NULL)
		return strdup(pattern);
	return asprintf(&path, "%.*s/%s", (int)(slash - file), file, pattern) < 0 ? NULL : path;
}

static void include(struct reader *r, struct conf_place at, const char *pattern)
{
	char *whole = relative_to(r->conf->files[at.file], pattern), **paths = NULL;
	size_t n = 0;
	int rc;

	if (r->block != NULL) {
		conf_error(r->conf, at, "!include within a block");
	} else if (whole != NULL && strpbrk(pattern, "*?[") == NULL) {
		read_file(r, whole, at);
		return;
	} else if (whole == NULL || (rc = r->source->expand(whole, &paths, &n, r->source->arg)) < 0) {
		conf_error(r->conf, at, "!include %s: %s", pattern, strerror(whole == NULL ? ENOMEM : -rc));
	}
	for (size_t i = 0; i < n; i++)
		read_file(r, paths[i], at);
	free(paths);
	free(whole);
}

static void read_line(struct reader *r, struct conf_place at, char *text)
{
	struct conf_line line;

	conf_line_parse(text, &line);
	switch (line.kind) {
	case CONF_LINE_BLANK:
		break;
	case CONF_LINE_SETTING:
		setting(r, at, &line);
		break;
	case CONF_LINE_OPEN:
		block_open(r, at, line.value);
		break;
	case CONF_LINE_CLOSE:
		block_close(r, at);
		break;
	case CONF_LINE_INCLUDE:
		include(r, at, line.value);
		break;
	case CONF_LINE_BAD:
		conf_error(r->conf, at, "%s", line.value);
		break;
	}
}

/* NULL, or why the line is not even looked at. */
static const char *line_fault(const char *line, size_t n)
{
	if (n > CONF_MAX_LINE)
		return "the line is too long (4096 bytes)";
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)line[i]) && line[i] != '\t' && !(line[i] == '\r' && i == n - 1))
			return "the line has a control character";
	return NULL;
}

static void read_lines(struct reader *r, int file, char *text, size_t n)
{
	struct conf_place at = { .file = file, .line = 1 };
	char *end = text + n;

	for (char *line = text, *next; line < end; line = next, at.line++) {
		char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *fault;

		if (stop == NULL)
			stop = end;
		next = stop + 1;
		*stop = '\0';
		if ((fault = line_fault(line, (size_t)(stop - line))) != NULL)
			conf_error(r->conf, at, "%s", fault);
		else
			read_line(r, at, line);
	}
	if (r->block != NULL) {
		conf_error(r->conf, r->block->at, "</milter> is missing for `%s'", r->block->name);
		r->block = NULL;
	}
}

/* Takes `path'. Its number, or -1 without memory. */
static int file_add(struct conf *c, char *path)
{
	char **grown = realloc(c->files, (c->n_files + 1) * sizeof(char *));

	if (grown == NULL) {
		free(path);
		return -1;
	}
	c->files = grown;
	c->files[c->n_files] = path;
	return (int)c->n_files++;
}

/* NULL, or why the file must not be read from here. */
static const char *nesting_fault(const struct reader *r, const char *path)
{
	for (int i = 0; i < r->depth; i++)
		if (strcmp(r->conf->files[r->stack[i]], path) == 0)
			return "the file includes itself";
	if (r->depth == CONF_MAX_DEPTH)
		return "files are included more than 8 deep";
	return r->conf->n_files >= CONF_MAX_FILES ? "more than 1000 files" : NULL;
}

/* Takes `path', from a place of another file (whose file is -1 for the first). */
static void read_file(struct reader *r, char *path, struct conf_place from)
{
	const char *fault = nesting_fault(r, path);
	size_t n = 0;
	char *text;
	int file;

	if (fault != NULL) {
		conf_error(r->conf, from, "!include %s: %s", path, fault);
		free(path);
		return;
	}
	text = r->source->load(path, &n, r->source->arg);
	if (text == NULL && from.file >= 0) {
		conf_error(r->conf, from, "!include %s: %s", path, strerror(errno));
		free(path);
		return;
	}
	if ((file = file_add(r->conf, path)) >= 0 && text == NULL) {
		conf_error(r->conf, (struct conf_place){ .file = file }, "%s", strerror(errno));
	} else if (file >= 0) {
		r->stack[r->depth++] = file;
		read_lines(r, file, text, n);
		r->depth--;
	}
	free(text);
}

int conf_read(const char *path, const struct conf_source *source, struct conf *out)
{
	struct reader r = { .conf = out, .source = source };
	char *copy = strdup(path);

	*out = (struct conf){ .n_files = 0 };
	buf_init(&out->messages, BUF_NO_LIMIT);
	errno = 0;
	if (copy == NULL)
		return -ENOMEM;
	read_file(&r, copy, (struct conf_place){ .file = -1 });
	if (out->n_files == 0)
		return -ENOMEM;
	if (out->n_messages > CONF_MAX_MESSAGES)
		buf_addf(&out->messages, "and %d more\n", out->n_messages - CONF_MAX_MESSAGES);
	return out->n_errors > 0 ? -EINVAL : 0;
}

void conf_free(struct conf *c)
{
	scope_free(&c->global);
	for (size_t i = 0; i < c->n_milters; i++) {
		scope_free(&c->milters[i]->own);
		free(c->milters[i]->name);
		free(c->milters[i]);
	}
	for (size_t i = 0; i < c->n_files; i++)
		free(c->files[i]);
	free(c->milters);
	free(c->files);
	buf_free(&c->messages);
	*c = (struct conf){ .n_files = 0 };
}

/* --- looking up --- */

const struct conf_milter *conf_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_milters; i++)
		if (strcmp(c->milters[i]->name, name) == 0)
			return c->milters[i];
	return NULL;
}

const struct conf_value *conf_value(const struct conf *c, const struct conf_milter *m, enum conf_key key)
{
	const struct conf_value *v = m != NULL ? &m->own.values[key] : &c->global.values[key];

	if (v->is == CONF_ABSENT)
		v = &c->global.values[key];
	return v->is == CONF_SET_TO ? v : NULL;
}

int64_t conf_number(const struct conf *c, const struct conf_milter *m, enum conf_key key, int64_t otherwise)
{
	const struct conf_value *v = conf_value(c, m, key);

	return v != NULL ? v->number : otherwise;
}

const char *conf_text(const struct conf *c, const struct conf_milter *m, enum conf_key key,
		      const char *otherwise)
{
	const struct conf_value *v = conf_value(c, m, key);

	return v != NULL ? v->text : otherwise;
}

bool conf_is_enabled(const struct conf *c, const struct conf_milter *m)
{
	return conf_number(c, m, KEY_ENABLED, 1) != 0;
}
