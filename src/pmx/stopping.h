/* stopping.h - stop milters and wait for it, telling how it goes. */
#ifndef DEFANG_PMX_STOPPING_H
#define DEFANG_PMX_STOPPING_H

#include "pmx/ending.h"
#include "pmx/run.h"

/* Ask one to end as the options say; takes the instance when it goes well. With CONTROL_OTHERS the control
 * lock is taken, unless another one has it: then we signal all the same, which is how an end is hurried up,
 * and join the wait; a start is waited for. STATUS_OK, or another, told. */
enum status stopping_begin(const struct run *r, struct instance *taken, int control_fd,
			   struct ending_target *out);

/* Take the first steps of all, then wait until each is over; --no-wait, or a signal, ends the wait before.
 * Each result is told. */
enum status stopping_wait(const struct run *r, struct ending_target *targets, size_t n);

/* Have a process in the background bring to an end what goes on, with the locks that it has: the controller
 * of a front end that ends by itself has to be ended, too. Of those, only ending_free() is allowed
 * afterwards. */
void stopping_leave(struct ending_target *targets, size_t n);

#endif
