/* service.h - the front end from the wait for the controller to the end that a signal asks for.
 *
 *   SIGTERM, SIGHUP   stop listening, finish the messages in hand, for at most --grace seconds
 *   SIGINT, or another one of these   end all sessions now; so too before anybody is served
 *
 * The service manager is told of all that (base/sdnotify.h); a watchdog of its sees all loops turn. */
#ifndef DEFANG_MILTER_SERVICE_H
#define DEFANG_MILTER_SERVICE_H

#include "milter/site.h"

#include <stdbool.h>

struct service_config {
	const struct site *site;
	bool passed;               /* listen_fd is the service manager's: what waits on it is not lost */
	int listen_fd;             /* taken; a socket file of our own is removed at the end */
	int (*serving)(void *arg); /* called when mail can be taken. 0, or -errno, which ends the service */
	void *arg;
};

/* Call before anything is made that the end has to remove: a signal that asks for the end waits from now on
 * until service_run() can obey it. */
void service_hold_signals(void);

/* Run to the end. The exit status; what is not 0 was told through daemon_fail(). */
int service_run(const struct service_config *config);

#endif
