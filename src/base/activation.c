#include "base/activation.h"

#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One name for each socket. */
static bool take_names(const char *names, struct activation *a)
{
	for (int i = 0; i < a->n; i++) {
		size_t n = strcspn(names, ":");
		bool last = i == a->n - 1;

		if (n > ACTIVATION_MAX_NAME || (names[n] == '\0') != last)
			return false;
		memcpy(a->sockets[i].name, names, n);
		a->sockets[i].name[n] = '\0';
		names += n + (last ? 0 : 1);
	}
	return true;
}

enum activation_error activation_parse(const char *pid, const char *fds, const char *names, pid_t self,
				       struct activation *out)
{
	int64_t n;

	out->n = 0;
	if (pid == NULL || fds == NULL || number_parse(pid, 1, INT32_MAX, &n) < 0 || n != self)
		return ACTIVATION_OK;
	if (number_parse(fds, 1, ACTIVATION_MAX_SOCKETS, &n) < 0)
		return ACTIVATION_BAD_COUNT;
	out->n = (int)n;
	for (int i = 0; i < out->n; i++) {
		out->sockets[i].fd = ACTIVATION_FIRST_FD + i;
		out->sockets[i].name[0] = '\0';
	}
	if (names == NULL || take_names(names, out))
		return ACTIVATION_OK;
	out->n = 0;
	return ACTIVATION_BAD_NAMES;
}

static int int_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &len) == -1 ? -errno : 0;
}

static int prepare(int fd)
{
	int type = 0, listens = 0, flags, err;

	if ((err = int_option(fd, SO_TYPE, &type)) < 0 || (err = int_option(fd, SO_ACCEPTCONN, &listens)) < 0)
		return err;
	if (type != SOCK_STREAM || !listens)
		return -EOPNOTSUPP;
	if ((flags = fcntl(fd, F_GETFL)) == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -errno;
	return 0;
}

int activation_take(struct activation *out)
{
	enum activation_error e = activation_parse(getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
						   getenv("LISTEN_FDNAMES"), getpid(), out);
	int err = e == ACTIVATION_OK ? 0 : -EINVAL;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; i < out->n && err == 0; i++)
		err = prepare(out->sockets[i].fd);
	return err;
}

static int claim(struct activation *a, int i)
{
	int fd = a->sockets[i].fd;

	a->sockets[i].fd = -1;
	return fd;
}

int activation_claim(struct activation *a, const char *name)
{
	for (int i = 0; i < a->n; i++)
		if (a->sockets[i].fd != -1 && strcmp(a->sockets[i].name, name) == 0)
			return claim(a, i);
	return -1;
}

int activation_claim_only(struct activation *a)
{
	return a->n == 1 ? claim(a, 0) : -1;
}

const char *activation_unclaimed(const struct activation *a)
{
	for (int i = 0; i < a->n; i++)
		if (a->sockets[i].fd != -1)
			return a->sockets[i].name;
	return NULL;
}
