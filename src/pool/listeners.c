#include "pool/listeners.h"

#include "base/lineio.h"
#include "base/listen.h"
#include "base/log.h"
#include "pool/observer.h"
#include "proto/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 5
#define MAX_PENDING 65536  /* bytes that a listener may leave unread, besides what the kernel holds */
#define MAX_WRITE_MS 10000 /* and for how long */

struct subscriber {
	struct listeners *all;
	struct lineio *io;
	uint32_t wanted;
};

/* What was last told of a slot. */
struct shown {
	enum worker_state state;
	pid_t pid;
};

struct listeners {
	struct loop *loop;
	struct pool *pool;
	struct pool_observer observer;
	struct address address;
	struct listener *listener;
	int fd;                                        /* of the listener */
	struct subscriber *subscribers[LISTENERS_MAX]; /* NULL: a free place */
	struct shown *shown;                           /* of each working slot */
	int shown_free;
};

/* --- those who listen --- */

static void subscriber_free(struct subscriber *s)
{
	for (int i = 0; i < LISTENERS_MAX; i++) {
		if (s->all->subscribers[i] == s)
			s->all->subscribers[i] = NULL;
	}
	lineio_free(s->io);
	free(s);
}

/* May free it: nobody waits for who does not read. */
static void subscriber_tell(struct subscriber *s, const struct buf *message)
{
	bool idle = lineio_pending(s->io) == 0;

	if (lineio_pending(s->io) + message->len > MAX_PENDING) {
		log_warn("A listener does not read its notifications: hanging up");
		subscriber_free(s);
		return;
	}
	lineio_write(s->io, message->data, message->len);
	if (idle)
		lineio_set_deadline(s->io, loop_now(s->all->loop) + MAX_WRITE_MS);
}

static void tell(struct listeners *l, enum notify_kind kind, struct buf *message)
{
	for (int i = 0; i < LISTENERS_MAX && message->len > 0 && buf_error(message) == 0; i++) {
		struct subscriber *s = l->subscribers[i];

		if (s != NULL && notify_wants(s->wanted, kind))
			subscriber_tell(s, message);
	}
	buf_free(message);
}

static void on_subscriber(struct lineio *io, enum lineio_event event, void *arg)
{
	struct subscriber *s = arg;
	const char *line;
	size_t len;

	switch (event) {
	case LINEIO_LINE:
	case LINEIO_OVERLONG: /* its beginning counts */
		line = lineio_line(io, &len);
		(void)notify_subscription_parse(line, len, &s->wanted);
		break;
	case LINEIO_PARTIAL: /* the end of file follows */
		break;
	case LINEIO_DRAINED:
		lineio_set_deadline(io, 0);
		break;
	case LINEIO_TIMEOUT:
		log_warn("A listener does not read its notifications: hanging up");
		subscriber_free(s);
		break;
	case LINEIO_EOF:
	case LINEIO_ERROR:
		subscriber_free(s);
		break;
	}
}

/* --- messages --- */

static void tell_letter(struct listeners *l, enum notify_kind kind)
{
	struct buf message;

	buf_init(&message, BUF_NO_LIMIT);
	notify_add(&message, kind);
	tell(l, kind, &message);
}

static void tell_tag(struct listeners *l, const struct worker_facts *w)
{
	struct buf message;

	buf_init(&message, BUF_NO_LIMIT);
	notify_add_tag(&message, w->number, w->tag);
	tell(l, NOTIFY_STATUS, &message);
}

static void tell_state(struct listeners *l, int slot, enum worker_state to)
{
	struct buf message;

	buf_init(&message, BUF_NO_LIMIT);
	notify_add_state(&message, slot, worker_state_name(l->shown[slot].state), worker_state_name(to));
	l->shown[slot].state = to;
	tell(l, NOTIFY_STATUS, &message);
}

/* Whether the slot can take work, or will as soon as the worker that leaves is out of the way. One that had
 * to be ended by force keeps its slot. */
static bool is_free(const struct worker_facts *w)
{
	return w->state == WORKER_IDLE || w->state == WORKER_STOPPED || w->state == WORKER_STARTING ||
	       (w->state == WORKER_KILLED && !w->forced);
}

static void tell_free(struct listeners *l)
{
	struct buf message;
	int n = 0, before = l->shown_free;

	for (int i = 0; i < pool_max_workers(l->pool); i++)
		n += is_free(pool_slot(l->pool, i));
	l->shown_free = n;
	if (n != before) {
		buf_init(&message, BUF_NO_LIMIT);
		notify_add_free(&message, n);
		tell(l, NOTIFY_FREE, &message);
	}
	if (n == 0)
		tell_letter(l, NOTIFY_NONE_FREE);
	else if (before == 0)
		tell_letter(l, NOTIFY_SOME_FREE);
}

/* Listeners know four states. A worker is idle to them once it has answered, and until it is gone if it goes
 * by itself. */
static enum worker_state state_to_show(const struct worker_facts *w, enum worker_state shown)
{
	switch (w->state) {
	case WORKER_STARTING:
		return WORKER_STOPPED;
	case WORKER_RETIRING:
		return WORKER_BUSY;
	case WORKER_KILLED:
		if (w->lost)
			return shown == WORKER_BUSY ? WORKER_IDLE : shown;
		return WORKER_KILLED;
	default:
		return w->state;
	}
}

