/* sdnotify.h - telling the service manager how we are, as sd_notify(3) has it: each time a datagram to the
 * socket that NOTIFY_SOCKET names. Nothing is done where that is not set. For one thread only. */
#ifndef DEFANG_BASE_SDNOTIFY_H
#define DEFANG_BASE_SDNOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* The address that NOTIFY_SOCKET stands for: an absolute path, or `@` and an abstract name. False for
 * anything else. Pure. */
bool sdnotify_address(const char *text, struct sockaddr_un *out, socklen_t *len);

/* What WATCHDOG_USEC and WATCHDOG_PID (NULL: not set) say to process `self`: how often to say that we are
 * alive, in milliseconds, half of what the manager waits for; 0: never. Pure. */
int64_t sdnotify_watchdog_parse(const char *usec, const char *pid, pid_t self);

/* Read the variables, and take them out of the environment, which children inherit. In the process that was
 * started, before it forks. 0 or -errno: nothing will be told then. */
int sdnotify_open(void);

/* Tell: assignments like `READY=1`, LF between them. Waits for a second at most, for a manager that does not
 * read; failures, here and below, are logged at debug level. */
void sdnotify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Tell that we are alive, and in words how we are unless `status` is NULL. Never waits: one such note more or
 * less does not matter. */
void sdnotify_alive(const char *status);

/* How often that is due, in milliseconds; 0: never. */
int64_t sdnotify_watchdog_ms(void);

#endif
