#include "pmx/conf_check.h"

#include "pmx/path.h"
#include "pmx/place.h"
#include "pmx/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_INTERVAL_LEAST 5 /* seconds */
#define DESCRIPTORS_PER_REQUEST 10

/* Where the value of a key stands, or else the block. */
static struct conf_place place_of(const struct conf *c, const struct conf_milter *m, enum conf_key key)
{
	const struct conf_value *v = conf_value(c, m, key);

	return v != NULL ? v->at : m->at;
}

int64_t conf_max_workers(const struct conf *c, const struct conf_milter *m)
{
	int64_t limit = conf_number(c, m, KEY_CONCURRENCY_LIMIT, CONF_PROGRAM_MAX_WORKERS);

	return conf_number(c, m, KEY_MAX_POOLED_PROCS, limit);
}

static void check_workers(struct conf *c, const struct conf_milter *m)
{
	int64_t most = conf_max_workers(c, m), fewest = conf_number(c, m, KEY_MIN_POOLED_PROCS, 0);
	const struct conf_value *limit = conf_value(c, m, KEY_CONCURRENCY_LIMIT);

	if (limit != NULL && limit->number != most)
		conf_error(c, limit->at,
			   "milter `%s': concurrency_limit (%lld) and max_pooled_procs (%lld) contradict "
			   "each other: "
			   "a worker serves one request at a time",
			   m->name, (long long)limit->number, (long long)most);
	if (fewest > most)
		conf_error(c, place_of(c, m, KEY_MIN_POOLED_PROCS),
			   "milter `%s': min_pooled_procs (%lld) is above max_pooled_procs (%lld)", m->name,
			   (long long)fewest, (long long)most);
	if (conf_number(c, m, KEY_PARALLEL_TICKS, 1) > most)
		conf_error(c, place_of(c, m, KEY_PARALLEL_TICKS),
			   "milter `%s': parallel_ticks is above max_pooled_procs (%lld)", m->name,
			   (long long)most);
}

static void check_times(struct conf *c, const struct conf_milter *m)
{
	int64_t whole = conf_number(c, m, KEY_TIMEOUT, CONF_PROGRAM_TIMEOUT_S);
	int64_t interval = conf_number(c, m, KEY_STATUS_INTERVAL, 0);

	if (conf_number(c, m, KEY_COMMAND_TIMEOUT, CONF_PROGRAM_COMMAND_TIMEOUT_S) > whole)
		conf_error(c, place_of(c, m, KEY_COMMAND_TIMEOUT),
			   "milter `%s': command_timeout is above timeout (%lld seconds)", m->name,
			   (long long)whole);
	if (interval > 0 && interval < STATUS_INTERVAL_LEAST)
		conf_error(c, place_of(c, m, KEY_STATUS_INTERVAL),
			   "milter `%s': status_interval is 0, or 5 seconds at least", m->name);
}

/* These would make it another program than its owner thinks. */
static void check_smtp(struct conf *c, const struct conf_milter *m)
{
	static const enum conf_key keys[] = { KEY_SMTP_LISTEN_PORT, KEY_SMTP_TALK_PORT };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct conf_value *v = conf_value(c, m, keys[i]);

		if (v != NULL && conf_is_enabled(c, m))
			conf_error(c, v->at,
				   "milter `%s': `%s' makes an SMTP proxy of it, which is not to be had here",
				   m->name, conf_key_info(keys[i])->name);
		else if (v != NULL)
			conf_warn(c, v->at, "`%s' of PureMessage has no meaning here and is ignored",
				  conf_key_info(keys[i])->name);
	}
}

