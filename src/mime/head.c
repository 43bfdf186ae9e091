#include "mime/head.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Length of the name that a field starts with: printable bytes up to a colon. `From `, the mbox line, counts
 * as a field. 0 for a line that starts none. */
static size_t name_length(const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && line[i] > 0x20 && line[i] < 0x7f && line[i] != ':')
		i++;
	if (i < n && i > 0 && line[i] == ':')
		return i;
	return n >= 5 && memcmp(line, "From ", 5) == 0 ? 4 : 0;
}

/* One line of the head: from *p, up to its newline or the end. */
struct line {
	const char *text;
	size_t len; /* without its line end */
};

static struct line line_next(const char **p, const char *end)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));
	struct line l = { *p, (size_t)((nl != NULL ? nl : end) - *p) };

	*p = nl != NULL ? nl + 1 : end;
	if (l.len > 0 && l.text[l.len - 1] == '\r')
		l.len--;
	return l;
}

static bool line_continues(struct line l)
{
	return l.len > 0 && (l.text[0] == ' ' || l.text[0] == '\t');
}

static size_t fields_count(const char *p, const char *end)
{
	size_t count = 0;

	while (p < end) {
		struct line l = line_next(&p, end);

		count += !line_continues(l) && name_length(l.text, l.len) > 0;
	}
	return count;
}

/* Copy the fields' lines to `to` and note each field. Room for both was counted. */
static void fields_fill(const char *p, const char *end, struct mime_header *fields, char *to)
{
	struct mime_header *field = NULL; /* the one being continued; NULL behind a dropped line */
	size_t n = 0;

	while (p < end) {
		struct line l = line_next(&p, end);

		if (!line_continues(l)) {
			size_t name = name_length(l.text, l.len);

			field = NULL;
			if (name == 0)
				continue;
			if (n > 0)
				*to++ = '\0';
			field = &fields[n++];
			*field = (struct mime_header){ .line = to, .name_len = name };
		}
		if (field == NULL)
			continue;
		memcpy(to, l.text, l.len);
		to[l.len] = '\n';
		to += l.len + 1;
		field->len += l.len + 1;
	}
	*to = '\0';
}

int head_split(struct arena *a, const char *p, size_t n, size_t max, const struct mime_header **fields,
	       size_t *n_fields)
{
	size_t count = fields_count(p, p + n);
	struct mime_header *f;
	char *text;

	*fields = NULL;
	*n_fields = 0;
	if (count > max)
		return -E2BIG;
	if (count == 0)
		return 0;
	f = arena_alloc(a, count * sizeof(*f));
	text = arena_alloc(a, n + count + 2); /* a NUL behind each, and a last newline that may be missing */
	if (f == NULL || text == NULL)
		return -ENOMEM;
	fields_fill(p, p + n, f, text);
	*fields = f;
	*n_fields = count;
	return 0;
}

const struct mime_header *head_find(const struct mime_header *fields, size_t n, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < n; i++) {
		if (fields[i].name_len == len && strncasecmp(fields[i].line, name, len) == 0)
			return &fields[i];
	}
	return NULL;
}
