/* queue.h - jobs waiting for a worker, oldest first, each with a deadline or none. Owns a job from
 * queue_push() until a call hands it back. Knows no clients, workers or clock: the caller passes the time
 * in.
 *
 * The jobs of one queue all have a deadline or all have none, and a younger job's is never the earlier: so
 * only the oldest needs to be looked at. */
#ifndef DEFANG_POOL_QUEUE_H
#define DEFANG_POOL_QUEUE_H

#include "pool/job.h"

#include <stddef.h>
#include <stdint.h>

struct queue;

struct queue *queue_new(size_t limit); /* empty, for at most `limit`; NULL with errno set */
void queue_free(struct queue *q);      /* with every job still in it; NULL is allowed */

/* Take `job` as the youngest; `deadline_ms` 0 for none. 0, or -ENOBUFS when full: it stays the caller's. */
int queue_push(struct queue *q, struct job *job, int64_t deadline_ms);

struct job *queue_first(const struct queue *q); /* the oldest job, which stays; NULL when empty */

/* Take back, as the oldest, a job that has just been removed. */
void queue_push_front(struct queue *q, struct job *job);

/* Hand the oldest job back; NULL when empty. */
struct job *queue_pop(struct queue *q);

/* Hand back a job whose deadline is not after `now_ms`, the oldest first; NULL when there is none. */
struct job *queue_pop_expired(struct queue *q, int64_t now_ms);

/* Hand back `job`, which must be in `q`. */
void queue_remove(struct queue *q, struct job *job);

size_t queue_length(const struct queue *q);
size_t queue_limit(const struct queue *q);

/* The earliest deadline in it; INT64_MAX when none waits for one. */
int64_t queue_deadline(const struct queue *q);

#endif
