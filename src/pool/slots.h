/* slots.h - the table of workers: N slots for those that take work, behind them N spare ones for workers on
 * their way in (not known to be ready yet) and out (retiring); and the list of the idle ones. Knows where a
 * worker is, decides nothing. */
#ifndef DEFANG_POOL_SLOTS_H
#define DEFANG_POOL_SLOTS_H

#include "pool/worker.h"

#include <stdbool.h>
#include <stdint.h>

struct slots;

/* Empty, for `n` working workers and as many spare ones; `now_ms` is when all slots became empty. NULL with
 * errno set. */
struct slots *slots_new(int n, int64_t now_ms);
void slots_free(struct slots *s); /* with the workers in it; NULL is allowed */

int slots_working(const struct slots *s); /* N: slots below are for work */
int slots_all(const struct slots *s);     /* 2N */

/* The lowest empty slot of the half, or -1. */
int slots_find_working(const struct slots *s);
int slots_find_spare(const struct slots *s);

struct worker *slots_worker(const struct slots *s, int i); /* NULL when empty */

/* Of the worker in slot `i`, or, when that is empty, of the last one that was there: its state is STOPPED
 * then, pid -1 and changed_ms when it left. */
const struct worker_facts *slots_facts(const struct slots *s, int i);

/* Put `w` into an empty slot. The table then owns it. */
void slots_put(struct slots *s, int i, struct worker *w);

/* Take the worker in slot `i` out; it is the caller's. */
struct worker *slots_take(struct slots *s, int i, int64_t now_ms);

/* Let the workers in two slots, one of which may be empty, change places and numbers. */
void slots_swap(struct slots *s, int i, int j, int64_t now_ms);

/* The idle workers, the most recently idled first. */
void slots_idle_add(struct slots *s, struct worker *w);
void slots_idle_remove(struct slots *s, struct worker *w);
int slots_idle_count(const struct slots *s);
struct worker *slots_idle(const struct slots *s, int i);

#endif
