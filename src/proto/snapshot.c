#include "proto/snapshot.h"

#include "proto/percent.h"
#include "proto/snapshot_fields.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "snapshot version="

static int64_t *number_at(void *record, const struct snapshot_field *f)
{
	return (int64_t *)(void *)((char *)record + f->offset);
}

/* --- writing --- */

static void fields_add(struct buf *out, const char *kind, const struct snapshot_field *fields,
		       const void *record)
{
	buf_adds(out, kind);
	for (const struct snapshot_field *f = fields; f->key != NULL; f++) {
		const char *at = (const char *)record + f->offset;

		buf_addf(out, " %s=", f->key);
		if (f->size > 0)
			percent_encode_str(out, at);
		else
			buf_addf(out, "%lld", (long long)*(const int64_t *)(const void *)at);
	}
}

static void line_add(struct buf *out, const char *kind, const struct snapshot_field *fields,
		     const void *record)
{
	fields_add(out, kind, fields, record);
	buf_addc(out, '\n');
}

void snapshot_add_head(struct buf *out)
{
	buf_addf(out, HEAD "%d\n", SNAPSHOT_VERSION);
}

void snapshot_add_pool(struct buf *out, const struct snapshot_pool *p)
{
	line_add(out, "pool", snapshot_fields_pool, p);
}

void snapshot_add_frontend(struct buf *out, const struct snapshot_frontend *f)
{
	line_add(out, "frontend", snapshot_fields_frontend, f);
}

void snapshot_add_messages(struct buf *out, const struct snapshot_messages *m)
{
	line_add(out, "messages", snapshot_fields_messages, m);
}

void snapshot_add_answers(struct buf *out, const struct snapshot_answers *a)
{
	line_add(out, "answers", snapshot_fields_answers, a);
}

void snapshot_add_failure(struct buf *out, const struct snapshot_failure *f)
{
	line_add(out, "failure", snapshot_fields_failure, f);
}

void snapshot_add_latency(struct buf *out, const struct snapshot_latency *l)
{
	fields_add(out, "latency", snapshot_fields_latency, l);
	buf_adds(out, " ranges=");
	for (int i = 0; i < l->n_ranges; i++) {
		if (i > 0)
			buf_addc(out, ',');
		if (l->ranges[i].bound_ms == SNAPSHOT_NONE)
			buf_adds(out, "inf");
		else
			buf_addf(out, "%lld", (long long)l->ranges[i].bound_ms);
		buf_addf(out, ":%lld", (long long)l->ranges[i].count);
	}
	buf_addc(out, '\n');
}

void snapshot_add_slot(struct buf *out, const struct snapshot_slot *s)
{
	line_add(out, "slot", snapshot_fields_slot, s);
}

void snapshot_add_end(struct buf *out)
{
	buf_addc(out, '\n');
}

/* --- reading --- */

static bool number_read(const char *text, int64_t *out)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		return false;
	*out = n;
	return true;
}

