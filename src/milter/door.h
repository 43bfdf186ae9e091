/* door.h - who is let in: accepts connections, and keeps the number of sessions within a limit. Above it
 * connections are refused (refusal.h), and when there are many of these at a time, they wait in the backlog.
 *
 * Sessions live on several loops, which share nothing. So the door counts whom it has let in, and only when
 * that makes the limit asks how many are still there. */
#ifndef DEFANG_MILTER_DOOR_H
#define DEFANG_MILTER_DOOR_H

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct door;

struct door_limits {
	int64_t sessions;
	int64_t refusals; /* at a time */
};

/* The limits for a process that may have so many descriptors: of sessions `wanted`, as far as they leave a
 * reserve; for 0 as many as have all the descriptors that a message can need, and not more than 65,536. Pure.
 */
struct door_limits door_limits(int64_t wanted, int64_t descriptors);

struct door_config {
	struct loop *loop;
	struct door_limits limits;
	void (*admit)(int fd, void *arg); /* a session for this socket, which it takes */
	void (*count)(void *arg); /* how many sessions are there? door_counted() is to follow, now or later */
	void (*refused)(void *arg); /* one was */
	void *arg;
};

/* Listen on `fd`, which it takes. NULL with errno set; the socket is then still the caller's. */
struct door *door_new(const struct door_config *config, int fd);

/* There are so many sessions. */
void door_counted(struct door *d, int64_t sessions);

/* Stop listening. With `admit_waiting`, those in the backlog are still let in. Refusals go on. */
void door_close(struct door *d, bool admit_waiting);

void door_free(struct door *d); /* closes first; NULL is allowed */

#endif
