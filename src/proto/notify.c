#include "proto/notify.h"

static uint32_t bit_of(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? UINT32_C(1) << (letter - 'A') : 0;
}

bool notify_wants(uint32_t set, enum notify_kind kind)
{
	return (set & bit_of((char)kind)) != 0;
}

bool notify_subscription_parse(const char *line, size_t n, uint32_t *out)
{
	uint32_t set = 0;

	if (n == 0 || line[0] != '?')
		return false;
	if (n > NOTIFY_MAX_SUBSCRIPTION)
		n = NOTIFY_MAX_SUBSCRIPTION;
	for (size_t i = 1; i < n; i++)
		set |= line[i] == '*' ? NOTIFY_ALL : bit_of(line[i]);
	*out = set;
	return true;
}

void notify_add(struct buf *out, enum notify_kind kind)
{
	buf_addf(out, "%c\n", kind);
}

void notify_add_free(struct buf *out, int n)
{
	buf_addf(out, "%c %d\n", NOTIFY_FREE, n);
}

/* The end of a message: text from elsewhere. */
static void add_text(struct buf *out, const char *text)
{
	for (size_t i = 0; i < NOTIFY_MAX_TEXT && text[i] != '\0'; i++)
		buf_addc(out, text[i] < 32 || text[i] > 126 ? ' ' : text[i]);
	buf_addc(out, '\n');
}

void notify_add_error(struct buf *out, const char *text)
{
	buf_addf(out, "%c ", NOTIFY_ERROR);
	add_text(out, text);
}

void notify_add_tag(struct buf *out, int worker, const char *tag)
{
	if (tag[0] == '\0')
		return;
	buf_addf(out, "%c %d ", NOTIFY_STATUS, worker);
	add_text(out, tag);
}

void notify_add_state(struct buf *out, int worker, const char *from, const char *to)
{
	buf_addf(out, "%c %d StateChange %s -> %s\n", NOTIFY_STATUS, worker, from, to);
}
