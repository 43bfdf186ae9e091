#include "pool/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

TAILQ_HEAD(jobs, job);

struct queue {
	struct jobs jobs;
	size_t length;
	size_t limit;
};

struct queue *queue_new(size_t limit)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	TAILQ_INIT(&q->jobs);
	q->limit = limit;
	return q;
}

void queue_free(struct queue *q)
{
	struct job *job;

	if (q == NULL)
		return;
	while ((job = queue_pop(q)) != NULL)
		job_free(job);
	free(q);
}

int queue_push(struct queue *q, struct job *job, int64_t deadline_ms)
{
	const struct job *youngest = TAILQ_LAST(&q->jobs, jobs);

	if (q->length >= q->limit)
		return -ENOBUFS;
	assert(youngest == NULL || youngest->deadline_ms <= deadline_ms);
	job->queue = q;
	job->deadline_ms = deadline_ms;
	TAILQ_INSERT_TAIL(&q->jobs, job, link);
	q->length++;
	return 0;
}

void queue_push_front(struct queue *q, struct job *job)
{
	job->queue = q;
	TAILQ_INSERT_HEAD(&q->jobs, job, link);
	q->length++;
}

struct job *queue_first(const struct queue *q)
{
	return TAILQ_FIRST(&q->jobs);
}

struct job *queue_pop(struct queue *q)
{
	struct job *job = queue_first(q);

	if (job != NULL)
		queue_remove(q, job);
	return job;
}

struct job *queue_pop_expired(struct queue *q, int64_t now_ms)
{
	return queue_deadline(q) <= now_ms ? queue_pop(q) : NULL;
}

void queue_remove(struct queue *q, struct job *job)
{
	assert(job->queue == q);
	TAILQ_REMOVE(&q->jobs, job, link);
	job->queue = NULL;
	q->length--;
}

size_t queue_length(const struct queue *q)
{
	return q->length;
}

size_t queue_limit(const struct queue *q)
{
	return q->limit;
}

int64_t queue_deadline(const struct queue *q)
{
	const struct job *job = queue_first(q);

	return job == NULL || job->deadline_ms == 0 ? INT64_MAX : job->deadline_ms;
}
