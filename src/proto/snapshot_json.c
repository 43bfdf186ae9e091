#include "proto/json.h"
#include "proto/snapshot.h"
#include "proto/snapshot_fields.h"

#include <stdbool.h>

/* A number, or null for one that is not told. */
static void number(struct json *j, const char *key, int64_t n)
{
	if (n == SNAPSHOT_NONE)
		json_text(j, key, NULL);
	else
		json_int(j, key, n);
}

static void put_fields(struct json *j, const struct snapshot_field *fields, const void *record)
{
	for (const struct snapshot_field *f = fields; f->key != NULL; f++) {
		const char *at = (const char *)record + f->offset;

		if (f->size > 0)
			json_text(j, f->key, at);
		else
			number(j, f->key, *(const int64_t *)(const void *)at);
	}
}

/* A part counts as there when its first number is told. */
static bool is_told(const struct snapshot_field *fields, const void *record)
{
	while (fields->size > 0)
		fields++;
	return *(const int64_t *)(const void *)((const char *)record + fields->offset) != SNAPSHOT_NONE;
}

static void put_part(struct json *j, const char *key, const struct snapshot_field *fields, const void *record)
{
	if (!is_told(fields, record))
		return;
	json_object(j, key);
	put_fields(j, fields, record);
	json_end_object(j);
}

static void put_list(struct json *j, const char *key, const struct snapshot_field *fields, const void *list,
		     size_t size, size_t n)
{
	if (n == 0)
		return;
	json_array(j, key);
	for (size_t i = 0; i < n; i++) {
		json_object(j, NULL);
		put_fields(j, fields, (const char *)list + i * size);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_latency(struct json *j, const struct snapshot_latency *l)
{
	json_object(j, NULL);
	put_fields(j, snapshot_fields_latency, l);
	json_array(j, "ranges");
	for (int i = 0; i < l->n_ranges; i++) {
		json_object(j, NULL);
		number(j, "bound_ms", l->ranges[i].bound_ms);
		json_int(j, "count", l->ranges[i].count);
		json_end_object(j);
	}
	json_end_array(j);
	json_end_object(j);
}

static void put_latencies(struct json *j, const struct snapshot *s)
{
	if (s->n_latency == 0)
		return;
	json_array(j, "latency");
	for (size_t i = 0; i < s->n_latency; i++)
		put_latency(j, &s->latency[i]);
	json_end_array(j);
}

void snapshot_json(struct buf *out, const struct snapshot *s)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_int(&j, "version", SNAPSHOT_VERSION);
	put_part(&j, "frontend", snapshot_fields_frontend, &s->frontend);
	put_part(&j, "messages", snapshot_fields_messages, &s->messages);
	put_list(&j, "answers", snapshot_fields_answers, s->answers, sizeof(s->answers[0]), s->n_answers);
	put_list(&j, "failures", snapshot_fields_failure, s->failures, sizeof(s->failures[0]), s->n_failures);
	put_part(&j, "pool", snapshot_fields_pool, &s->pool);
	put_latencies(&j, s);
	put_list(&j, "slots", snapshot_fields_slot, s->slots, sizeof(s->slots[0]), s->n_slots);
	json_end_object(&j);
	buf_addc(out, '\n');
}

void snapshot_json_of_text(struct buf *out, char *text)
{
	struct snapshot s;

	if (snapshot_parse(text, &s) != SNAPSHOT_OK)
		return;
	snapshot_json(out, &s);
	snapshot_free(&s);
}
