#include "milter/summary.h"

#include <stdbool.h>
#include <string.h>

static bool is_bare(const char *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (value[i] < 33 || value[i] > 126 || value[i] == '"' || value[i] == '\\')
			return false;
	return true;
}

static void add_key(struct buf *out, const char *key)
{
	buf_addc(out, ' ');
	buf_adds(out, key);
	buf_addc(out, '=');
}

/* The closing quote is the caller's: `...` comes before it. */
static void add_quoted(struct buf *out, const char *value, size_t n)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\')
			buf_addc(out, '\\');
		if (c >= 32 && c <= 126)
			buf_addc(out, value[i]);
		else
			buf_addf(out, "\\x%02X", c);
	}
}

static void add_text(struct buf *out, const char *key, const char *value)
{
	size_t n = value != NULL ? strlen(value) : 0;
	bool cut = n > SUMMARY_MAX_VALUE, bare;

	if (cut)
		n = SUMMARY_MAX_VALUE;
	bare = is_bare(value, n);
	add_key(out, key);
	if (bare)
		buf_add(out, value, n);
	else
		add_quoted(out, value, n);
	if (cut)
		buf_adds(out, "...");
	if (!bare)
		buf_addc(out, '"');
}

/* Below 0: not known. */
static void add_number(struct buf *out, const char *key, int64_t n)
{
	add_key(out, key);
	if (n >= 0)
		buf_addf(out, "%lld", (long long)n);
}

void summary_add(struct buf *out, const struct summary *s)
{
	buf_addf(out, "message client=[%s]", s->ip != NULL ? s->ip : "");
	add_text(out, "name", s->name);
	add_text(out, "from", s->sender);
	add_number(out, "nrcpts", (int64_t)s->recipients);
	add_number(out, "size", (int64_t)s->size);
	add_text(out, "verdict", s->verdict);
	add_text(out, "stage", s->stage);
	add_text(out, "reply", s->reply);
	add_text(out, "cause", s->cause);
	add_number(out, "worker", s->facts.worker);
	add_number(out, "queued_ms", s->facts.queued_ms);
	add_number(out, "run_ms", s->facts.run_ms);
	add_number(out, "total_ms", s->total_ms);
}
