/* answer.h - a verdict as the packet that tells it to the MTA. Pure. */
#ifndef DEFANG_MILTER_ANSWER_H
#define DEFANG_MILTER_ANSWER_H

#include "base/buf.h"
#include "proto/reply.h"

/* Append the packet. A REJECT or TEMPFAIL carries the text of `reply`; NULL leaves the words to the MTA. */
void answer_put(struct buf *out, enum verdict v, const struct smtp_reply *reply);

#endif