static void check_machine(struct conf *c, const struct conf_milter *m, const struct conf_machine *machine)
{
	int64_t workers = conf_max_workers(c, m);
	int64_t memory = conf_number(c, m, KEY_WORKER_MAX_MEMORY, 0);

	if (machine->descriptors < DESCRIPTORS_PER_REQUEST * workers)
		conf_warn(c, place_of(c, m, KEY_MAX_POOLED_PROCS),
			  "milter `%s': %lld workers may need more than the %lld descriptors that a process "
			  "may have",
			  m->name, (long long)workers, (long long)machine->descriptors);
	if (machine->memory_bytes > 0 && memory > 0 && memory > machine->memory_bytes / 2 / workers)
		conf_warn(
			c, place_of(c, m, KEY_WORKER_MAX_MEMORY),
			"milter `%s': twice %lld workers of worker_max_memory are more than this machine has",
			m->name, (long long)workers);
}

/* --- ports: read once each, then compared --- */

struct ports {
	struct port *ports; /* of c->milters, and after them of all other sockets */
	const struct conf_value **values;
	size_t n;
};

static void port_read(struct conf *c, const struct conf_milter *m, const struct conf_machine *machine,
		      struct ports *all)
{
	const struct conf_value *v = &m->own.values[KEY_PORT];
	struct port *p = &all->ports[all->n];
	const char *why;

	if (v->is != CONF_SET_TO) { /* a bad value has been told already */
		if (v->is == CONF_DEFAULT || v->at.line == 0)
			conf_error(c, v->at.line > 0 ? v->at : m->at, "milter `%s' has no port", m->name);
		return;
	}
	if ((why = port_parse(v->text, conf_text(c, NULL, KEY_RUN_DIR, CONF_RUN_DIR), p)) != NULL) {
		conf_error(c, v->at, "port: `%s' %s", v->text, why);
		return;
	}
	if (p->number > 0 && p->number < machine->lowest_port)
		conf_error(c, v->at, "port: only root may listen below %lld, and milters do not run as root",
			   (long long)machine->lowest_port);
	if (p->any)
		conf_warn(c, v->at, "port: everybody can reach it: it listens on all addresses");
	all->values[all->n++] = v;
}

static enum address_error socket_parse(const struct conf *c, const char *text, struct address *out)
{
	char address[PORT_MAX];

	port_socket_text(text, conf_text(c, NULL, KEY_RUN_DIR, CONF_RUN_DIR), address);
	return address_parse(address, ADDRESS_LOOPBACK, out);
}

static void socket_read(struct conf *c, const struct conf_milter *m, enum conf_key key, struct ports *all)
{
	const struct conf_value *v = conf_value(c, m, key);
	struct port *p = &all->ports[all->n];
	enum address_error e;

	if (v == NULL)
		return;
	memset(p, 0, sizeof(*p));
	e = socket_parse(c, v->text, &p->address);
	if (e != ADDRESS_OK) {
		conf_error(c, v->at, "%s: `%s': %s", conf_key_info(key)->name, v->text,
			   address_error_text(e));
		return;
	}
	if (!address_is_unix(&p->address))
		p->number = ntohs(p->address.sa.sa_family == AF_INET6 ? p->address.in6.sin6_port
								      : p->address.in.sin_port);
	p->any = strstr(v->text, "_any:") != NULL;
	all->values[all->n++] = v;
}

static void ports_compare(struct conf *c, const struct ports *all)
{
	for (size_t i = 1; i < all->n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!port_overlaps(&all->ports[i], &all->ports[j]))
				continue;
			conf_error(c, all->values[i]->at, "`%s' is in use already, by `%s' at %s:%d",
				   all->values[i]->text, all->values[j]->text,
				   c->files[all->values[j]->at.file], all->values[j]->at.line);
			break;
		}
	}
}

static void check_ports(struct conf *c, const struct conf_machine *machine)
{
	size_t most = 4 * c->n_milters + 1;
	struct ports all = { calloc(most, sizeof(*all.ports)), calloc(most, sizeof(*all.values)), 0 };

	for (size_t i = 0; i < c->n_milters && all.ports != NULL && all.values != NULL; i++)
		port_read(c, c->milters[i], machine, &all);
	for (size_t i = 0; i < c->n_milters && all.ports != NULL && all.values != NULL; i++) {
		socket_read(c, c->milters[i], KEY_STATUS_PORT, &all);
		socket_read(c, c->milters[i], KEY_NOTIFY_PORT, &all);
		socket_read(c, c->milters[i], KEY_MAP_PORT, &all);
	}
	ports_compare(c, &all);
	free(all.ports);
	free(all.values);
}

