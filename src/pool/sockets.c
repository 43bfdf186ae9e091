#include "pool/sockets.h"

#include "base/daemon.h"
#include "pool/client.h"
#include "pool/listeners.h"
#include "pool/map.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define OPEN_DOOR_CLIENTS 20

struct sockets {
	struct clients *clients;      /* of -s */
	struct clients *open_clients; /* of -a */
	struct map *map;              /* of -N */
	struct listeners *listeners;  /* of -O */
};

/* What all of them are made from. */
struct plan {
	struct loop *loop;
	struct pool *pool;
	const struct settings *settings;
	struct activation *passed;
	mode_t mask; /* for those that are not for everybody */
};

static int told(const char *what, const char *address, int err)
{
	daemon_fail(EX_CANTCREAT, "Unable to create %s %s: %s", what, address != NULL ? address : "(passed)",
		    strerror(-err));
	return EX_CANTCREAT;
}

static struct clients_config clients_config(const struct plan *p)
{
	return (struct clients_config){
		.address = p->settings->address,
		.backlog = (int)p->settings->backlog,
		.umask = p->mask,
		.privileged = true,
		.client_ms = p->settings->client_ms,
	};
}

static int open_requests(const struct plan *p, int passed, struct sockets *s)
{
	struct clients_config config = clients_config(p);
	int err;

	config.passed_fd = passed;
	err = clients_open(p->loop, p->pool, &config, &s->clients);
	return err < 0 ? told("listening socket.", p->settings->socket, err) : 0;
}

static int open_open(const struct plan *p, int passed, struct sockets *s)
{
	struct clients_config config = clients_config(p);
	int err;

	if (p->settings->open_socket == NULL && passed == -1)
		return 0;
	config.address = p->settings->open_address;
	config.passed_fd = passed;
	config.umask = 0;
	config.privileged = false;
	config.max_clients = OPEN_DOOR_CLIENTS;
	err = clients_open(p->loop, p->pool, &config, &s->open_clients);
	return err < 0 ? told("unprivileged listening socket", p->settings->open_socket, err) : 0;
}

static int open_map(const struct plan *p, int passed, struct sockets *s)
{
	struct map_config config = {
		.address = p->settings->map_address,
		.passed_fd = passed,
		.backlog = (int)p->settings->backlog,
		.umask = p->mask,
		.client_ms = p->settings->client_ms,
	};
	int err;

	if (p->settings->map_socket == NULL && passed == -1)
		return 0;
	err = map_open(p->loop, p->pool, &config, &s->map);
	return err < 0 ? told("map socket", p->settings->map_socket, err) : 0;
}

static int open_notify(const struct plan *p, int passed, struct sockets *s)
{
	struct listeners_config config = {
		.address = p->settings->notify_address,
		.passed_fd = passed,
		.umask = p->mask,
	};
	int err;

	if (p->settings->notify_socket == NULL && passed == -1)
		return 0;
	err = listeners_open(p->loop, p->pool, &config, &s->listeners);
	return err < 0 ? told("notification socket", p->settings->notify_socket, err) : 0;
}

/* The order is that in which the others find a name of their own before the first takes what is left. */
static int open_all(const struct plan *p, struct sockets *s)
{
	int open_fd = activation_claim(p->passed, "open"), map_fd = activation_claim(p->passed, "map");
	int notify_fd = activation_claim(p->passed, "notify");
	int requests_fd = activation_claim(p->passed, "requests"), status;

	if (requests_fd == -1)
		requests_fd = activation_claim_only(p->passed);
	if (activation_unclaimed(p->passed) != NULL) {
		daemon_fail(EX_USAGE, "The service manager passed a socket named '%s', which is for nothing",
			    activation_unclaimed(p->passed));
		return EX_USAGE;
	}
	if ((status = open_requests(p, requests_fd, s)) == 0 && (status = open_open(p, open_fd, s)) == 0 &&
	    (status = open_map(p, map_fd, s)) == 0)
		status = open_notify(p, notify_fd, s);
	return status;
}

int sockets_open(struct loop *loop, struct pool *pool, const struct settings *settings,
		 struct activation *passed, struct sockets **out)
{
	const struct plan plan = {
		.loop = loop,
		.pool = pool,
		.settings = settings,
		.passed = passed,
		.mask = settings->group_access ? 007 : 027,
	};

	if ((*out = calloc(1, sizeof(**out))) == NULL) {
		daemon_fail(EX_OSERR, "Out of memory");
		return EX_OSERR;
	}
	return open_all(&plan, *out);
}

void sockets_close(struct sockets *s)
{
	if (s == NULL)
		return;
	clients_close(s->clients);
	clients_close(s->open_clients);
	map_close(s->map);
	listeners_close(s->listeners);
}

void sockets_hang_up(struct sockets *s)
{
	if (s == NULL)
		return;
	clients_free(s->clients);
	clients_free(s->open_clients);
	map_free(s->map);
	s->clients = s->open_clients = NULL;
	s->map = NULL;
}

void sockets_free(struct sockets *s)
{
	if (s == NULL)
		return;
	sockets_hang_up(s);
	listeners_free(s->listeners);
	free(s);
}
