#include "pmx/alive.h"

#include "base/number.h"
#include "base/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t alive_holder(const char *lock)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;
	struct stat st;

	if (fd == -1)
		return errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st) == -1)
		rc = -errno;
	else if (S_ISREG(st.st_mode)) /* what else is there nobody has locked */
		rc = fcntl(fd, F_GETLK, &whole) == -1 ? -errno : 1;
	close(fd);
	if (rc != 1 || whole.l_type == F_UNLCK)
		return rc < 0 ? rc : 0;
	return whole.l_pid > 0 ? whole.l_pid : -EOPNOTSUPP; /* of another machine, or another pid namespace */
}

static int handle_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd == -1 ? -errno : fd;
}

/* By its start: 0; -ESRCH: it has ended, whoever may have its pid now; -errno. */
static int look_again(const struct alive *a)
{
	struct procfs_facts f;
	int rc = procfs_read(a->pid, &f);

	if (rc < 0)
		return rc;
	return f.start == a->start && f.state != 'Z' ? 0 : -ESRCH;
}

int alive_hold(pid_t pid, struct alive *out)
{
	struct procfs_facts f;
	int rc;

	*out = (struct alive){ .pid = pid, .fd = handle_open(pid) };
	if (out->fd >= 0 || out->fd == -ESRCH)
		return out->fd < 0 ? out->fd : 0;
	out->fd = -1;
	if ((rc = procfs_read(pid, &f)) == 0)
		out->start = f.start;
	return rc;
}

int alive_send(const struct alive *a, int signo)
{
	int rc = -ENOSYS;

	if (a->fd != -1)
		rc = syscall(SYS_pidfd_send_signal, a->fd, signo, NULL, 0) == -1 ? -errno : 0;
	if (rc != -ENOSYS)
		return rc;
	if ((rc = look_again(a)) < 0)
		return rc;
	return kill(a->pid, signo) == -1 ? -errno : 0;
}

bool alive_has_ended(const struct alive *a)
{
	struct pollfd p = { .fd = a->fd, .events = POLLIN };

	return a->fd != -1 ? poll(&p, 1, 0) == 1 : look_again(a) == -ESRCH;
}

void alive_release(struct alive *a)
{
	if (a->fd != -1)
		close(a->fd);
	a->fd = -1;
}

int alive_signal(const char *lock, int signo)
{
	pid_t pid = alive_holder(lock);
	struct alive a;
	int rc;

	if (pid <= 0)
		return pid == 0 ? -ESRCH : (int)pid;
	if ((rc = alive_hold(pid, &a)) < 0)
		return rc;
	rc = alive_holder(lock) == pid ? alive_send(&a, signo) : -ESRCH; /* what we hold is his for certain */
	alive_release(&a);
	return rc;
}

/* The number of the descriptor by which the process has the socket; -ENOENT. */
static int find_socket(pid_t pid, ino_t inode)
{
	char folder[40], wanted[40], link[40];
	int64_t number, found = -ENOENT;
	struct dirent *entry;
	ssize_t n;
	DIR *fds;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
	if ((fds = opendir(folder)) == NULL)
		return -errno;
	while (found < 0 && (entry = readdir(fds)) != NULL) {
		n = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		if (strcmp(link, wanted) == 0 && number_parse(entry->d_name, 0, INT32_MAX, &number) == 0)
			found = number;
	}
	closedir(fds);
	return (int)found;
}

int alive_take_socket(pid_t pid, ino_t inode)
{
	int pidfd = handle_open(pid), number, fd;

	if (pidfd < 0)
		return pidfd;
	if ((number = find_socket(pid, inode)) < 0)
		fd = number;
	else if ((fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0)) == -1)
		fd = -errno;
	close(pidfd);
	return fd;
}
