/* succession.h - replaces workers that have to go, for whatever reason, without a dip: the successor starts
 * in a spare slot, and when it is ready the two change places. Only so many at a time. */
#ifndef DEFANG_POOL_SUCCESSION_H
#define DEFANG_POOL_SUCCESSION_H

#include "pool/worker.h"

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct slots;
struct succession;

/* For the workers in `slots`, which the pool owns. NULL with errno set. */
struct succession *succession_new(struct pool *pool, struct slots *slots);
void succession_free(struct succession *s); /* NULL is allowed */

/* Start the successors that are needed and allowed now. The time to come again if nothing else happens, or
 * POLICY_NEVER. */
int64_t succession_pass(struct succession *s, int64_t now_ms);

/* Whether `w`, which has become idle for the first time, is a successor: it is to be installed. */
bool succession_on_ready(struct succession *s, const struct worker *w);

/* Let the idle worker `w` take work from now on: in the place of one that has to go, if there is any, which
 * ends after the request it has. */
void succession_install(struct succession *s, struct worker *w);

/* `w` has ended. */
void succession_on_ended(struct succession *s, const struct worker *w);

#endif
