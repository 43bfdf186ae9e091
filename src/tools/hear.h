/* hear.h - what a milter's answers mean to an MTA. */
#ifndef DEFANG_TOOLS_HEAR_H
#define DEFANG_TOOLS_HEAR_H

#include "tools/session_state.h"

/* Take an answer: a verdict decides a recipient or the message, or lets it go on. May end the session. */
void hear_answer(struct session *s, const struct milter_answer *a);

#endif
