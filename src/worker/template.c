#include "worker/template.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCKET_FD 3
#define LEAST_FD 10 /* above the descriptors that programs are fond of using by number */
#define MAX_FDS 4
#define MAX_ORDER 64
#define MAX_REPLY 256

/* The descriptors that came with an order, and how many. */
struct order {
	int fds[MAX_FDS];
	int n;
};

int template_take_socket(void)
{
	int fd = fcntl(SOCKET_FD, F_DUPFD_CLOEXEC, LEAST_FD);

	if (fd == -1)
		return -errno;
	close(SOCKET_FD);
	return fd;
}

static void fds_close(const struct order *o)
{
	for (int i = 0; i < o->n; i++)
		close(o->fds[i]);
}

/* 1 with an order, 0 at the end of file, or -1. */
static int order_receive(int socket, struct order *out)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	char text[MAX_ORDER];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room };
	struct cmsghdr *c;
	ssize_t n;

	do {
		m.msg_controllen = sizeof(control.room);
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return (int)n;
	out->n = 0;
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		out->n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(out->fds, CMSG_DATA(c), (size_t)out->n * sizeof(int));
	}
	if (n == 5 && memcmp(text, "fork\n", 5) == 0 && out->n >= 3)
		return 1;
	fds_close(out);
	errno = EPROTO;
	return -1;
}

/* A fork whose child is our parent's. The C library has no call for it; what its fork() does besides is for
 * processes with threads, which this one has not. */
static pid_t fork_sibling(void)
{
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, NULL, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
#endif
}

/* Move all out of the way first: one may have the number that another is to get. */
static int worker_plumb(struct order *o)
{
	for (int i = 0; i < o->n; i++) {
		int high = fcntl(o->fds[i], F_DUPFD_CLOEXEC, LEAST_FD);

		close(o->fds[i]);
		if (high == -1)
			return -1;
		o->fds[i] = high;
	}
	for (int i = 0; i < o->n; i++) {
		if (dup2(o->fds[i], i) == -1)
			return -1;
		close(o->fds[i]);
	}
	return 0;
}

static void worker_settle(int socket, struct order *o)
{
	setpgid(0,
		0); /* a kill of the worker then reaches its children too, and one of the template not it */
	close(socket);
	if (worker_plumb(o) == -1)
		_exit(127);
}

static int answer(int socket, pid_t pid)
{
	char text[MAX_REPLY];
	int n;

	if (pid > 0)
		n = snprintf(text, sizeof(text), "forked %d\n", (int)pid);
	else
		n = snprintf(text, sizeof(text), "failed to fork: %s\n", strerror(errno));
	return send(socket, text, (size_t)n, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

enum template_end template_serve(int socket)
{
	struct order order;
	int rc;

	while ((rc = order_receive(socket, &order)) == 1) {
		pid_t pid;

		fflush(NULL); /* or each worker would write what is buffered */
		pid = fork_sibling();
		if (pid == 0) {
			worker_settle(socket, &order);
			return TEMPLATE_WORKER;
		}
		rc = answer(socket, pid);
		fds_close(&order);
		if (rc == -1)
			return TEMPLATE_BROKEN;
	}
	return rc == 0 ? TEMPLATE_OVER : TEMPLATE_BROKEN;
}