/* Another worker has the place of the one last shown, which has left it in whatever state. */
static void tell_replaced(struct listeners *l, int slot)
{
	if (l->shown[slot].state != WORKER_KILLED)
		tell_state(l, slot, WORKER_KILLED);
	tell_state(l, slot, WORKER_STOPPED);
}

/* See what has become of a slot. */
static void slot_update(struct listeners *l, int slot)
{
	const struct worker_facts *w;
	struct shown *shown;
	enum worker_state to;
	bool replaced;

	if (slot >= pool_max_workers(l->pool))
		return;
	shown = &l->shown[slot];
	w = pool_slot(l->pool, slot);
	to = state_to_show(w, shown->state);
	replaced = to != WORKER_STOPPED && shown->state != WORKER_STOPPED && w->pid != shown->pid;
	if (replaced)
		tell_replaced(l, slot);
	shown->pid = w->pid;
	if (to == shown->state)
		return;
	tell_state(l, slot, to);
	tell_free(l);
}

/* --- what the pool reports --- */

static void on_changed(const struct worker_facts *w, enum worker_state from, enum worker_state to, void *arg)
{
	if (to != WORKER_STARTING) /* it has no slot yet, and nothing to show */
		slot_update(arg, w->number);
}

static void on_moved(const struct worker_facts *w, int old_number, void *arg)
{
	struct listeners *l = arg;

	if (w->lost && old_number < pool_max_workers(l->pool))
		tell_letter(l, NOTIFY_UNEXPECTED);
	slot_update(l, old_number);
	slot_update(l, w->number);
}

static void on_ended(const struct worker_facts *w, bool was_expected, void *arg)
{
	struct listeners *l = arg;
	bool told = w->lost && w->number >= pool_max_workers(l->pool); /* when it made room */

	if (!was_expected && !told)
		tell_letter(l, NOTIFY_UNEXPECTED);
}

static void on_given(const struct worker_facts *w, const struct job *job, void *arg)
{
	if (job->origin != JOB_OF_TICK)
		tell_tag(arg, w);
}

static void on_tagged(const struct worker_facts *w, void *arg)
{
	tell_tag(arg, w);
}

static void on_answered(const struct worker_facts *w, const struct job *job, enum worker_outcome outcome,
			int64_t run_ms, void *arg)
{
	if (outcome == WORKER_TIMED_OUT && job->origin == JOB_OF_CLIENT)
		tell_letter(arg, NOTIFY_BUSY_TIMEOUT);
}

static void on_reread(const char *error, unsigned generation, void *arg)
{
	struct buf message;

	if (error == NULL) {
		tell_letter(arg, NOTIFY_REREAD);
		return;
	}
	buf_init(&message, BUF_NO_LIMIT);
	notify_add_error(&message, error);
	tell(arg, NOTIFY_ERROR, &message);
}

static const struct pool_observer observer = {
	.changed = on_changed,
	.moved = on_moved,
	.ended = on_ended,
	.given = on_given,
	.tagged = on_tagged,
	.answered = on_answered,
	.reread = on_reread,
};

/* --- the socket --- */

static struct subscriber **place_find(struct listeners *l)
{
	for (int i = 0; i < LISTENERS_MAX; i++) {
		if (l->subscribers[i] == NULL)
			return &l->subscribers[i];
	}
	return NULL;
}

static void on_accept(int fd, void *arg)
{
	struct listeners *l = arg;
	struct subscriber **place = place_find(l), *s;

	if (place == NULL) {
		(void)send(fd, NOTIFY_NO_SLOTS, strlen(NOTIFY_NO_SLOTS), MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->io = lineio_new(l->loop, fd, fd, NOTIFY_MAX_SUBSCRIPTION, on_subscriber, s)) == NULL) {
		free(s);
		close(fd);
		return;
	}
	s->all = l;
	*place = s;
	lineio_write(s->io, NOTIFY_GREETING, strlen(NOTIFY_GREETING));
}

static int socket_open(struct listeners *l, const struct listeners_config *config)
{
	int err;

	if ((l->fd = listen_obtain(config->passed_fd, &l->address, BACKLOG, config->umask)) < 0)
		return l->fd;
	if ((l->listener = listener_new(l->loop, l->fd, on_accept, l)) != NULL)
		return 0;
	err = -errno;
	listen_unlink(&l->address, l->fd);
	close(l->fd);
	return err;
}

int listeners_open(struct loop *loop, struct pool *pool, const struct listeners_config *config,
		   struct listeners **out)
{
	struct listeners *l = calloc(1, sizeof(*l));
	int n = pool_max_workers(pool), err = -ENOMEM;

	if (l == NULL)
		return err;
	l->loop = loop;
	l->pool = pool;
	l->address = config->address;
	l->shown_free = n;
	if ((l->shown = calloc((size_t)n, sizeof(*l->shown))) == NULL || (err = socket_open(l, config)) < 0) {
		free(l->shown);
		free(l);
		return err;
	}
	l->observer = observer;
	l->observer.arg = l;
	pool_observe(pool, &l->observer);
	*out = l;
	return 0;
}

void listeners_close(struct listeners *l)
{
	if (l == NULL || l->listener == NULL)
		return;
	listen_unlink(&l->address, l->fd);
	listener_free(l->listener);
	l->listener = NULL;
}

void listeners_free(struct listeners *l)
{
	if (l == NULL)
		return;
	listeners_close(l);
	for (int i = 0; i < LISTENERS_MAX; i++) {
		if (l->subscribers[i] != NULL)
			subscriber_free(l->subscribers[i]);
	}
	free(l->shown);
	free(l);
}
