#include "pmx/plan.h"

#include "pmx/conf_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_BITS 070
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* `path' below `folder' unless it is absolute; to free(). */
static char *below(const char *folder, const char *path)
{
	char *whole;

	if (path[0] == '/')
		return strdup(path);
	return asprintf(&whole, "%s/%s", folder, path) < 0 ? NULL : whole;
}

/* Relative rules are seen from the folder of the configuration's first file. */
static char *rules_of(const struct conf *c, const char *rules)
{
	const char *slash = strrchr(c->files[0], '/');
	char *folder = slash != NULL ? strndup(c->files[0], (size_t)(slash - c->files[0])) : strdup(".");
	char *path = folder != NULL ? below(folder, rules) : NULL;

	free(folder);
	return path;
}

static void times_set(struct plan *p)
{
	const struct conf *c = p->conf;
	const struct conf_milter *m = p->milter;

	p->start_timeout_s = conf_number(c, m, KEY_START_TIMEOUT, 30);
	p->stop_timeout_s = conf_number(c, m, KEY_STOP_TIMEOUT, 300);
	p->abort_timeout_s = conf_number(c, m, KEY_ABORT_TIMEOUT, 15);
	p->kill_timeout_s = conf_number(c, m, KEY_KILL_TIMEOUT, 5);
	p->escalate = conf_number(c, m, KEY_STOP_ESCALATE, 0) != 0;
}

static int files_set(struct plan *p)
{
	const struct conf *c = p->conf;
	const char *log_dir = conf_text(c, NULL, KEY_LOG_DIR, CONF_LOG_DIR);
	const char *log_to = conf_text(c, NULL, KEY_LOG_TO, "syslog:mail"),
		   *out = conf_text(c, NULL, KEY_STDOUT, NULL);
	const char *err = conf_text(c, NULL, KEY_STDERR, NULL),
		   *rules = conf_text(c, p->milter, KEY_RULES, NULL);
	char *err_name = NULL;
	bool to_file = strncmp(log_to, "syslog:", 7) != 0;

	p->err_is_default = err == NULL && conf_value(c, NULL, KEY_LOG_DIR) == NULL;
	if (err == NULL && asprintf(&err_name, "%s.err", p->name) < 0)
		return -ENOMEM;
	p->err_file = below(log_dir, err != NULL ? err : err_name);
	free(err_name);
	if ((to_file && (p->log_file = below(log_dir, log_to)) == NULL) ||
	    (out != NULL && (p->out_file = below(log_dir, out)) == NULL) ||
	    (rules != NULL && (p->rules = rules_of(c, rules)) == NULL) || p->err_file == NULL ||
	    (p->spool = conf_spool(c, p->milter, &p->spool_made)) == NULL)
		return -ENOMEM;
	return 0;
}

int plan_init(struct plan *p, const struct conf *c, const struct conf_milter *m)
{
	const char *run_dir = conf_text(c, NULL, KEY_RUN_DIR, CONF_RUN_DIR);

	*p = (struct plan){
		.conf = c,
		.milter = m,
		.name = m->name,
		.user = conf_text(c, NULL, KEY_USER, CONF_USER),
		.filter = conf_text(c, m, KEY_FILTER, NULL),
		.group = (conf_number(c, NULL, KEY_UMASK, 077) & GROUP_BITS) != GROUP_BITS,
		.backlog = (int)conf_number(c, m, KEY_LISTEN_QUEUE_SIZE, 4096),
		.max_workers = conf_max_workers(c, m),
	};
	times_set(p);
	if (port_parse(conf_text(c, m, KEY_PORT, ""), run_dir, &p->port) != NULL)
		return -EINVAL;
	if (place_init(&p->place, run_dir, m->name) < 0)
		return -ENOMEM;
	return files_set(p);
}

