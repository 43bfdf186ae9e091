#include "proto/facts.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WORD FACTS_REQUEST " "

static const struct {
	const char *key;
	size_t offset;
} fields[] = {
	{ "worker", offsetof(struct facts, worker) },
	{ "queued_ms", offsetof(struct facts, queued_ms) },
	{ "run_ms", offsetof(struct facts, run_ms) },
};

void facts_add(struct buf *out, const struct facts *f)
{
	buf_addf(out, WORD "worker=%lld queued_ms=%lld run_ms=%lld\n", (long long)f->worker,
		 (long long)f->queued_ms, (long long)f->run_ms);
}

/* A number of at least 0, else NONE. */
static int64_t number(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 && n >= 0 ? n : FACTS_NONE;
}

static void take_word(char *word, struct facts *out)
{
	char *value = strchr(word, '=');

	if (value == NULL)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(word, fields[i].key) == 0)
			*(int64_t *)(void *)((char *)out + fields[i].offset) = number(value);
}

bool facts_take(char *reply, struct facts *out)
{
	char *line = strchr(reply, '\n'), *end, *save = NULL;

	*out = FACTS_UNKNOWN;
	if (line == NULL || strncmp(++line, WORD, strlen(WORD)) != 0)
		return false;
	end = strchr(line, '\n');
	if (end == NULL || end[1] != '\0')
		return false;
	*end = '\0';
	for (char *word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		take_word(word, out);
	*line = '\0';
	return true;
}
