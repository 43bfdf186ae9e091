/* listen.h - listening sockets and what comes in on them; and the way out, connect_open(). */
#ifndef DEFANG_BASE_LISTEN_H
#define DEFANG_BASE_LISTEN_H

#include "base/address.h"
#include "base/loop.h"

#include <sys/types.h>

struct listener;

/* A non-blocking, close-on-exec listening socket, or -errno. A UNIX-domain socket is made under `mask`
 * (as umask(2)). A socket file that is in the way is removed when nobody answers on it: -EADDRINUSE when
 * somebody does, -EEXIST when what is there is not a socket. TCP sockets get SO_REUSEADDR. */
int listen_open(const struct address *a, int backlog, mode_t mask);

/* The socket `passed` to us by the service manager (activation.h), if that is not -1; else listen_open(). */
int listen_obtain(int passed, const struct address *a, int backlog, mode_t mask);

/* Unlink the socket file of `a`, if it is one that is still ours: `fd` is the socket made by listen_open().
 * A newer instance may have put its own there. Nothing for TCP, and for a socket that another process has
 * opened and passed to us. */
void listen_unlink(const struct address *a, int fd);

/* Accept on `fd`, which it takes. TCP connections get keepalive: a peer that vanished is noticed within three
 * minutes, as the end of the connection. `on_accept` owns the accepted descriptor (non-blocking,
 * close-on-exec). When descriptors run out the listener rests for a second and logs once a minute, rather
 * than spin. */
struct listener *listener_new(struct loop *loop, int fd, void (*on_accept)(int fd, void *arg), void *arg);
void listener_free(struct listener *l); /* closes the socket; NULL is allowed */

/* Accept all that waits, then free: closing would hang up on it. For a socket of our own; unlink it first, or
 * more may come. NULL is allowed. */
void listener_finish(struct listener *l);
void listener_pause(struct listener *l, int pause);

/* A non-blocking socket connecting to `a`, or -errno: -EAGAIN when the backlog of a UNIX-domain listener is
 * full, so try again in a moment. *in_progress is 1 when the outcome is still to come (wait until the socket
 * is writable, then ask for SO_ERROR). */
int connect_open(const struct address *a, int *in_progress);

#endif
