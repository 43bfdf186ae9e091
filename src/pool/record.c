#include "pool/record.h"

#include <time.h>

void record_add_date(const struct record *r, struct buf *out)
{
	time_t t = (time_t)(r->wall_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	buf_addf(out, "%04d/%02d/%02d:%02d:%02d:%02d ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void add_quoted(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			buf_adds(out, "\\n");
			continue;
		}
		if (*text == '"' || *text == '\\')
			buf_addc(out, '\\');
		buf_addc(out, (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
	}
	buf_addc(out, '"');
}

void record_add(const struct record *r, struct buf *out)
{
	buf_addf(out, "%lld.%03d %s worker=%d nworkers=%d nbusy=%d", (long long)(r->wall_ms / 1000),
		 (int)(r->wall_ms % 1000), r->event, r->worker, r->running, r->busy);
	if (r->total >= 0)
		buf_addf(out, " numRequests=%lld", (long long)r->total);
	if (r->requests >= 0)
		buf_addf(out, " req=%lld age=%lld", (long long)r->requests, (long long)r->age_s);
	if (r->reason != NULL) {
		buf_adds(out, " reason=");
		add_quoted(out, r->reason);
	}
}
