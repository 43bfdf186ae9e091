/* state.h - what is known of a milter that was started: lines of `key=value', values percent-encoded. It is
 * what a stop works from, even when the configuration is broken by then. Never the proof that something
 * lives: that is a lock (alive.h). */
#ifndef DEFANG_PMX_STATE_H
#define DEFANG_PMX_STATE_H

#include "base/buf.h"

#include <stdint.h>

#define STATE_FORMAT 1
#define STATE_MAX 65536 /* bytes */

struct state {
	/* owned; "" when not told */
	char *name, *user, *port, *spool;
	char *socket; /* path of a UNIX-domain port; else "" */
	char *phase;  /* starting, running, stopping */
	char *signal; /* that was asked for, when stopping */
	char *boot;   /* the boot of the machine that it was started in */
	char *digest; /* of its configuration */
	/* 0 when not told */
	int64_t front_pid, front_start, mux_pid, mux_start; /* start: procfs.h */
	int64_t socket_dev, socket_ino;                     /* of the file of the port */
	int64_t listen_ino;                                 /* of the listening socket itself */
	int64_t generation;                                 /* starts so far */
	int64_t since_ms;                                   /* of the phase, on the wall's clock */
	int64_t started_ms;
	int64_t max_workers;
	int64_t stop_timeout_s, abort_timeout_s, kill_timeout_s, escalate;
};

/* Read a whole file; `text' is changed. 0; -EINVAL, -ENOMEM: nothing is to be freed then. Keys that are not
 * known are skipped. Pure, and so is state_format(). */
int state_parse(char *text, struct state *out);
void state_format(const struct state *s, struct buf *out);
void state_free(struct state *s);

/* Put `text' in place of a text of the state. 0 or -ENOMEM. */
int state_set(char **where, const char *text);

/* 0; -ENOENT, -EINVAL (no state file: unreadable, a link, not plain), -errno. */
int state_read(const char *path, struct state *out);

/* Under a temporary name, then renamed. 0 or -errno. */
int state_write(const char *path, const struct state *s);

#endif
