/* dispatch.h - gives the pool's jobs to its workers, and keeps those waiting that have to. Whenever capacity
 * appears the job that has waited longest gets it. Private to the pool. */
#ifndef DEFANG_POOL_DISPATCH_H
#define DEFANG_POOL_DISPATCH_H

#include "pool/job.h"

#include <stddef.h>
#include <stdint.h>

#define DISPATCH_SHUTTING_DOWN "ERR Shutting down\n"

struct pool;

size_t dispatch_waiting(const struct pool *p); /* jobs, for a start or for any worker */

/* Idle workers to waiting jobs, oldest first. */
void dispatch_serve(struct pool *p);

/* The job is over, with `answer`. */
void dispatch_answer(struct job *job, const char *answer, size_t len);

/* It is over, with `reply`, without a worker having had it. */
void dispatch_refuse(const struct pool *p, struct job *job, const char *reply);

/* Refuse all that wait. */
void dispatch_refuse_all(struct pool *p, const char *reply);

/* For those for whom no worker is starting any more: start another if that failed by accident
 * (somebody killed the process), once. Refuse them when that is not possible, or failed too. The time to come
 * again, or POLICY_NEVER. */
int64_t dispatch_mend_claims(struct pool *p, int64_t now_ms);

/* Start workers for queued jobs where slots have become free; refuse those that have waited too long. Each
 * gives the time to come again, or POLICY_NEVER. */
int64_t dispatch_start_for_queue(struct pool *p, int64_t now_ms);
int64_t dispatch_expire(struct pool *p, int64_t now_ms);

#endif