void plan_free(struct plan *p)
{
	place_free(&p->place);
	free(p->spool);
	free(p->rules);
	free(p->log_file);
	free(p->out_file);
	free(p->err_file);
	*p = (struct plan){ .conf = NULL };
}

/* --- arguments --- */

static void add_number(const struct plan *p, struct args *out, enum conf_key key, const char *option)
{
	const struct conf_value *v = conf_value(p->conf, p->milter, key);

	if (v == NULL)
		return;
	args_add(out, "%s", option);
	args_add(out, "%lld", (long long)v->number);
}

static void add_text(struct args *out, const char *option, const char *text)
{
	if (text == NULL)
		return;
	args_add(out, "%s", option);
	args_add(out, "%s", text);
}

static void add_socket(const struct plan *p, struct args *out, enum conf_key key, const char *option)
{
	const char *text = conf_text(p->conf, p->milter, key, NULL);
	char address[PORT_MAX];

	if (text == NULL)
		return;
	port_socket_text(text, conf_text(p->conf, NULL, KEY_RUN_DIR, CONF_RUN_DIR), address);
	add_text(out, option, address);
}

static void add_flag(struct args *out, bool wanted, const char *option)
{
	if (wanted)
		args_add(out, "%s", option);
}

static void add_common(const struct plan *p, struct args *out)
{
	const char *log_to = conf_text(p->conf, NULL, KEY_LOG_TO, NULL);

	add_text(out, "-U", p->user);
	add_text(out, "-z", p->spool);
	if (log_to != NULL && p->log_file == NULL)
		add_text(out, "-S", log_to + strlen("syslog:"));
	add_flag(out, p->group, "-G");
	add_flag(out, p->log_file != NULL, "-D"); /* in the foreground they log to standard error, too */
}

/* Whether requests may wait for a worker. */
static bool queues(const struct plan *p)
{
	return conf_number(p->conf, p->milter, KEY_REQUEST_QUEUE_SIZE, 0) > 0 &&
	       conf_number(p->conf, p->milter, KEY_CONCURRENCY_LIMIT_ACTION, CONF_WAIT) == CONF_WAIT;
}

void plan_front_args(const struct plan *p, struct args *out)
{
	int64_t checks = conf_number(p->conf, p->milter, KEY_CHECKS, 0);

	args_add(out, "mimedefang");
	add_text(out, "-p", p->port.text);
	add_text(out, "-m", p->place.mux_socket);
	add_text(out, "-P", p->place.front_pid);
	add_text(out, "-o", p->place.front_lock);
	add_common(p, out);
	add_text(out, "--status", p->place.front_socket);
	add_text(out, "--grace", "86400"); /* how long a stop may take is for pmx-milter to say */
	add_flag(out, (checks & CONF_CHECK_RELAY) != 0, "-r");
	add_flag(out, (checks & CONF_CHECK_HELO) != 0, "-H");
	add_flag(out, (checks & CONF_CHECK_SENDER) != 0, "-s");
	add_flag(out, (checks & CONF_CHECK_RECIPIENT) != 0, "-t");
	add_flag(out, queues(p), "-q");
	add_number(p, out, KEY_LISTEN_QUEUE_SIZE, "-b");
}

/* Options of the controller that are the number as it is written. */
static const struct {
	enum conf_key key;
	const char *option;
} mux_numbers[] = {
	{ KEY_MIN_POOLED_PROCS, "-m" },      { KEY_POOLED_PROC_IDLE_LIMIT, "-i" },
	{ KEY_REQUEST_QUEUE_TIMEOUT, "-Q" }, { KEY_TIMEOUT, "-b" },
	{ KEY_COMMAND_TIMEOUT, "-c" },       { KEY_LISTEN_QUEUE_SIZE, "-I" },
	{ KEY_WORKER_MIN_INTERVAL, "-W" },   { KEY_TICK_INTERVAL, "-X" },
	{ KEY_PARALLEL_TICKS, "-P" },        { KEY_STATUS_INTERVAL, "-L" },
};

