#include "milter/answer.h"

#include "proto/milter.h"

static const enum milter_response responses[] = {
	[VERDICT_CONTINUE] = MILTER_CONTINUE, [VERDICT_REJECT] = MILTER_REJECT,
	[VERDICT_TEMPFAIL] = MILTER_TEMPFAIL, [VERDICT_ACCEPT] = MILTER_ACCEPT,
	[VERDICT_DISCARD] = MILTER_DISCARD,
};

static void put_reply(struct buf *out, const struct smtp_reply *reply)
{
	struct buf text;

	buf_init(&text, BUF_NO_LIMIT);
	smtp_reply_format(&text, reply);
	milter_put_text(out, MILTER_REPLYCODE, text.data);
	buf_free(&text);
}

void answer_put(struct buf *out, enum verdict v, const struct smtp_reply *reply)
{
	if (reply != NULL && (v == VERDICT_REJECT || v == VERDICT_TEMPFAIL))
		put_reply(out, reply);
	else
		milter_put_letter(out, responses[v]);
}
