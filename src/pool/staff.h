/* staff.h - the pool's workers: when they are started, and when they go. What is decided here follows from
 * policy.h. Private to the pool. */
#ifndef DEFANG_POOL_STAFF_H
#define DEFANG_POOL_STAFF_H

#include "pool/policy.h"
#include "pool/worker.h"

#include <stdint.h>

struct pool;

/* Processes in the slots from `from` up to, not including, `to`; in the working slots. */
int staff_live(const struct pool *p, int from, int to);
int staff_running(const struct pool *p);

enum staff_claim { STAFF_CLAIMED, STAFF_NO_SLOT, STAFF_REFUSED };

/* For a job: claim a worker that is starting and that no job waits for yet, or start one. */
enum staff_claim staff_claim(struct pool *p, const char *reason);

/* End the idle worker if it has to go and needs no successor; around->running counts it no more then. The
 * time to ask again, or POLICY_NEVER. */
int64_t staff_end_if_due(struct pool *p, struct worker *w, struct policy_situation *around);

/* The same for all that are idle. */
int64_t staff_end_due(struct pool *p);

/* Make room where workers have left by themselves, or out of step. */
void staff_vacate_all(struct pool *p);

/* Start a worker for the minimum if one is due. The time to come again, or POLICY_NEVER. */
int64_t staff_fill(struct pool *p, int64_t now_ms);

#endif
