/* asking.h - a check at a command: a question to the controller, perhaps a delay, then the answer to the MTA.
 * Private to stages.c. */
#ifndef DEFANG_MILTER_ASKING_H
#define DEFANG_MILTER_ASKING_H

#include "milter/check.h"
#include "milter/stages.h"

/* The filter may look into the work directory while it is asked. 0, or -1 when it cannot, which is logged. */
int asking_sync(struct session *s);
/* The recipient in hand is accepted. 0, or -1 when it cannot be noted, which is logged. */
int asking_keep_recipient(struct session *s);

void asking_log_unwritten(const struct session *s, int err);

/* Ask what `line` holds, and free it, on behalf of a command. 0, or -1 when it cannot be asked, which is
 * logged. */
int asking_ask(struct session *s, enum milter_command c, struct buf *line);

/* It could not be asked: answer with a temporary failure. */
void asking_failed(struct session *s, enum milter_command c);

/* Answer the command s->asking as the filter said, now or after a delay. At CONNECT no words and no delay can
 * be given. May free the session. */
void asking_conclude(struct session *s, const struct check_reply *reply, enum failure failure);

#endif
