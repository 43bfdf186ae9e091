/* descriptors.h - the file descriptors of a daemon: 0 to 2 are taken, and there are as many more as the
 * system allows. */
#ifndef DEFANG_BASE_DESCRIPTORS_H
#define DEFANG_BASE_DESCRIPTORS_H

#include <stdint.h>

/* Open /dev/null for each of 0 to 2 that is closed: a file opened later would take that number, and what is
 * printed would go into it. Then descriptors_raise(). Call it before anything is opened. 0 or -errno. */
int descriptors_prepare(void);

/* Raise the soft limit of open files (RLIMIT_NOFILE) to the hard one. The limit that holds then; 0 when it
 * cannot be told. */
int64_t descriptors_raise(void);

/* How many there may be; 0 when it cannot be told. */
int64_t descriptors_limit(void);

/* In a child before exec(): the soft limit that we were started with, since a program may close all up to it,
 * or use select(). Async-signal-safe. Nothing unless it was raised. */
void descriptors_limit_restore(void);

#endif
