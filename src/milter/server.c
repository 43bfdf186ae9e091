#include "milter/server.h"

#include "milter/session.h"

#include <unistd.h>

void server_init(struct server *server, struct loop *loop, const struct site *site, int number, int n)
{
	*server = (struct server){ .loop = loop, .site = site };
	ask_pool_init(&server->controller, loop, &site->settings->pool);
	server->client = (struct client){ .loop = loop,
					  .controller = &server->controller,
					  .figures = &server->figures };
	id_source_init(&server->ids, (uint32_t)number, (uint32_t)n);
	server->session_ids = (struct session_ids){ .pid = getpid(), .loop = number };
	LIST_INIT(&server->sessions);
}

static void tell_drained(void *arg)
{
	struct server *server = arg;

	ask_pool_clear(&server->controller);
	if (server->drained != NULL)
		server->drained(server->drained_arg);
	server->drained = NULL;
}

void server_count(struct server *server, int more)
{
	figures_session(&server->figures, more);
	server->n_sessions += (size_t)more;
	if (server->n_sessions == 0 && server->drained != NULL)
		loop_defer(server->loop, tell_drained, server);
}

/* Ask each session to end, if it may. Those that do leave the list. */
static void retire_all(struct server *server)
{
	struct session *s = LIST_FIRST(&server->sessions), *next;

	for (; s != NULL; s = next) {
		next = session_next(s);
		session_retire(s);
	}
}

static void on_quiet_over(void *arg)
{
	struct server *server = arg;

	server->state = SERVER_CLOSING;
	retire_all(server);
}

void server_drain(struct server *server, void (*drained)(void *arg), void *arg)
{
	server->drained = drained;
	server->drained_arg = arg;
	server->state = SERVER_DRAINING;
	if ((server->quiet = timer_new(server->loop, on_quiet_over, server)) != NULL)
		timer_set(server->quiet, SERVER_QUIET_MS);
	else
		server->state = SERVER_CLOSING; /* out of memory: without the pause */
	retire_all(server);
	server_count(server, 0);
}

void server_stop(struct server *server)
{
	server->drained = NULL;
	while (!LIST_EMPTY(&server->sessions))
		session_stop(LIST_FIRST(&server->sessions));
	ask_pool_clear(&server->controller);
	timer_free(server->quiet);
	server->quiet = NULL;
}
