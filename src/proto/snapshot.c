#include "proto/snapshot.h"

#include "proto/percent.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "snapshot version="

/* --- the fields: one table each, for writing and reading --- */

struct field {
	const char *key;
	size_t offset;
	size_t size; /* of a text; 0: a number */
};

#define NUMBER(type, member)                              \
	{                                                 \
#member, offsetof(struct type, member), 0 \
	}
#define TEXT(type, member)                                                                    \
	{                                                                                     \
#member, offsetof(struct type, member), sizeof(((struct type *)NULL)->member) \
	}
#define END                \
	{                  \
		NULL, 0, 0 \
	}

static const struct field pool_fields[] = {
	NUMBER(snapshot_pool, workers),
	NUMBER(snapshot_pool, slots),
	NUMBER(snapshot_pool, peak),
	NUMBER(snapshot_pool, activations),
	NUMBER(snapshot_pool, deaths),
	NUMBER(snapshot_pool, messages),
	NUMBER(snapshot_pool, queued),
	NUMBER(snapshot_pool, queue_limit),
	NUMBER(snapshot_pool, limit_hits),
	NUMBER(snapshot_pool, generation),
	NUMBER(snapshot_pool, uptime_s),
	NUMBER(snapshot_pool, degraded),
	END,
};

static const struct field latency_fields[] = {
	TEXT(snapshot_latency, class),
	NUMBER(snapshot_latency, finished),
	NUMBER(snapshot_latency, run_ms),
	END,
};

static const struct field slot_fields[] = {
	NUMBER(snapshot_slot, number),
	TEXT(snapshot_slot, state),
	NUMBER(snapshot_slot, pid),
	NUMBER(snapshot_slot, start),
	NUMBER(snapshot_slot, seq),
	NUMBER(snapshot_slot, generation),
	NUMBER(snapshot_slot, in_flight),
	NUMBER(snapshot_slot, accepted),
	NUMBER(snapshot_slot, slot_accepted),
	NUMBER(snapshot_slot, slot_processes),
	NUMBER(snapshot_slot, retiring),
	TEXT(snapshot_slot, why),
	NUMBER(snapshot_slot, rss_kb),
	NUMBER(snapshot_slot, age_s),
	NUMBER(snapshot_slot, changed_s),
	TEXT(snapshot_slot, class),
	TEXT(snapshot_slot, tag),
	END,
};

static int64_t *number_at(void *record, const struct field *f)
{
	return (int64_t *)(void *)((char *)record + f->offset);
}

/* --- writing --- */

static void fields_add(struct buf *out, const char *kind, const struct field *fields, const void *record)
{
	buf_adds(out, kind);
	for (const struct field *f = fields; f->key != NULL; f++) {
		const char *at = (const char *)record + f->offset;

		buf_addf(out, " %s=", f->key);
		if (f->size > 0)
			percent_encode_str(out, at);
		else
			buf_addf(out, "%lld", (long long)*(const int64_t *)(const void *)at);
	}
}

void snapshot_add_head(struct buf *out)
{
	buf_addf(out, HEAD "%d\n", SNAPSHOT_VERSION);
}

void snapshot_add_pool(struct buf *out, const struct snapshot_pool *p)
{
	fields_add(out, "pool", pool_fields, p);
	buf_addc(out, '\n');
}

void snapshot_add_latency(struct buf *out, const struct snapshot_latency *l)
{
	fields_add(out, "latency", latency_fields, l);
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
	fields_add(out, "slot", slot_fields, s);
	buf_addc(out, '\n');
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

static void fields_clear(const struct field *fields, void *record)
{
	for (const struct field *f = fields; f->key != NULL; f++) {
		if (f->size == 0)
			*number_at(record, f) = SNAPSHOT_NONE;
	}
}

static bool field_read(const struct field *f, char *value, void *record)
{
	if (f->size == 0)
		return number_read(value, number_at(record, f));
	percent_decode(value);
	snprintf((char *)record + f->offset, f->size, "%s", value);
	return true;
}

/* The words behind the kind of a line. */
static bool fields_read(char *words, const struct field *fields, void *record,
			struct snapshot_latency *latency)
{
	char *save = NULL;

	for (char *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');
		const struct field *f = fields;

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

static enum snapshot_error latency_read(char *words, struct snapshot *s)
{
	struct snapshot_latency *l = &s->latency[s->n_latency];

	if (s->n_latency == SNAPSHOT_CLASSES)
		return SNAPSHOT_OK; /* a class to come: no more than a key that is not known */
	fields_clear(latency_fields, l);
	if (!fields_read(words, latency_fields, l, l))
		return SNAPSHOT_BAD_VALUE;
	s->n_latency++;
	return SNAPSHOT_OK;
}

static enum snapshot_error slot_read(char *words, struct snapshot *s)
{
	struct snapshot_slot *slot = &s->slots[s->n_slots++]; /* zeroed: its texts are empty */

	fields_clear(slot_fields, slot);
	return fields_read(words, slot_fields, slot, NULL) ? SNAPSHOT_OK : SNAPSHOT_BAD_VALUE;
}

static enum snapshot_error line_read(char *line, struct snapshot *s)
{
	char *words = strchr(line, ' ');

	if (words == NULL)
		return SNAPSHOT_OK;
	*words++ = '\0';
	if (strcmp(line, "pool") == 0)
		return fields_read(words, pool_fields, &s->pool, NULL) ? SNAPSHOT_OK : SNAPSHOT_BAD_VALUE;
	if (strcmp(line, "latency") == 0)
		return latency_read(words, s);
	if (strcmp(line, "slot") == 0)
		return slot_read(words, s);
	return SNAPSHOT_OK;
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
	fields_clear(pool_fields, &s.pool);
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
