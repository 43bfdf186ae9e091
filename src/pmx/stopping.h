/* stopping.h - stop milters and wait for it, telling how it goes. */
#ifndef DEFANG_PMX_STOPPING_H
#define DEFANG_PMX_STOPPING_H

#include "pmx/ending.h"
#include "pmx/run.h"

/* Ask one to end as the options say; takes the instance. With control_fd -1 the control lock is taken, unless
 * another stop or restart has it: then we signal all the same, which is how an end is hurried up, and join
 * its wait; a start is waited for. False when that took too long, and it was told. */
bool stopping_begin(const struct run *r, struct instance *taken, int control_fd, struct ending_target *out);

/* Take the first steps of all, then wait until each is over; --no-wait, or a signal, ends the wait before.
 * Each result is told. */
enum status stopping_wait(const struct run *r, struct ending_target *targets, size_t n);

/* Have a pmx-milter in the background bring to an end what was left going on: the controller of a front end
 * that ends by itself has to be ended, too. Release the control locks before. */
void stopping_leave(const struct run *r, char *const names[], size_t n);

#endif
