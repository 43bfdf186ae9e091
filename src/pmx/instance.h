/* instance.h - a milter as it is found: its files, its state, and whether its two processes live. */
#ifndef DEFANG_PMX_INSTANCE_H
#define DEFANG_PMX_INSTANCE_H

#include "pmx/place.h"
#include "pmx/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum instance_state {
	INSTANCE_STOPPED, /* no process, no file */
	INSTANCE_DEAD,    /* no process, but files */
	INSTANCE_STARTING,
	INSTANCE_RUNNING,
	INSTANCE_STOPPING,
	INSTANCE_NO_FRONT, /* only the controller lives */
	INSTANCE_NO_MUX,   /* only the front end does */
	INSTANCE_UNKNOWN,  /* files or locks cannot be read */
};

struct instance {
	char *name; /* owned */
	struct place place;
	bool has_state;
	struct state state; /* all void without */
	pid_t front, mux;   /* 0: dead; below 0: cannot tell */
	enum instance_state is;
};

/* Look at one. 0 or -ENOMEM. Free in any case. */
int instance_look(struct instance *i, const char *run_dir, const char *name);

/* Look again, after time has passed. */
void instance_update(struct instance *i);
void instance_free(struct instance *i);

bool instance_has_process(const struct instance *i);

/* All that there is something of in run_dir, sorted by name; to free with instances_free(). 0; or -errno, and
 * nothing is to be freed: -ENOENT without the folder. */
int instances_find(const char *run_dir, struct instance **out, size_t *n);
void instances_free(struct instance *all, size_t n);

#endif
