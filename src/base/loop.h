/* loop.h - the event loop, over libevent. One loop belongs to one thread; nothing here may be called
 * from another one. Callbacks translate an event into a call and return; work that must not run under
 * somebody's callback is deferred to the end of the turn. */
#ifndef DEFANG_BASE_LOOP_H
#define DEFANG_BASE_LOOP_H

#include <stdint.h>

struct loop;
struct timer;
struct watch;

/* A loop with nothing to do; NULL with errno set. Free timers, watches and connections before the loop:
 * loop_free() runs what is still deferred, then frees. NULL is allowed. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Serve until loop_stop(), or until nothing is left to wait for. 0 or -errno. */
int loop_run(struct loop *loop);

/* Serve what is ready, waiting for at most `ms` milliseconds for the first event. For tests and short
 * waits at start-up; not from within a callback. */
int loop_turn(struct loop *loop, int64_t ms);

/* End loop_run() after this turn; asked for between turns, the next loop_run() ends at once. */
void loop_stop(struct loop *loop);

/* Monotonic milliseconds as of the start of this turn: one turn has one time. */
int64_t loop_now(const struct loop *loop);

/* Call fn(arg) once at the end of this turn, before the next wait; in the order asked for. What it defers
 * runs in the same pass. The way to free an object under whose callback one may be running. Without memory
 * for it the process ends (abort), here and in timer_set(): going on would lose a free or a time limit. */
void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Call `cb` from the loop whenever `signo` arrives. Lives as long as the loop. Only one loop of a
 * process may do so. 0 or -errno. */
int loop_signal(struct loop *loop, int signo, void (*cb)(int signo, void *arg), void *arg);

/* A timer calls `cb` once each time that it is set; free it in its own callback if you like. */
struct timer *timer_new(struct loop *loop, void (*cb)(void *arg), void *arg); /* NULL with errno set */
void timer_free(struct timer *t);                                             /* NULL is allowed */
void timer_set(struct timer *t, int64_t delay_ms); /* from now on; replaces what was set; < 0 counts as 0 */
void timer_clear(struct timer *t);
int timer_is_set(const struct timer *t);

enum watch_what {
	WATCH_READ = 1,
	WATCH_WRITE = 2,
	WATCH_CLOSED = 4, /* the peer has shut its side down, though unread bytes may remain */
};

/* Watch a descriptor, which stays the caller's. Level-triggered: `cb` is called as long as a wanted
 * condition holds. `what` in the callback is the set that holds now.
 *
 * WATCH_CLOSED without WATCH_READ is for who leaves input unread for a while. It tells a change only once,
 * and so does WATCH_WRITE along with it: write until it would block, or set the watch anew. */
struct watch *watch_new(struct loop *loop, int fd, void (*cb)(int fd, unsigned what, void *arg), void *arg);
void watch_free(struct watch *w);              /* before the descriptor is closed; NULL is allowed */
int watch_set(struct watch *w, unsigned what); /* 0 stops watching. 0 or -errno */

#endif
