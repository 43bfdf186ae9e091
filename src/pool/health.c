#include "pool/health.h"

#include "base/log.h"
#include "pool/policy.h"

#include <stdio.h>
#include <string.h>

bool health_is_degraded(int failures)
{
	return policy_backoff(failures) > 0;
}

/* What a filter says last is what it died of: the beginning goes when there is no room for all. */
static void words_set(struct health *h, const struct tail *words, const char *why)
{
	struct buf text;
	const char *at;

	buf_init(&text, BUF_NO_LIMIT);
	if (words != NULL)
		tail_join(words, "; ", &text);
	at = buf_error(&text) || text.len == 0 ? why : text.data;
	if (strlen(at) >= sizeof(h->words))
		at += strlen(at) - (sizeof(h->words) - 1);
	snprintf(h->words, sizeof(h->words), "%s", at);
	buf_free(&text);
}

void health_on_failure(struct health *h, int failures, const struct tail *words, const char *why)
{
	words_set(h, words, why);
	if (h->told || !health_is_degraded(failures))
		return;
	h->told = true;
	log_err("Degraded: %d workers in a row did not start: %s", failures, h->words);
}

void health_on_ready(struct health *h)
{
	if (h->told)
		log_info("No longer degraded: a worker has started");
	h->told = false;
}

void health_report(const struct health *h, int failures, struct buf *out)
{
	if (health_is_degraded(failures))
		buf_addf(out, "degraded: %d workers in a row did not start: %s\n", failures, h->words);
	else
		buf_adds(out, "ok\n");
}
