#include "proto/milter.h"
#include "proto/reply.h"

#include "fuzz.h"

#include <assert.h>

/* Whatever a filter has given, the MTA gets a reply that it takes. */
static void check_smtp_reply(const struct smtp_reply *r)
{
	struct milter_packet p;
	struct milter_answer a;
	struct buf text, packet;
	size_t used;

	buf_init(&text, SMTP_REPLY_MAX_LINES * (SMTP_REPLY_MAX_LINE + 16));
	buf_init(&packet, BUF_NO_LIMIT);
	smtp_reply_format(&text, r);
	assert(buf_error(&text) == 0);
	milter_put_text(&packet, MILTER_REPLYCODE, text.data);
	assert(milter_frame(packet.data, packet.len, MILTER_MAX_DATA, &p, &used) == MILTER_FRAME_WHOLE);
	assert(milter_answer_parse(&p, &a) == MILTER_OK);
	buf_free(&packet);
	buf_free(&text);
}

static void check_check(char *line)
{
	struct check_reply r;

	if (check_reply_parse(line, &r) != REPLY_OK) {
		assert(strchr(line, '\n') == NULL);
		return;
	}
	assert(r.delay_s >= 0 && r.delay_s <= REPLY_MAX_DELAY);
	if (r.has_reply && (r.verdict == VERDICT_REJECT || r.verdict == VERDICT_TEMPFAIL))
		check_smtp_reply(&r.reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *line = fuzz_string(data, n);
	int count = -1;

	assert((free_reply_parse(line, &count) == REPLY_OK) == (count >= 0));
	reply_is_error(line);
	check_check(line);
	free(line);

	line = fuzz_string(data, n);
	if (scan_reply_parse(line) == REPLY_OK)
		assert(strlen(line) == 2);
	free(line);
	return 0;
}
