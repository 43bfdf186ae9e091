/* worker.h - one worker process: start, first sign of life, requests and answers, end. Speaks lines with it
 * over pipes and keeps it in step: an answer belongs to the request that it was asked for, or to nobody; a
 * worker that says more than it was asked, or speaks unasked, is ended.
 *
 * The owner (the pool) hears of everything through struct worker_owner. Times are milliseconds of the loop.
 */
#ifndef DEFANG_POOL_WORKER_H
#define DEFANG_POOL_WORKER_H

#include "base/loop.h"
#include "pool/ending.h"
#include "pool/job.h"
#include "pool/settings.h"
#include "pool/tail.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKER_MAX_ANSWER 65536 /* bytes of an answer without its LF */

struct templates;
struct worker;

enum worker_state {
	WORKER_STOPPED,  /* no process */
	WORKER_STARTING, /* asked for its first sign of life (`ping`), any line is one */
	WORKER_IDLE,
	WORKER_BUSY,     /* has a job */
	WORKER_RETIRING, /* has its last job */
	WORKER_KILLED,   /* has no job, and is being ended or has ended; not yet waited for */
	WORKER_STATES,
};

enum worker_outcome {
	WORKER_ANSWERED,
	WORKER_ANSWER_TOO_LONG,
	WORKER_HUNG_UP,    /* ended, or closed its output, without a byte of answer */
	WORKER_TIMED_OUT,  /* no answer within -b */
	WORKER_TOO_BIG,    /* killed for its memory */
	WORKER_UNWRITABLE, /* the request could not be handed over within -c */
};

/* What can be seen of a worker. After its end a copy stands for the empty slot. */
struct worker_facts {
	int number;   /* its slot */
	int known_as; /* in log and statistics: the last slot in which it took work, so that one worker has
			 one number */
	pid_t pid;    /* -1: none; or not yet known, while a template is to fork it */
	enum worker_state state;
	unsigned serial;           /* counts the starts of the pool */
	unsigned generation;       /* counts the filters loaded */
	enum job_class class;      /* of the job at hand */
	enum job_class last_class; /* the last measured one of this process */
	unsigned long requests;
	unsigned long scans;
	int64_t started_ms;
	int64_t first_request_ms;    /* -1 before its first */
	int64_t given_ms;            /* when it was given the job at hand, or the last one */
	int64_t changed_ms;          /* last change of state */
	int64_t rss_kb;              /* the most resident memory that was seen, for -R; 0 before */
	char why[80];                /* it is retiring or being ended; "" before */
	bool forced;                 /* it is being ended by force */
	bool was_ready;              /* it has given its first answer */
	bool lost;                   /* it has ended, or hung up, by itself */
	bool killed;                 /* it was lost to a signal */
	char tag[64];                /* status tag; "" for none */
	char queue_id[64];           /* of the job at hand; "" for none */
	char domain[JOB_DOMAIN_MAX]; /* of the job at hand; "" for none */
};

struct worker_owner {
	/* The one place that learns of each change of state; called from within the change: only note it. */
	void (*changed)(struct worker *w, enum worker_state from, enum worker_state to, void *arg);
	/* It is being ended, by us; called from within, after `changed`: only note it. */
	void (*ending)(struct worker *w, const char *reason, void *arg);
	/* Its process is gone; called before the changes of state that this makes: only note it. */
	void (*reaped)(struct worker *w, bool was_expected, void *arg);
	/* It has reported another status tag: only note it. */
	void (*tagged)(struct worker *w, void *arg);
	/* The end of `job`, which is the owner's again. Called while the worker still counts as busy. `line`
	 * includes its LF and is empty unless ANSWERED. */
	void (*done)(struct worker *w, struct job *job, enum worker_outcome outcome, const char *line,
		     size_t len, void *arg);
	/* It has become idle, after its start or an answer. Called last: may end it or give it a job. */
	void (*idle)(struct worker *w, void *arg);
	/* It has ended, is STOPPED, and all its last words are known. Called last: free it. */
	void (*ended)(struct worker *w, void *arg);
};

/* Start one: have it forked by one of `templates`, or without these execute the program. NULL with errno set.
 */
struct worker *worker_start(struct loop *loop, const struct settings *settings, struct templates *templates,
			    int number, unsigned serial, unsigned generation,
			    const struct worker_owner *owner, void *arg);

/* Safe in any callback of its own. A process still alive gets SIGKILL with its group, and is not waited for.
 */
void worker_free(struct worker *w);

/* Hand `job` to an IDLE worker. False when the worker turns out to have spoken unasked: it is being ended
 * then, and the job stays the caller's. Calls none of the owner's functions but `changed` and `ending`. */
bool worker_give(struct worker *w, struct job *job);

/* Make it end. `reason` is logged. A job it has is kept with ENDING_SHUTDOWN only; otherwise there must be
 * none. Calls `changed` and `ending` only. On a worker already ending, the sooner of the two schedules holds.
 */
void worker_end(struct worker *w, enum ending how, const char *reason);

/* Kill it for its memory, now. A job it has ends as TOO_BIG: calls `done`, and otherwise as worker_end(). */
void worker_kill_too_big(struct worker *w, const char *reason);

/* It has been seen to use so much resident memory. */
void worker_note_rss(struct worker *w, int64_t kb);

/* Take no job after the one at hand: BUSY to RETIRING. */
void worker_retire(struct worker *w, const char *reason);

/* See whether the process has ended; for SIGCHLD. May call `done` and `ended`. */
void worker_reap(struct worker *w);

/* Its slot has changed. A spare one, on its way out, does not change what it is known as. */
void worker_set_number(struct worker *w, int number);

const struct worker_facts *worker_facts(const struct worker *w);
const struct tail *worker_last_words(const struct worker *w);

/* Once it has ended: what it did wrong, else how it went, as in "worker ..": "exited normally with status 1".
 */
const char *worker_end_text(const struct worker *w);
const char *worker_state_name(enum worker_state s);

#endif
