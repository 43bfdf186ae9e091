/* alive.h - is a daemon alive? Its lock says so, and names its process; a number in a file never does. */
#ifndef DEFANG_PMX_ALIVE_H
#define DEFANG_PMX_ALIVE_H

#include <stdbool.h>
#include <sys/types.h>

/* Who holds the lock on a file (base/daemon.h: lockfile_take()), without taking it. The pid; 0: nobody, so
 * the daemon is dead; -errno: cannot tell. */
pid_t alive_holder(const char *lock);

/* Send a signal to who holds the lock, through a handle of his process: it never reaches another one that got
 * his pid. 0; -ESRCH: nobody is there; -errno. */
int alive_signal(const char *lock, int signo);

/* A handle of a process (pidfd_open(2)), or -errno. */
int alive_open(pid_t pid);
int alive_send(int pidfd, int signo); /* 0 or -errno */
bool alive_has_ended(int pidfd);

/* The listening socket with this inode number, of a process of our user: a descriptor of our own for it, or
 * -errno: -ENOENT when it has none, -EPERM when the system does not allow it (ptrace(2), YAMA). */
int alive_take_socket(pid_t pid, ino_t inode);

#endif
