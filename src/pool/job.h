/* job.h - a request that needs a worker: of a client, a map look-up or a tick. */
#ifndef DEFANG_POOL_JOB_H
#define DEFANG_POOL_JOB_H

#include "proto/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* What a worker did, as far as the choice of a worker and the statistics tell kinds of work apart. */
enum job_class {
	JOB_CLASS_UNSET = -2, /* a worker that has done none of the four measured kinds */
	JOB_CLASS_OTHER = -1,
	JOB_CLASS_SCAN = 0,
	JOB_CLASS_RELAYOK,
	JOB_CLASS_SENDEROK,
	JOB_CLASS_RECIPOK,
};

const char *job_class_name(enum job_class c); /* "scan" ..; NULL when it is not a measured class */

/* Who wants it. Only clients' jobs are queued; any other is refused when no worker can take it now. */
enum job_origin { JOB_OF_CLIENT, JOB_OF_MAP, JOB_OF_TICK };

/* How it ended. */
enum job_end {
	JOB_REFUSED,  /* no worker has had it */
	JOB_ANSWERED, /* in the worker's own words */
	JOB_LOST,     /* a worker has had it, and took too long, ended, or was out of its mind */
};

struct job;
struct queue;

/* The end of a job: `answer` is what its client gets, LF included, and may be empty; valid during the call.
 * The job is freed afterwards. Must not submit or cancel jobs. */
typedef void job_done_fn(struct job *job, const char *answer, size_t len, void *arg);

#define JOB_DOMAIN_MAX 128 /* with its NUL; what is longer is cut */

/* Owned by the caller until pool_submit() takes it, then by the pool, in a queue or with a worker, until
 * `done` has been called, which is once unless the job is cancelled. */
struct job {
	struct queue *queue; /* that holds it; NULL when a worker or its maker does */
	TAILQ_ENTRY(job) link;
	int64_t deadline_ms; /* in that queue; 0 for none */
	char *line;          /* for the worker, its LF included */
	size_t len;
	enum job_class class;
	enum job_origin origin;      /* a client, unless its maker says otherwise before it is submitted */
	enum job_end end;            /* for `done` */
	char tag[64];                /* status tag */
	char queue_id[64];           /* of the message it belongs to, or "" */
	char domain[JOB_DOMAIN_MAX]; /* of the recipient it asks about, or "" */
	int64_t submitted_ms;        /* when the pool was asked to have it done */
	int64_t given_ms;            /* when a worker got it, and .. */
	int worker;                  /* .. which; -1 before */
	job_done_fn *done;           /* NULL: nobody wants the answer any more */
	void *arg;
};

/* A job for `line` (without its LF; copied), which `request` is the parsed form of; it may be NULL for a line
 * that concerns no message. NULL with errno set. */
struct job *job_new(const char *line, const struct request *request, job_done_fn *done, void *arg);
void job_free(struct job *job); /* NULL is allowed */

#endif
