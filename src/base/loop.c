#include "base/loop.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

struct deferral {
	void (*fn)(void *arg);
	void *arg;
};

struct catcher { /* of a signal */
	struct event event;
	struct loop *loop;
	void (*cb)(int signo, void *arg);
	void *arg;
	struct catcher *next;
};

struct loop {
	struct event_base *base;
	struct event *bound; /* limits the wait of loop_turn() */
	struct deferral *deferred;
	size_t n_deferred, room;
	struct catcher *catchers;
	int64_t now;  /* valid while in_turn */
	bool in_turn; /* the first callback of a turn begins it */
	bool stopped;
};

struct timer {
	struct event event;
	struct loop *loop;
	void (*cb)(void *arg);
	void *arg;
	int64_t due;   /* when to call back */
	int64_t armed; /* when the event fires, never later than `due` */
	bool is_set;
};

struct watch {
	struct event event;
	struct loop *loop;
	int fd;
	unsigned what;
	void (*cb)(int fd, unsigned what, void *arg);
	void *arg;
};

/* The loop */

/* Every callback from libevent comes through here first. */
static void turn_begin(struct loop *loop)
{
	if (loop->in_turn)
		return;
	loop->now = clock_mono_ms();
	loop->in_turn = true;
}

/* Run what was deferred; entries may be added while this runs, and the list may move. */
static void turn_end(struct loop *loop)
{
	for (size_t i = 0; i < loop->n_deferred; i++) {
		struct deferral d = loop->deferred[i];

		turn_begin(loop);
		d.fn(d.arg);
	}
	loop->n_deferred = 0;
	loop->in_turn = false;
}

static void on_libevent_message(int severity, const char *text)
{
	log_debug("libevent: %s", text);
}

static void on_bound(int fd, short events, void *arg)
{
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct event_config *config = event_config_new();

	if (loop == NULL || config == NULL)
		goto fail;
	event_set_log_callback(on_libevent_message);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	if ((loop->base = event_base_new_with_config(config)) == NULL)
		goto fail;
	if ((loop->bound = event_new(loop->base, -1, 0, on_bound, NULL)) == NULL)
		goto fail;
	event_config_free(config);
	return loop;
fail:
	if (config != NULL)
		event_config_free(config);
	loop_free(loop);
	errno = ENOMEM; /* libevent does not say why */
	return NULL;
}

void loop_free(struct loop *loop)
{
	struct catcher *c;

	if (loop == NULL)
		return;
	turn_end(loop);
	while ((c = loop->catchers) != NULL) {
		loop->catchers = c->next;
		event_del(&c->event);
		free(c);
	}
	if (loop->bound != NULL)
		event_free(loop->bound);
	if (loop->base != NULL)
		event_base_free(loop->base);
	free(loop->deferred);
	free(loop);
}

/* One wait, the callbacks of what came, and what they deferred. 1 when there is nothing to wait for. */
static int turn(struct loop *loop, int flags)
{
	int rc = event_base_loop(loop->base, flags);

	turn_end(loop);
	return rc < 0 ? -EIO : rc;
}

int loop_run(struct loop *loop)
{
	int rc = 0;

	turn_end(loop); /* what was deferred outside of a turn */
	while (rc == 0 && !loop->stopped)
		rc = turn(loop, EVLOOP_ONCE);
	loop->stopped = false;
	return rc < 0 ? rc : 0;
}

