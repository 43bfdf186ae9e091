/* process.h - the operating system's side of a worker: pipes, start, signals, wait. */
#ifndef DEFANG_POOL_PROCESS_H
#define DEFANG_POOL_PROCESS_H

#include "pool/settings.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Our ends of a worker's pipes. */
struct process_pipes {
	int in;     /* its standard input: we write */
	int out;    /* its standard output: we read */
	int err;    /* its standard error */
	int status; /* its descriptor 3; -1 without -Z */
};

#define PROCESS_MAX_FDS 4

/* The pipes of a worker to be: ours, and theirs[i] for its descriptor i, which the caller closes with
 * process_close() when the worker has them. How many, or -errno. */
int process_open_pipes(const struct settings *s, struct process_pipes *ours, int theirs[PROCESS_MAX_FDS]);
void process_close(int fds[], int n_fds);

/* Start a worker program in a process group of its own. The pid, or -errno. */
pid_t process_start(const struct settings *s, const int fds[], int n_fds);

/* A process that forks workers on order, in a process group of its own. */
struct process_template {
	pid_t pid;
	int orders; /* a socket: template.h */
	int err;    /* its standard error */
};

/* 0 or -errno. */
int process_start_template(const struct settings *s, struct process_template *out);

/* Signal the whole group, stopped processes too. Nothing is done for a pid that is none (-1, 0). */
void process_signal(pid_t pid, int signo);

/* Kill and wait for a worker that cannot be used. */
void process_destroy(pid_t pid);

/* Wait for `pid` if it has ended; with `sweep` what is left of its group gets SIGKILL first. Whether it had
 * ended. */
bool process_reap(pid_t pid, bool sweep, int *status, struct rusage *usage);

/* "exited normally with status 1", "exited due to signal 11". */
#define PROCESS_TEXT_MAX 64
void process_exit_text(int status, char text[PROCESS_TEXT_MAX]);

#endif
