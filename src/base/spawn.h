/* spawn.h - the one place that forks: children with a descriptor map, and the way into the background. */
#ifndef DEFANG_BASE_SPAWN_H
#define DEFANG_BASE_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn {
	char *const *argv;   /* argv[0] is what the child sees as its name */
	const char *path;    /* program to execute; absolute */
	const int *fds;      /* fds[i] becomes descriptor i; -1 leaves it closed. The caller keeps its own */
	int n_fds;           /* at most 64; all other descriptors are closed in the child */
	const char *cwd;     /* NULL: the parent's */
	int umask;           /* -1: the parent's */
	char *const *env;    /* NULL: the parent's */
	char *pid_at;        /* the child writes its pid there, in digits and a NUL: a place of 12 bytes at
			      * the end of a text in `env', for who is told so (LISTEN_PID=); NULL: nowhere */
	bool session;        /* a session of its own rather than only a process group */
	uint64_t max_memory; /* bytes for RLIMIT_AS and RLIMIT_DATA, at most our hard limits; 0: none */
};

/* Start a child in a process group of its own, signals at their defaults (SIGPIPE ignored) and none blocked.
 * The pid, or -errno. A program that cannot be executed is an exit with status 127 and a line on its
 * descriptor 2. */
pid_t spawn(const struct spawn *how);

/* Go into the background: fork, setsid, fork; standard descriptors on /dev/null. Returns in the daemon with
 * the descriptor of a pipe to the waiting parent in *ready_fd; use daemon.h. 0 or -errno. The first process
 * does not return: it waits, prints the daemon's error or warnings if it sends any, and exits. */
int spawn_background(int *ready_fd);

/* Leave what is left to do to a process of its own in the background, in a session of its own, in the root
 * folder, with standard descriptors on /dev/null: 0 there; 1 in the caller, which goes on; -errno. Nobody
 * waits for it. */
int spawn_aside(void);

#endif
