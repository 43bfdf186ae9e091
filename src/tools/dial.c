#include "tools/dial.h"

#include "base/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS 5

struct dial {
	struct loop *loop;
	struct address to;
	int64_t deadline_ms;
	struct timer *timer; /* the next try, or the end of the time */
	struct watch *watch; /* while the kernel connects */
	int fd;              /* that one, or -1 */
	dial_fn *cb;
	void *arg;
};

void dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	watch_free(d->watch);
	timer_free(d->timer);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

static void dial_end(struct dial *d, int result)
{
	dial_fn *cb = d->cb;
	void *arg = d->arg;

	if (result == d->fd)
		d->fd = -1;
	dial_cancel(d);
	cb(result, arg);
}

static void on_writable(int fd, unsigned what, void *arg)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	dial_end(arg, error != 0 ? -error : fd);
}

static int dial_wait(struct dial *d)
{
	d->watch = watch_new(d->loop, d->fd, on_writable, d);
	if (d->watch == NULL)
		return -errno;
	timer_set(d->timer, d->deadline_ms - loop_now(d->loop));
	return watch_set(d->watch, WATCH_WRITE);
}

static void on_timer(void *arg)
{
	struct dial *d = arg;
	int in_progress = 0, rc;

	if (loop_now(d->loop) >= d->deadline_ms) {
		dial_end(d, -ETIMEDOUT);
		return;
	}
	rc = connect_open(&d->to, &in_progress);
	if (rc == -EAGAIN) {
		timer_set(d->timer, RETRY_MS);
		return;
	}
	if (rc >= 0) {
		d->fd = rc;
		if (in_progress && (rc = dial_wait(d)) == 0)
			return;
	}
	dial_end(d, rc);
}

struct dial *dial_start(struct loop *loop, const struct address *to, int64_t timeout_ms, dial_fn *cb,
			void *arg)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct dial){ .loop = loop, .to = *to, .fd = -1, .cb = cb, .arg = arg };
	d->deadline_ms = loop_now(loop) + timeout_ms;
	d->timer = timer_new(loop, on_timer, d);
	if (d->timer == NULL) {
		dial_cancel(d);
		return NULL;
	}
	timer_set(d->timer, 0);
	return d;
}