/* Those that are not. */
static void add_mux_numbers(const struct plan *p, struct args *out)
{
	static const struct {
		enum conf_key key;
		const char *option;
		int64_t unit, zero; /* what 0 is passed as */
	} scaled[] = {
		{ KEY_POOLED_PROC_CONNECT_LIMIT, "-r", 1, 1000000000 },
		{ KEY_WORKER_START_INTERVAL, "-w", 1, 1 },
		{ KEY_WORKER_MAX_RSS, "-R", 1024, 0 },
		{ KEY_WORKER_MAX_MEMORY, "-M", 1024, 0 },
	};

	for (size_t i = 0; i < LENGTH(mux_numbers); i++)
		add_number(p, out, mux_numbers[i].key, mux_numbers[i].option);
	for (size_t i = 0; i < LENGTH(scaled); i++) {
		const struct conf_value *v = conf_value(p->conf, p->milter, scaled[i].key);

		if (v == NULL)
			continue;
		args_add(out, "%s", scaled[i].option);
		args_add(out, "%lld",
			 (long long)(v->number == 0 ? scaled[i].zero : v->number / scaled[i].unit));
	}
}

void plan_mux_args(const struct plan *p, struct args *out)
{
	const struct conf *c = p->conf;
	const struct conf_milter *m = p->milter;
	int64_t debug = conf_number(c, m, KEY_DEBUG_LEVEL, 0);

	args_add(out, "mimedefang-multiplexor");
	add_text(out, "-s", p->place.mux_socket);
	add_text(out, "-p", p->place.mux_pid);
	add_text(out, "-o", p->place.mux_lock);
	add_common(p, out);
	add_text(out, "-f", p->filter);
	add_text(out, "-F", p->rules);
	if (conf_value(c, m, KEY_MAX_POOLED_PROCS) != NULL ||
	    conf_value(c, m, KEY_CONCURRENCY_LIMIT) != NULL) {
		args_add(out, "-x");
		args_add(out, "%lld", (long long)p->max_workers);
	}
	if (conf_value(c, m, KEY_REQUEST_QUEUE_SIZE) != NULL) {
		args_add(out, "-q");
		args_add(out, "%lld",
			 (long long)(queues(p) ? conf_number(c, m, KEY_REQUEST_QUEUE_SIZE, 0) : 0));
	}
	add_mux_numbers(p, out);
	add_flag(out, conf_number(c, m, KEY_PRELOAD_INTERPRETERS, 0) != 0, "-E");
	add_flag(out, debug >= 1, "-l");
	add_flag(out, debug >= 2, "-d");
	add_socket(p, out, KEY_STATUS_PORT, "-a");
	add_socket(p, out, KEY_NOTIFY_PORT, "-O");
	add_socket(p, out, KEY_MAP_PORT, "-N");
}

/* FNV-1a: short, and enough to notice a change. */
static void hash(uint64_t *h, const char *text)
{
	do {
		*h = (*h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	} while (*text++ != '\0');
}

void plan_digest(const struct plan *p, char out[17])
{
	const char *const files[] = { p->log_file, p->out_file, p->err_file };
	struct args all = { .n = 0 };
	uint64_t h = UINT64_C(14695981039346656037);
	char times[100];

	plan_front_args(p, &all);
	plan_mux_args(p, &all);
	for (size_t i = 0; i < all.n; i++)
		hash(&h, all.v[i]);
	for (size_t i = 0; i < LENGTH(files); i++)
		hash(&h, files[i] != NULL ? files[i] : "");
	/* A stop works from these as they were at the start. */
	snprintf(times, sizeof(times), "%lld %lld %lld %d", (long long)p->stop_timeout_s,
		 (long long)p->abort_timeout_s, (long long)p->kill_timeout_s, p->escalate);
	hash(&h, times);
	args_free(&all);
	snprintf(out, 17, "%016llx", (unsigned long long)h);
}
