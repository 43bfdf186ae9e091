/* alive.h - is a daemon alive? Its lock says so, and names its process; a number in a file never does. */
#ifndef DEFANG_PMX_ALIVE_H
#define DEFANG_PMX_ALIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Who holds the lock on a file (base/daemon.h: lockfile_take()), without taking it. The pid; 0: nobody, so
 * the daemon is dead; -errno: cannot tell. */
pid_t alive_holder(const char *lock);

/* Send a signal to who holds the lock: it never reaches another one that got his pid. 0; -ESRCH: nobody is
 * there; -errno. */
int alive_signal(const char *lock, int signo);

/* A process to be signalled or waited for later. It is told from another one that gets its pid by a handle
 * (pidfd_open(2)); by its start where the system gives no handles: an old kernel, or a container. */
struct alive {
	pid_t pid;
	int fd;        /* owned; -1: none */
	int64_t start; /* base/procfs.h */
};

int alive_hold(pid_t pid, struct alive *out);     /* 0, -ESRCH or -errno */
int alive_send(const struct alive *a, int signo); /* 0, -ESRCH or -errno */
bool alive_has_ended(const struct alive *a);
void alive_release(struct alive *a);

/* The listening socket with this inode number, of a process of our user: a descriptor of our own for it, or
 * -errno: -ENOENT when it has none, -EPERM when the system does not allow it (ptrace(2), YAMA). */
int alive_take_socket(pid_t pid, ino_t inode);

#endif
