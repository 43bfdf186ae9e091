/* plan.h - how a milter is to be started: its paths, times and the arguments of both programs, from the
 * configuration. Pure. */
#ifndef DEFANG_PMX_PLAN_H
#define DEFANG_PMX_PLAN_H

#include "pmx/args.h"
#include "pmx/conf.h"
#include "pmx/place.h"
#include "pmx/port.h"

#include <stdint.h>

struct plan {
	const struct conf *conf;
	const struct conf_milter *milter;
	const char *name;
	struct place place;
	struct port port;
	const char *user;
	char *spool;        /* owned */
	bool spool_made;    /* it is one of several below a common folder: made when it is missing */
	char *rules;        /* owned; NULL: the worker program's own */
	const char *filter; /* NULL: the controller's own */
	char *log_file;     /* owned; NULL: syslog only */
	char *out_file;     /* owned; NULL: /dev/null */
	char *err_file;     /* owned */
	bool err_is_default;
	bool group; /* may use sockets and files */
	int backlog;
	int64_t max_workers;
	int64_t start_timeout_s, stop_timeout_s, abort_timeout_s, kill_timeout_s;
	bool escalate;
	int64_t asked; /* a mark (asked.h), for who starts it to set: what stops wanted before does not count
			*/
};

/* Of a configuration without errors. 0 or -ENOMEM. Free in any case. */
int plan_init(struct plan *p, const struct conf *c, const struct conf_milter *m);
void plan_free(struct plan *p);

/* The command lines, with the program's name first. */
void plan_front_args(const struct plan *p, struct args *out);
void plan_mux_args(const struct plan *p, struct args *out);

/* 16 hexadecimal digits that change with anything that a restart would change. */
void plan_digest(const struct plan *p, char out[17]);

#endif
