#include "base/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define NOTES_PER_READ 64

struct mailbox {
	struct loop *loop;
	int fds[2]; /* of the pipe; both non-blocking */
	struct watch *watch;
	void (*cb)(struct note note, void *arg);
	void *arg;
	bool freed;
};

static void mailbox_destroy(void *arg)
{
	free(arg);
}

/* Notes are written whole (below PIPE_BUF), so that whole ones are read. */
static void on_notes(int fd, unsigned what, void *arg)
{
	struct mailbox *m = arg;
	struct note notes[NOTES_PER_READ];
	ssize_t n = read(fd, notes, sizeof(notes));

	assert(n < 0 || (size_t)n % sizeof(notes[0]) == 0);
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(notes[0]) && !m->freed; i++)
		m->cb(notes[i], m->arg);
}

struct mailbox *mailbox_new(struct loop *loop, void (*cb)(struct note note, void *arg), void *arg)
{
	struct mailbox *m = calloc(1, sizeof(*m));
	int err;

	if (m == NULL)
		return NULL;
	*m = (struct mailbox){ .loop = loop, .cb = cb, .arg = arg };
	if (pipe2(m->fds, O_NONBLOCK | O_CLOEXEC) == -1) {
		err = -errno;
		goto free_it;
	}
	if ((m->watch = watch_new(loop, m->fds[0], on_notes, m)) == NULL)
		err = -ENOMEM;
	else if ((err = watch_set(m->watch, WATCH_READ)) == 0)
		return m;
	watch_free(m->watch);
	close(m->fds[0]);
	close(m->fds[1]);
free_it:
	free(m);
	errno = -err;
	return NULL;
}

void mailbox_free(struct mailbox *m)
{
	if (m == NULL)
		return;
	m->freed = true;
	watch_free(m->watch);
	close(m->fds[0]);
	close(m->fds[1]);
	loop_defer(m->loop, mailbox_destroy, m);
}

int mailbox_post(const struct mailbox *m, struct note note)
{
	ssize_t n;

	do
		n = write(m->fds[1], &note, sizeof(note));
	while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

void mailbox_post_wait(const struct mailbox *m, struct note note)
{
	struct pollfd room = { .fd = m->fds[1], .events = POLLOUT };

	while (mailbox_post(m, note) == -EAGAIN)
		poll(&room, 1, -1);
}
