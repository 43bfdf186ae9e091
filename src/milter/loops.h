/* loops.h - the event loops of the front end, a server on each. The first runs on the caller's loop and
 * thread, the others on threads of their own. They share nothing that changes: connections and orders go from
 * the first to the others as notes, and so do reports back (base/mailbox.h).
 *
 * The first loop accepts, and hands the connections out in turn. Were all of them to listen, each connection
 * would wake all loops that are idle, and the quickest would have more than its share.
 *
 * All functions are for the first loop's thread. */
#ifndef DEFANG_MILTER_LOOPS_H
#define DEFANG_MILTER_LOOPS_H

#include "milter/figures.h"
#include "milter/server.h"
#include "milter/site.h"

#include <stdbool.h>
#include <stddef.h>

struct loops;

/* `n` loops (at least 1), of which `first` is one; nothing is served yet, and there are no threads. NULL with
 * errno set. */
struct loops *loops_new(struct loop *first, const struct site *site, int n);

/* The server of the caller's thread. */
struct server *loops_first(struct loops *l);

/* Start the threads, take the listening socket, and serve. 0 or -errno; the socket is then still the
 * caller's. */
int loops_listen(struct loops *l, int fd);

/* Stop listening and let the sessions end, as server_drain() has it; `drained` is called once, from the loop,
 * when all are gone. With `accept_waiting` the connections in the backlog are still served: they would be
 * lost, unless somebody else has the socket, too. */
void loops_drain(struct loops *l, bool accept_waiting, void (*drained)(void *arg), void *arg);

/* Stop listening, end all sessions and all threads; returns when they have ended. */
void loops_stop(struct loops *l);

/* Ask all loops whether they turn: `turned` is called once, from the loop, when each has said so. Not again
 * before that. */
void loops_check(struct loops *l, void (*turned)(void *arg), void *arg);

/* Ask all loops for their sessions: `listed` is called once, from the loop, with the lines of listing.h of
 * all of them; `text` is valid during the call. Not again before that. */
void loops_list(struct loops *l, void (*listed)(const char *text, size_t len, void *arg), void *arg);

/* Add up what all loops have counted. */
void loops_figures(const struct loops *l, struct figures *total);

int loops_number(const struct loops *l); /* how many there are */

void loops_free(struct loops *l); /* stops first; NULL is allowed */

#endif
