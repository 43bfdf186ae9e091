#include "base/listen.h"

#include "base/log.h"
#include "base/seldom.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
#define MOST_WAITING 65536 /* what a backlog can hold, and more */
#define REST_MS 1000       /* after running out of descriptors */
#define LOG_EVERY_MS 60000 /* about that */
#define ALIVE_IDLE_S 60    /* of silence, before a TCP peer is asked whether it is there, */
#define ALIVE_EVERY_S 15   /* how often then, */
#define ALIVE_TRIES 6      /* and how often in vain before it counts as gone */

/* Sockets */

static int socket_new(const struct address *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd == -1 ? -errno : fd;
}

int connect_open(const struct address *a, int *in_progress)
{
	int fd = socket_new(a), err;

	*in_progress = 0;
	if (fd < 0 || connect(fd, &a->sa, a->len) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		*in_progress = 1;
		return fd;
	}
	err = -errno;
	close(fd);
	return err;
}

/* Make way for a socket file: 0 when the path is free now. */
static int stale_remove(const struct address *a)
{
	const char *path = a->un.sun_path;
	struct stat st;
	int fd, in_progress;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = connect_open(a, &in_progress);
	if (fd >= 0)
		close(fd);
	if (fd == -ENOENT)
		return 0;
	if (fd != -ECONNREFUSED) /* an answer, a full backlog, or one that we may not ask */
		return -EADDRINUSE;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int set_options(int fd, const struct address *a)
{
	const int on = 1;

	if (address_is_unix(a))
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -errno;
	if (a->sa.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1)
		return -errno;
	return 0;
}

static int bind_and_listen(int fd, const struct address *a, int backlog, mode_t mask)
{
	mode_t old = umask(mask);
	int rc = bind(fd, &a->sa, a->len) == -1 ? -errno : 0;

	umask(old);
	if (rc == 0 && listen(fd, backlog) == -1)
		rc = -errno;
	return rc;
}

int listen_open(const struct address *a, int backlog, mode_t mask)
{
	int rc = address_is_unix(a) ? stale_remove(a) : 0;
	int fd;

	if (rc < 0 || (fd = socket_new(a)) < 0)
		return rc < 0 ? rc : fd;
	if ((rc = set_options(fd, a)) == 0 && (rc = bind_and_listen(fd, a, backlog, mask)) == 0)
		return fd;
	close(fd);
	return rc;
}

int listen_obtain(int passed, const struct address *a, int backlog, mode_t mask)
{
	return passed != -1 ? passed : listen_open(a, backlog, mask);
}

/* Who called listen() for the socket, or for the one at the other end of it. */
static pid_t listening_pid(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

static bool is_our_own(int fd)
{
	return listening_pid(fd) == getpid();
}

void listen_unlink(const struct address *a, int fd)
{
	int other, in_progress;
	bool ours;

	if (!address_is_unix(a) || !is_our_own(fd) || (other = connect_open(a, &in_progress)) < 0)
		return;
	ours = listening_pid(other) == listening_pid(fd);
	close(other);
	if (ours)
		unlink(a->un.sun_path);
}

/* The listener */

struct listener {
	struct loop *loop;
	int fd;
	struct watch *watch;
	struct timer *rest; /* set while we rest */
	void (*on_accept)(int fd, void *arg);
	void *arg;
	struct seldom complaint;
	int expected; /* connections to look for at once */
	bool paused;
	bool freed;
};

static void listener_destroy(void *arg)
{
	free(arg);
}

static void update_watch(struct listener *l)
{
	bool off = l->paused || timer_is_set(l->rest);

	if (watch_set(l->watch, off ? 0 : WATCH_READ) < 0)
		timer_set(l->rest, REST_MS); /* out of memory: try again then */
}

static void on_rested(void *arg)
{
	update_watch(arg);
}

static void rest(struct listener *l, int error)
{
	int64_t n;

	if (seldom_due(&l->complaint, loop_now(l->loop), LOG_EVERY_MS, &n))
		log_warn("cannot accept connections for now: %s", strerrordesc_np(error));
	timer_set(l->rest, REST_MS);
	update_watch(l);
}

/* Errors of accept() that are those of one connection, which is gone, or of the network behind it. */
static bool is_passing(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

/* Connections mostly come one at a time, and looking for another one is not cheap: a few more are looked for
 * than came together the last time. The loop calls again when there are others. */
static void on_connections(int fd, unsigned what, void *arg)
{
	struct listener *l = arg;
	int most = l->expected;

	l->expected = most < ACCEPTS_PER_TURN ? 2 * most : most;
	for (int i = 0; i < most && !l->freed && !l->paused; i++) {
		int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn >= 0) {
			l->on_accept(conn, l->arg);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			l->expected = i > 0 ? i : 1;
			return;
		} else if (!is_passing(errno)) {
			rest(l, errno);
			return;
		}
	}
}

/* Accepted connections inherit it. Other sockets than TCP have no such options, and need none. */
static void keep_alive(int fd)
{
	const int on = 1, idle = ALIVE_IDLE_S, every = ALIVE_EVERY_S, tries = ALIVE_TRIES;

	if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0)
		return;
	if (errno != EOPNOTSUPP)
		log_warn("no keepalive: %s", strerrordesc_np(errno));
}

struct listener *listener_new(struct loop *loop, int fd, void (*on_accept)(int fd, void *arg), void *arg)
{
	struct listener *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return NULL;
	*l = (struct listener){ .loop = loop, .fd = fd, .expected = 1, .on_accept = on_accept, .arg = arg };
	l->watch = watch_new(loop, fd, on_connections, l);
	l->rest = timer_new(loop, on_rested, l);
	rc = l->watch == NULL || l->rest == NULL ? -ENOMEM : watch_set(l->watch, WATCH_READ);
	if (rc == 0) {
		keep_alive(fd);
		return l;
	}
	watch_free(l->watch);
	timer_free(l->rest);
	free(l);
	errno = -rc;
	return NULL;
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	l->freed = true;
	watch_free(l->watch);
	timer_free(l->rest);
	close(l->fd);
	loop_defer(l->loop, listener_destroy, l);
}

void listener_finish(struct listener *l)
{
	for (int i = 0; l != NULL && i < MOST_WAITING; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			l->on_accept(fd, l->arg);
		else if (!is_passing(errno))
			break;
	}
	listener_free(l);
}

void listener_pause(struct listener *l, int pause)
{
	l->paused = pause;
	update_watch(l);
}
