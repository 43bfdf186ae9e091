/* daemon.h - a daemon's start and end: readiness for the waiting parent, pid file, lock file. */
#ifndef DEFANG_BASE_DAEMON_H
#define DEFANG_BASE_DAEMON_H

#include <stdarg.h>
#include <stdbool.h>

/* Go into the background; the parent waits, and exits 0 only after daemon_ready(). 0 or -errno. */
int daemon_begin(void);

/* Let the parent go with exit status 0. Nothing in the foreground. Call once the daemon serves. */
void daemon_ready(void);

/* A start-up error: to the log at err and to standard error, in the background through the waiting parent
 * (`Error from child: TEXT`), which then exits with `status` (sysexits). Does not exit by itself. */
void daemon_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something that the administrator should know, and that does not keep the daemon from starting: to the log
 * at warning and to standard error, in the background by the waiting parent once we are ready. */
void daemon_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Open the pid file without truncating it; done before rights are dropped, since it may lie in a folder of
 * root's. The descriptor, or -errno. Links are not followed; mode 0644. */
int pidfile_open(const char *path);

/* Write our pid and a newline in place of what was there; after the lock is held and after the last
 * fork. 0 or -errno. Keep the descriptor open for pidfile_remove(). */
int pidfile_write(int fd);

/* Empty the file, and unlink it when the path still names the file of `fd` and the folder allows it. */
void pidfile_remove(const char *path, int fd);

/* Open and lock a whole file for writing (fcntl, which a fork does not inherit: call it in the
 * daemon itself). The descriptor, to be kept for life, or -errno: -EAGAIN when another
 * process holds it. Mode 0600, or 0640 where the group may ask who holds it: whoever can read it could also
 * lock it, and keep the daemon from starting. */
int lockfile_take(const char *path, bool group);

/* Unlink the file while the lock is held, then let it go. */
void lockfile_remove(const char *path, int fd);

#endif
