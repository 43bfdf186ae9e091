/* policy.h - who starts, who takes a request, who has to go: pure functions of counts, history and the time
 * that is passed in. Times are milliseconds on one monotonic clock; POLICY_NEVER is "not by time alone". */
#ifndef DEFANG_POOL_POLICY_H
#define DEFANG_POOL_POLICY_H

#include "pool/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NEVER INT64_MAX
#define POLICY_LONG_AGO (-(INT64_C(1) << 60)) /* before any start, in a history */

/* The earlier of two times. */
int64_t policy_earlier(int64_t a, int64_t b);

struct policy_limits {
	int min_workers;
	int64_t max_requests;
	int64_t lifetime_ms; /* 0 for ever */
	int64_t rss_kb;      /* of resident memory; 0 for no limit */
	int64_t idle_ms;
	int64_t fill_ms;
	int64_t spacing_ms;
};

/* What has happened so far. Begin with policy_history_init(). */
struct policy_history {
	int64_t started_ms; /* the last start, of whatever kind */
	int64_t filled_ms;  /* when the pace of filling up to the minimum was last counted from */
	int64_t failed_ms;  /* the last failure */
	int failures;       /* workers in a row that ended before their first answer */
	bool accident;      /* the last of them: its filter is not to blame */
};

void policy_history_init(struct policy_history *h);
void policy_on_start(struct policy_history *h, int64_t now_ms);
void policy_on_ready(struct policy_history *h);
void policy_on_failure(struct policy_history *h, int64_t now_ms);

/* The last failure turns out to be an accident: the worker, or what it was to be forked from, was killed. */
void policy_on_accident(struct policy_history *h);

/* Whether a job whose worker did not start is to have another one: after an accident, once. */
bool policy_may_repeat(const struct policy_history *h);

/* A worker has gone and fewer than the minimum are left: its replacement comes a whole pace later. */
void policy_on_shortage(const struct policy_limits *l, struct policy_history *h, int64_t now_ms);

/* How long no worker is started after so many failures in a row. One failure may be chance: it costs
 * nothing. Then 1 s, doubled by each up to a minute. */
int64_t policy_backoff(int failures);

/* The earliest time at which a worker may be started: spacing and back-off. */
int64_t policy_start_at(const struct policy_limits *l, const struct policy_history *h);

/* When the next worker is to be started for the minimum; POLICY_NEVER when `running` suffices. */
int64_t policy_fill_at(const struct policy_limits *l, const struct policy_history *h, int running);

/* A worker that takes work, as far as its fate depends on it. */
struct policy_worker {
	unsigned serial; /* order of starts: what its share of jitter is derived from */
	bool outdated;   /* of an older filter than the present one */
	int64_t requests;
	int64_t first_request_ms; /* -1 before its first */
	int64_t idle_since_ms;    /* -1 while it has a request */
	int64_t rss_kb;           /* the most resident memory that was seen; 0 before it was looked at */
};

/* The pool around it. */
struct policy_situation {
	int running;    /* workers in working slots, the one in question included */
	int busy;       /* of those */
	size_t waiting; /* requests */
};

enum policy_reason { POLICY_KEEP, POLICY_OUTDATED, POLICY_SWOLLEN, POLICY_WORN, POLICY_AGED, POLICY_IDLE };

struct policy_verdict {
	enum policy_reason reason; /* why it has to go */
	bool needs_successor;      /* but not before another one is ready to take its place */
	int64_t next_ms;           /* KEEP: when to ask again if nothing else happens */
};

/* Whether the worker has to go. Its own limits of requests and of age are up to a tenth below those of the
 * pool, so that workers that were started together do not wear out together. With requests waiting it may
 * handle up to three times as many as otherwise, and is not ended for its age; for its memory it is.
 *
 * The successor comes first when the pool has no worker to spare: at its minimum, or at work. It comes first
 * too for an outdated one, so that a reload leaves as many ready workers as there were. While new workers
 * fail to start, none goes without a successor: the old ones are all there is. */
struct policy_verdict policy_judge(const struct policy_limits *l, const struct policy_history *h,
				   const struct policy_worker *w, const struct policy_situation *s,
				   int64_t now_ms);

/* The verdict for people. */
#define POLICY_TEXT_MAX 80
void policy_text(const struct policy_limits *l, const struct policy_worker *w, enum policy_reason reason,
		 char text[POLICY_TEXT_MAX]);

/* How many workers of `n` may be replaced at a time: one, or a tenth. */
int policy_replacements(int n);

/* An idle worker, for the choice. */
struct policy_choice {
	unsigned serial;           /* order of starts */
	enum job_class last_class; /* last measured work */
	bool leaving;              /* has to go, once its successor is ready */
};

/* Which of `n` idle workers, the most recently idled first, takes a job of the class: one that last did the
 * same, or has not specialised yet; without one, the worker started first. One that has to go is taken only
 * if all of them have to. An index; n must not be 0. */
size_t policy_choose(const struct policy_choice *idle, size_t n, enum job_class wanted);

#endif