/* --- folders --- */

char *conf_spool(const struct conf *c, const struct conf_milter *m, bool *made)
{
	const struct conf_value *own = &m->own.values[KEY_SPOOL_DIR];
	const char *common = conf_text(c, NULL, KEY_SPOOL_DIR, CONF_SPOOL_DIR);
	char *path;

	*made = own->is != CONF_SET_TO && c->n_milters > 1;
	if (*made)
		return asprintf(&path, "%s/%s", common, m->name) < 0 ? NULL : path;
	return strdup(own->is == CONF_SET_TO ? own->text : common);
}

static void check_spools(struct conf *c)
{
	char **spools = calloc(c->n_milters + 1, sizeof(char *));
	bool made;

	for (size_t i = 0; spools != NULL && i < c->n_milters; i++) {
		const struct conf_milter *m = c->milters[i];

		spools[i] = conf_spool(c, m, &made);
		for (size_t j = 0; j < i; j++)
			if (spools[i] != NULL && spools[j] != NULL && path_is_same(spools[i], spools[j]))
				conf_error(c, place_of(c, m, KEY_SPOOL_DIR),
					   "milter `%s': spool_dir is that of milter `%s' at %s:%d, and must "
					   "not "
					   "be shared",
					   m->name, c->milters[j]->name, c->files[c->milters[j]->at.file],
					   c->milters[j]->at.line);
	}
	for (size_t i = 0; spools != NULL && i < c->n_milters; i++)
		free(spools[i]);
	free(spools);
}

/* No socket of the configuration may lie among the run-time files of a milter. */
static void check_socket(struct conf *c, const struct conf_milter *m, const char *folder, enum conf_key key)
{
	for (size_t i = 0; i < c->n_milters; i++) {
		const struct conf_value *v = conf_value(c, c->milters[i], key);
		struct address a;
		struct port p;

		if (v == NULL)
			continue;
		if (key != KEY_PORT && socket_parse(c, v->text, &a) != ADDRESS_OK)
			continue;
		if (key == KEY_PORT) {
			if (port_parse(v->text, conf_text(c, NULL, KEY_RUN_DIR, CONF_RUN_DIR), &p) != NULL)
				continue;
			a = p.address;
		}
		if (address_is_unix(&a) && path_is_within(a.un.sun_path, folder))
			conf_error(c, v->at, "%s: `%s' lies where the files of milter `%s' are, in %s",
				   conf_key_info(key)->name, v->text, m->name, folder);
	}
}

static void check_run_dir(struct conf *c, const struct conf_milter *m)
{
	static const enum conf_key keys[] = { KEY_PORT, KEY_STATUS_PORT, KEY_NOTIFY_PORT, KEY_MAP_PORT };
	struct sockaddr_un un;
	struct place p;

	if (place_init(&p, conf_text(c, NULL, KEY_RUN_DIR, CONF_RUN_DIR), m->name) == 0) {
		if (strlen(p.front_socket) >= sizeof(un.sun_path))
			conf_error(c, m->at,
				   "milter `%s': its sockets below run_dir would have paths of %zu bytes, "
				   "%zu is "
				   "the most",
				   m->name, strlen(p.front_socket), sizeof(un.sun_path) - 1);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			check_socket(c, m, p.folder, keys[i]);
	}
	place_free(&p);
}

void conf_check(struct conf *c, const struct conf_machine *machine)
{
	for (size_t i = 0; i < c->n_milters; i++) {
		check_workers(c, c->milters[i]);
		check_times(c, c->milters[i]);
		check_smtp(c, c->milters[i]);
		check_machine(c, c->milters[i], machine);
		check_run_dir(c, c->milters[i]);
	}
	check_ports(c, machine);
	check_spools(c);
	if (c->n_milters == 0 && c->n_files > 0 && c->n_errors == 0)
		conf_warn(c, (struct conf_place){ .file = 0 }, "there is no milter");
}
