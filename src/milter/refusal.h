/* refusal.h - connections for which there is no room: the MTA is told to try again later when it first waits
 * for an answer, which is at CONNECT. To hang up without a word would leave it to the MTA's configuration
 * whether mail passes unseen. A refusal takes one descriptor and lasts some seconds at most. */
#ifndef DEFANG_MILTER_REFUSAL_H
#define DEFANG_MILTER_REFUSAL_H

#include "base/loop.h"

#include <stdint.h>
#include <sys/queue.h>

struct refusal;

struct refusals {
	struct loop *loop;
	void (*ended)(void *arg); /* one of them has */
	void *arg;
	int64_t n; /* that are going on */
	LIST_HEAD(refusal_list, refusal) list;
};

void refusals_init(struct refusals *all, struct loop *loop, void (*ended)(void *arg), void *arg);

/* Take the connected socket `fd`, and refuse. `ended` follows, from the loop, unless there is no memory: the
 * socket is closed then, and `n` stays. */
void refusal_start(struct refusals *all, int fd);

/* End all, without a call of `ended`. */
void refusals_stop(struct refusals *all);

#endif
