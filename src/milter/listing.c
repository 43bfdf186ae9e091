#include "milter/listing.h"

#include "milter/stages.h"
#include "proto/percent.h"

#include <string.h>

#define MAX_TEXT 255 /* bytes of a name that are shown */

static void add_text(struct buf *out, const char *key, const char *value)
{
	size_t n = strlen(value);

	buf_addf(out, " %s=", key);
	percent_encode(out, value, n < MAX_TEXT ? n : MAX_TEXT);
}

static void add_session(struct buf *out, const struct session *s)
{
	int64_t now = loop_now(s->server->loop);

	buf_adds(out, "session");
	add_text(out, "id", s->id);
	add_text(out, "client", s->peer.ip);
	add_text(out, "name", s->peer.name != NULL ? s->peer.name : "");
	add_text(out, "stage", s->at != PHASES ? phase_name(s->at) : "none");
	buf_addf(out, " age_s=%lld silent_s=%lld", (long long)(now - s->begun_ms) / 1000,
		 (long long)(now - s->heard_ms) / 1000);
	add_text(out, "queue_id", s->message != NULL ? message_id(s->message) : "");
	buf_addc(out, '\n');
}

void listing_add(struct buf *out, const struct server *server)
{
	const struct session *s;

	LIST_FOREACH (s, &server->sessions, link)
		add_session(out, s);
}
