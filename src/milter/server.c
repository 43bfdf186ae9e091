#include "milter/server.h"

#include "milter/session.h"

#include <errno.h>
#include <unistd.h>

void server_init(struct server *server, struct loop *loop, const struct site *site)
{
	*server = (struct server){ .loop = loop, .site = site };
	server->client = (struct client){ .loop = loop, .controller = &site->settings->pool };
	server->session_ids.pid = getpid();
	LIST_INIT(&server->sessions);
}

static void on_accept(int fd, void *arg)
{
	session_start(arg, fd);
}

int server_listen(struct server *server, int fd)
{
	server->listener = listener_new(server->loop, fd, on_accept, server);
	return server->listener != NULL ? 0 : -errno;
}

void server_stop(struct server *server)
{
	listener_free(server->listener);
	server->listener = NULL;
	while (!LIST_EMPTY(&server->sessions))
		session_stop(LIST_FIRST(&server->sessions));
}
