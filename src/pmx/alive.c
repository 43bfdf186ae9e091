#include "pmx/alive.h"

#include "base/number.h"

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

int alive_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd == -1 ? -errno : fd;
}

int alive_send(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == -1 ? -errno : 0;
}

bool alive_has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

int alive_signal(const char *lock, int signo)
{
	pid_t pid = alive_holder(lock);
	int fd, rc;

	if (pid <= 0)
		return pid == 0 ? -ESRCH : (int)pid;
	if ((fd = alive_open(pid)) == -ENOSYS ||
	    fd == -EPERM) /* an old kernel, or one that forbids handles */
		return alive_holder(lock) != pid ? -ESRCH : kill(pid, signo) == -1 ? -errno : 0;
	if (fd < 0)
		return fd;
	rc = alive_holder(lock) == pid ? alive_send(fd, signo)
				       : -ESRCH; /* the handle is his now for certain */
	close(fd);
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
	int pidfd = alive_open(pid), number, fd;

	if (pidfd < 0)
		return pidfd;
	if ((number = find_socket(pid, inode)) < 0)
		fd = number;
	else if ((fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0)) == -1)
		fd = -errno;
	close(pidfd);
	return fd;
}
