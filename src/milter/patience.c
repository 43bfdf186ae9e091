#include "milter/patience.h"

#define PROGRESS_VERSION 3 /* Sendmail 8.12 spoke version 2 and does not know the packet */

int64_t patience_command(const struct settings *s, int64_t now)
{
	return now + s->command_timeout_s * 1000;
}

int64_t patience_delay(int64_t wanted_ms, int64_t now, int64_t deadline)
{
	int64_t left = deadline > now ? deadline - now : 0;

	return wanted_ms < left ? wanted_ms : left;
}

bool patience_allows_progress(const struct settings *s, uint32_t version)
{
	return s->progress_s > 0 && version >= PROGRESS_VERSION;
}

int64_t patience_progress(const struct settings *s)
{
	int64_t most = s->content_timeout_s * 1000 / 2, wanted = s->progress_s * 1000;

	return wanted < most ? wanted : most;
}

int64_t patience_scan(const struct settings *s, uint32_t version, int64_t now)
{
	int64_t most = s->scan_timeout_s;

	if (!patience_allows_progress(s, version) && (most == 0 || most > s->content_timeout_s))
		most = s->content_timeout_s;
	return most > 0 ? now + most * 1000 : 0;
}
