/* pool_core.h - the state of the pool. Private to pool.c, which runs it, staff.c, which starts and ends its
 * workers, and dispatch.c, which gives them jobs. */
#ifndef DEFANG_POOL_POOL_CORE_H
#define DEFANG_POOL_POOL_CORE_H

#include "pool/health.h"
#include "pool/observer.h"
#include "pool/policy.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "pool/slots.h"

struct pool {
	struct loop *loop;
	const struct settings *settings;
	struct policy_limits limits;
	struct policy_history history;
	struct health health;
	struct slots *slots;
	struct queue *for_start; /* a worker is starting, or has died starting, for each of these */
	struct queue *queue;     /* these have come later than all of the former */
	struct reload *reload;
	struct succession *succession;
	struct policy_choice *choices; /* room for the idle workers */
	struct observers observers;
	struct memory *memory;
	struct templates *templates; /* NULL: workers are started by executing the program */
	struct meter *meter;
	struct scaler *scaler;
	struct timer *pass;    /* what time alone asks for */
	bool pass_due;         /* at the end of this turn */
	bool freed;            /* but for what the loop still holds */
	bool short_of_workers; /* fewer than the minimum run, and that has been noted */
	unsigned starts;
	unsigned long scans;
	int64_t begun_ms;
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

/* What pool.c does when a worker reports. */
extern const struct worker_owner pool_worker_owner;

#endif
