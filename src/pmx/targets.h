/* targets.h - which milters a command is about. */
#ifndef DEFANG_PMX_TARGETS_H
#define DEFANG_PMX_TARGETS_H

#include "pmx/instance.h"
#include "pmx/run.h"

/* Whether all names of the options are known, to the configuration or by what runs; those that are not are
 * told. */
bool targets_are_known(const struct run *r, bool by_state);

/* The instances of the options' names, or without names all that there is something of; to free with
 * instances_free(). 0; or -errno, told, and nothing is to be freed. */
int targets_find(const struct run *r, struct instance **out, size_t *n);

#endif
