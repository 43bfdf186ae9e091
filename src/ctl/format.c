#include "ctl/format.h"

#include <stdio.h>
#include <string.h>

#define BAR_MAX_WORKERS 25
#define BAR_MAX_QUEUE 20

/* The reply to `status`, taken apart. */
struct status {
	const char *letters; /* one per worker; not terminated */
	size_t workers;
	unsigned long scans, activations, queue_limit, queued;
};

static bool status_parse(const char *reply, struct status *out)
{
	size_t n = strcspn(reply, " \n");

	if (n == 0 || strchr("IKSB", reply[0]) == NULL)
		return false;
	*out = (struct status){ .letters = reply, .workers = n };
	return sscanf(reply + n, "%lu %lu %lu %lu", &out->scans, &out->activations, &out->queue_limit,
		      &out->queued) == 4;
}

static const char *state_word(char letter)
{
	switch (letter) {
	case 'I':
		return "idle";
	case 'K':
		return "killed";
	case 'S':
		return "stopped";
	case 'B':
		return "busy";
	default:
		return NULL;
	}
}

bool format_status(const char *reply, struct buf *out)
{
	struct status s;

	if (!status_parse(reply, &s))
		return false;
	buf_addf(out, "Max workers: %zu\n", s.workers);
	for (size_t i = 0; i < s.workers; i++) {
		const char *word = state_word(s.letters[i]);

		if (word != NULL)
			buf_addf(out, "Worker %zu: %s\n", i, word);
		else
			buf_addf(out, "Worker %zu: unknown state '%c'\n", i, s.letters[i]);
	}
	return true;
}

/* `full` of `total` as a number and a bar: a mark for each of them, or `most` marks in proportion. */
static void bar_add(struct buf *out, size_t full, size_t total, size_t most, char mark)
{
	size_t width = total > most ? most : total;

	buf_addf(out, "%3zu/%zu ", full, total);
	for (size_t i = 0; i < width; i++)
		buf_addc(out, i * total < full * width ? mark : '.');
}

bool format_barstatus(const char *reply, struct buf *out)
{
	struct status s;
	size_t busy = 0;

	if (!status_parse(reply, &s))
		return false;
	for (size_t i = 0; i < s.workers; i++)
		busy += s.letters[i] == 'B';
	bar_add(out, busy, s.workers, BAR_MAX_WORKERS, 'B');
	if (s.queue_limit > 0) {
		buf_adds(out, "  ");
		bar_add(out, s.queued, s.queue_limit, BAR_MAX_QUEUE, 'Q');
	}
	buf_addf(out, " %lu\n", s.scans);
	return true;
}
