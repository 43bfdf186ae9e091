/* server.h - one event loop with the sessions that belong to it. Everything here is used by the loop's thread
 * only; what several loops share is in the site, and does not change. */
#ifndef DEFANG_MILTER_SERVER_H
#define DEFANG_MILTER_SERVER_H

#include "base/listen.h"
#include "base/loop.h"
#include "milter/client.h"
#include "milter/id.h"
#include "milter/site.h"

#include <sys/queue.h>

struct session;

struct server {
	struct loop *loop;
	const struct site *site;
	struct client client;
	struct id_source ids;
	struct session_ids session_ids;
	struct listener *listener; /* NULL before server_listen() and after the stop */
	LIST_HEAD(session_list, session) sessions;
};

/* Nothing is served yet. */
void server_init(struct server *server, struct loop *loop, const struct site *site);

/* Take the listening socket, and serve what comes in. 0 or -errno; the socket is then still the caller's. */
int server_listen(struct server *server, int fd);

/* Stop listening, and end all sessions: an MTA that waits for an answer gets a temporary failure. A socket
 * file stays: see listen_unlink(). */
void server_stop(struct server *server);

#endif
