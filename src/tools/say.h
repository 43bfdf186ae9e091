/* say.h - what a session says to the milter, and when. */
#ifndef DEFANG_TOOLS_SAY_H
#define DEFANG_TOOLS_SAY_H

#include "tools/session_state.h"

/* Say all that can be said before the next reply. */
void say_on(struct session *s);

/* How much there is to say at this stage: recipients, headers, pieces of body, or 1; 0 when it is stepped
 * over. */
size_t say_units(const struct session *s);

/* Start the time limit of the next reply. */
void say_deadline(struct session *s);

/* The next message begins: a new queue id, and nothing of the former one. */
void say_new_message(struct session *s);

/* To be sent with what comes next. */
void say_abort(struct session *s);

/* Say goodbye as the MTA does; nothing follows, and the session ends when it is sent. */
void say_goodbye(struct session *s);

#endif
