#include "pool/tail.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void tail_add(struct tail *t, const char *line)
{
	char *copy;

	if (line[0] == '\0' || (copy = strndup(line, TAIL_MAX_LINE)) == NULL)
		return;
	for (char *p = copy; *p != '\0'; p++) {
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	}
	free(t->lines[t->next]);
	t->lines[t->next] = copy;
	t->next = (t->next + 1) % TAIL_LINES;
}

void tail_free(struct tail *t)
{
	for (unsigned i = 0; i < TAIL_LINES; i++)
		free(t->lines[i]);
	*t = (struct tail){ 0 };
}

const char *tail_line(const struct tail *t, unsigned i)
{
	if (i >= TAIL_LINES)
		return NULL;
	return t->lines[(t->next + TAIL_LINES - 1 - i) % TAIL_LINES];
}

void tail_join(const struct tail *t, const char *separator, struct buf *out)
{
	const char *between = "";

	for (unsigned i = TAIL_LINES; i-- > 0;) {
		const char *line = tail_line(t, i);

		if (line == NULL)
			continue;
		buf_adds(out, between);
		buf_adds(out, line);
		between = separator;
	}
}
