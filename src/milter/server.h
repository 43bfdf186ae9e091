/* server.h - one event loop with the sessions that belong to it. Everything here is used by the loop's thread
 * only; what several loops share is in the site, and does not change. Who accepts connections and hands them
 * out is loops.h. */
#ifndef DEFANG_MILTER_SERVER_H
#define DEFANG_MILTER_SERVER_H

#include "base/loop.h"
#include "milter/client.h"
#include "milter/figures.h"
#include "milter/id.h"
#include "milter/site.h"

#include <stdbool.h>
#include <sys/queue.h>

struct session;

/* How long an MTA is given, from its last packet, to begin a message when the server is to end. */
#define SERVER_QUIET_MS 1000

enum server_state {
	SERVER_OPEN,
	SERVER_DRAINING, /* for SERVER_QUIET_MS: sessions end that have been quiet for so long */
	SERVER_CLOSING,  /* after that: each ends with its message */
};

struct server {
	struct loop *loop;
	const struct site *site;
	struct ask_pool controller;
	struct client client;
	struct id_source ids;
	struct session_ids session_ids;
	struct figures figures;
	LIST_HEAD(session_list, session) sessions;
	size_t n_sessions;

	enum server_state state;
	struct timer *quiet; /* the end of SERVER_DRAINING */
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Number `number` of `n` servers, without a session. */
void server_init(struct server *server, struct loop *loop, const struct site *site, int number, int n);

/* Have no more sessions than there are. Those with a message in hand finish it, also a message that the MTA
 * begins within SERVER_QUIET_MS; the others are closed. `drained` is called once, from the loop, when none is
 * left. No connection may be given to the server any more. */
void server_drain(struct server *server, void (*drained)(void *arg), void *arg);

/* End all sessions now: an MTA that waits for an answer gets a temporary failure. `drained` will not be
 * called. */
void server_stop(struct server *server);

/* For session.c: one has come, or gone. */
void server_count(struct server *server, int more);

#endif
