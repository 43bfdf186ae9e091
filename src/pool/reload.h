/* reload.h - loading the filter anew as a transaction. A candidate worker must start and answer first. When
 * it does, its generation is the present one, and succession.h replaces the workers of older ones. When it
 * does not, everything stays as it is. */
#ifndef DEFANG_POOL_RELOAD_H
#define DEFANG_POOL_RELOAD_H

#include "pool/worker.h"

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct reload;
struct reload_waiter;

/* The outcome, as the reply to `reread`. Never called from within reload_request(). */
typedef void reload_done_fn(const char *reply, void *arg);

struct reload *reload_new(struct pool *pool); /* NULL with errno set */
void reload_free(struct reload *r);           /* NULL is allowed */

/* Reload, or join the reload whose candidate is being tried. NULL with errno set: ESHUTDOWN after
 * reload_stop(). */
struct reload_waiter *reload_request(struct reload *r, reload_done_fn *done, void *arg);

/* Only try whether the filter loads, or join a trial: the candidate is ended again, unless somebody has asked
 * for a reload meanwhile. NULL with errno set as above. */
struct reload_waiter *reload_check(struct reload *r, reload_done_fn *done, void *arg);

/* `done` will not be called; the reload goes on. */
void reload_forget(struct reload *r, struct reload_waiter *waiter);

/* Shutting down: whoever waits is told so, and nobody can ask any more. */
void reload_stop(struct reload *r);

/* The generation that workers belong to now. */
unsigned reload_generation(const struct reload *r);

/* --- for pool.c --- */

/* A candidate is being tried, or about to be. */
bool reload_is_running(const struct reload *r);

/* The generation of the candidate that is being tried; without one the present one. */
unsigned reload_trial(const struct reload *r);

/* Start the candidate if one is wanted. The time to come again if nothing else happens, or POLICY_NEVER. */
int64_t reload_pass(struct reload *r, int64_t now_ms);

/* Whether `w`, which has become idle, is a candidate that is to be installed. One that was only to be
 * tried is ended. */
bool reload_on_ready(struct reload *r, struct worker *w);

/* `w` has ended. */
void reload_on_ended(struct reload *r, const struct worker *w);

#endif