static struct timeval timeval_of(int64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

int loop_turn(struct loop *loop, int64_t ms)
{
	struct timeval tv = timeval_of(ms);
	int rc;

	turn_end(loop);
	if (ms > 0 && event_add(loop->bound, &tv) < 0)
		return -ENOMEM;
	rc = turn(loop, EVLOOP_ONCE | (ms > 0 ? 0 : EVLOOP_NONBLOCK));
	event_del(loop->bound);
	return rc < 0 ? rc : 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

int64_t loop_now(const struct loop *loop)
{
	return loop->in_turn ? loop->now : clock_mono_ms();
}

void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct deferral *more;
	size_t room;

	if (loop->n_deferred == loop->room) {
		room = loop->room == 0 ? 64 : loop->room * 2;
		if ((more = realloc(loop->deferred, room * sizeof(*more))) == NULL) {
			log_err("out of memory in the event loop");
			abort(); /* dropping it would lose a free or a reply: nothing sane is left to do */
		}
		loop->deferred = more;
		loop->room = room;
	}
	loop->deferred[loop->n_deferred++] = (struct deferral){ fn, arg };
}

/* Signals */

static void on_signal(int signo, short events, void *arg)
{
	struct catcher *c = arg;

	turn_begin(c->loop);
	c->cb(signo, c->arg);
}

int loop_signal(struct loop *loop, int signo, void (*cb)(int signo, void *arg), void *arg)
{
	struct catcher *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->loop = loop;
	c->cb = cb;
	c->arg = arg;
	if (evsignal_assign(&c->event, loop->base, signo, on_signal, c) < 0 ||
	    evsignal_add(&c->event, NULL) < 0) {
		free(c);
		return -EINVAL;
	}
	c->next = loop->catchers;
	loop->catchers = c;
	return 0;
}

/* Timers. A timer that is set anew for later, as deadlines are all the time, leaves its event as it is; the
 * event finds out when it fires and sleeps on for the rest. */

/* Without memory for it the timer would be lost, and with it a time limit: see loop_defer(). */
static void timer_arm(struct timer *t)
{
	int64_t delay = t->due - loop_now(t->loop);
	struct timeval tv = timeval_of(delay > 0 ? delay : 0);

	t->armed = t->due;
	if (event_add(&t->event, &tv) < 0) {
		log_err("out of memory in the event loop");
		abort();
	}
}

static void on_timer(int fd, short events, void *arg)
{
	struct timer *t = arg;

	turn_begin(t->loop);
	/* It was moved, or libevent's coarse clock is some milliseconds ahead of ours. */
	if (t->due > t->loop->now) {
		timer_arm(t);
		return;
	}
	t->is_set = false;
	t->cb(t->arg);
}

struct timer *timer_new(struct loop *loop, void (*cb)(void *arg), void *arg)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->loop = loop;
	t->cb = cb;
	t->arg = arg;
	event_assign(&t->event, loop->base, -1, 0, on_timer, t);
	return t;
}

void timer_free(struct timer *t)
{
	if (t == NULL)
		return;
	event_del(&t->event);
	free(t);
}

void timer_set(struct timer *t, int64_t delay_ms)
{
	bool armed = t->is_set;

	t->due = loop_now(t->loop) + (delay_ms > 0 ? delay_ms : 0);
	t->is_set = true;
	if (!armed || t->due < t->armed)
		timer_arm(t);
}

void timer_clear(struct timer *t)
{
	if (t->is_set)
		event_del(&t->event);
	t->is_set = false;
}

int timer_is_set(const struct timer *t)
{
	return t->is_set;
}

/* Descriptors */

/* WATCH_CLOSED is wanted by who leaves bytes unread. Level-triggered, those bytes, or an error that libevent
 * reports as readable, would call us without end: so it is edge-triggered. */
static bool is_edge(unsigned what)
{
	return (what & WATCH_CLOSED) && !(what & WATCH_READ);
}

static short events_of(unsigned what)
{
	int events = 0;

	if (what & (WATCH_READ | WATCH_CLOSED))
		events |= EV_READ;
	if (what & WATCH_WRITE)
		events |= EV_WRITE;
	if (what & WATCH_CLOSED)
		events |= EV_CLOSED;
	return (short)(events | EV_PERSIST | (is_edge(what) ? EV_ET : 0));
}

/* Bytes, a shut down side, a hang-up and an error all wake an edge watch: ask which it is. */
static unsigned edge_ask(const struct watch *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLRDHUP | POLLOUT };
	unsigned what = 0;

	if (poll(&p, 1, 0) < 1)
		return 0;
	if (p.revents & (POLLRDHUP | POLLHUP | POLLERR))
		what |= WATCH_CLOSED;
	if (p.revents & (POLLOUT | POLLHUP | POLLERR))
		what |= WATCH_WRITE;
	return what;
}

static void on_ready(int fd, short events, void *arg)
{
	struct watch *w = arg;
	unsigned what = 0;

	turn_begin(w->loop);
	if (is_edge(w->what)) {
		what = edge_ask(w);
	} else {
		if (events & EV_READ)
			what |= WATCH_READ;
		if (events & EV_WRITE)
			what |= WATCH_WRITE;
		if (events & EV_CLOSED)
			what |= WATCH_CLOSED;
	}
	if ((what &= w->what) != 0)
		w->cb(fd, what, w->arg);
}

struct watch *watch_new(struct loop *loop, int fd, void (*cb)(int fd, unsigned what, void *arg), void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->loop = loop;
	w->fd = fd;
	w->cb = cb;
	w->arg = arg;
	event_assign(&w->event, loop->base, fd, EV_PERSIST, on_ready, w);
	return w;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	event_del(&w->event);
	free(w);
}

int watch_set(struct watch *w, unsigned what)
{
	if (what == w->what && !(is_edge(what) && (what & WATCH_WRITE)))
		return 0; /* an edge watch tells again of a descriptor that is writable still when set anew */
	event_del(&w->event);
	w->what = 0;
	if (what == 0)
		return 0;
	event_assign(&w->event, w->loop->base, w->fd, events_of(what), on_ready, w);
	errno = 0;
	if (event_add(&w->event, NULL) < 0)
		return errno != 0 ? -errno : -ENOMEM;
	w->what = what;
	return 0;
}