/* "1:0,2:7,inf:0" */
static bool ranges_read(char *text, struct snapshot_latency *l)
{
	char *save = NULL;

	l->n_ranges = 0;
	for (char *word = strtok_r(text, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(word, ':');
		int i = l->n_ranges;

		if (colon == NULL || i == SNAPSHOT_RANGES)
			return false;
		*colon = '\0';
		if (strcmp(word, "inf") == 0)
			l->ranges[i].bound_ms = SNAPSHOT_NONE;
		else if (!number_read(word, &l->ranges[i].bound_ms))
			return false;
		if (!number_read(colon + 1, &l->ranges[i].count))
			return false;
		l->n_ranges++;
	}
	return true;
}

static void fields_clear(const struct snapshot_field *fields, void *record)
{
	for (const struct snapshot_field *f = fields; f->key != NULL; f++) {
		if (f->size == 0)
			*number_at(record, f) = SNAPSHOT_NONE;
	}
}

static bool field_read(const struct snapshot_field *f, char *value, void *record)
{
	if (f->size == 0)
		return number_read(value, number_at(record, f));
	percent_decode(value);
	snprintf((char *)record + f->offset, f->size, "%s", value);
	return true;
}

/* The words behind the kind of a line. */
static bool fields_read(char *words, const struct snapshot_field *fields, void *record,
			struct snapshot_latency *latency)
{
	char *save = NULL;

	for (char *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');
		const struct snapshot_field *f = fields;

		if (value == NULL)
			continue;
		*value++ = '\0';
		while (f->key != NULL && strcmp(f->key, word) != 0)
			f++;
		if (f->key != NULL && !field_read(f, value, record))
			return false;
		if (latency != NULL && strcmp(word, "ranges") == 0 && !ranges_read(value, latency))
			return false;
	}
	return true;
}

static enum snapshot_error record_read(char *words, const struct snapshot_field *fields, void *record,
				       struct snapshot_latency *latency)
{
	fields_clear(fields, record);
	return fields_read(words, fields, record, latency) ? SNAPSHOT_OK : SNAPSHOT_BAD_VALUE;
}

/* One of a list. One more than there is room for is no more to us than a key that we do not know. */
static enum snapshot_error next_read(char *words, const struct snapshot_field *fields, void *list,
				     size_t size, size_t room, size_t *n)
{
	enum snapshot_error error;

	if (*n == room)
		return SNAPSHOT_OK;
	error = record_read(words, fields, (char *)list + *n * size, NULL);
	*n += error == SNAPSHOT_OK;
	return error;
}

static enum snapshot_error latency_read(char *words, struct snapshot *s)
{
	struct snapshot_latency *l = &s->latency[s->n_latency];
	enum snapshot_error error;

	if (s->n_latency == SNAPSHOT_CLASSES)
		return SNAPSHOT_OK;
	error = record_read(words, snapshot_fields_latency, l, l);
	s->n_latency += error == SNAPSHOT_OK;
	return error;
}

static enum snapshot_error list_read(const char *kind, char *words, struct snapshot *s)
{
	if (strcmp(kind, "latency") == 0)
		return latency_read(words, s);
	if (strcmp(kind, "answers") == 0)
		return next_read(words, snapshot_fields_answers, s->answers, sizeof(s->answers[0]),
				 SNAPSHOT_STAGES, &s->n_answers);
	if (strcmp(kind, "failure") == 0)
		return next_read(words, snapshot_fields_failure, s->failures, sizeof(s->failures[0]),
				 SNAPSHOT_FAILURES, &s->n_failures);
	if (strcmp(kind, "slot") == 0) /* those were counted before: there is room */
		return record_read(words, snapshot_fields_slot, &s->slots[s->n_slots++], NULL);
	return SNAPSHOT_OK;
}

static enum snapshot_error line_read(char *line, struct snapshot *s)
{
	char *words = strchr(line, ' ');

	if (words == NULL)
		return SNAPSHOT_OK;
	*words++ = '\0';
	if (strcmp(line, "pool") == 0)
		return record_read(words, snapshot_fields_pool, &s->pool, NULL);
	if (strcmp(line, "frontend") == 0)
		return record_read(words, snapshot_fields_frontend, &s->frontend, NULL);
	if (strcmp(line, "messages") == 0)
		return record_read(words, snapshot_fields_messages, &s->messages, NULL);
	return list_read(line, words, s);
}

/* The line at *at, ended with a NUL, and *at behind it; NULL when there is no whole one. */
static char *line_next(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static size_t slots_count(const char *text)
{
	size_t n = 0;

	while ((text = strstr(text, "\nslot ")) != NULL) {
		n++;
		text++;
	}
	return n;
}

static bool head_is_known(const char *line)
{
	int64_t version;
	char number[8];

	if (line == NULL || strncmp(line, HEAD, strlen(HEAD)) != 0)
		return false;
	line += strlen(HEAD);
	snprintf(number, sizeof(number), "%.*s", (int)strcspn(line, " "), line);
	return number_read(number, &version) && version == SNAPSHOT_VERSION;
}

enum snapshot_error snapshot_parse(char *text, struct snapshot *out)
{
	size_t n_slots = slots_count(text);
	struct snapshot s = { .n_slots = 0 };
	enum snapshot_error error = SNAPSHOT_OK;
	char *line;

	if (!head_is_known(line_next(&text)))
		return SNAPSHOT_UNKNOWN;
	if (n_slots > SNAPSHOT_MAX_SLOTS)
		return SNAPSHOT_TOO_MANY;
	if ((s.slots = calloc(n_slots + 1, sizeof(*s.slots))) == NULL)
		return SNAPSHOT_NO_MEMORY;
	fields_clear(snapshot_fields_pool, &s.pool);
	fields_clear(snapshot_fields_frontend, &s.frontend);
	fields_clear(snapshot_fields_messages, &s.messages);
	while ((line = line_next(&text)) != NULL && line[0] != '\0' && error == SNAPSHOT_OK)
		error = line_read(line, &s);
	if (error == SNAPSHOT_OK && line == NULL)
		error = SNAPSHOT_CUT_SHORT;
	if (error == SNAPSHOT_OK)
		*out = s;
	else
		snapshot_free(&s);
	return error;
}

void snapshot_free(struct snapshot *s)
{
	free(s->slots);
	*s = (struct snapshot){ .n_slots = 0 };
}
