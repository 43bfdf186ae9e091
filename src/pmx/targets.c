#include "pmx/targets.h"

#include "pmx/conf_line.h"
#include "pmx/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_known(const struct run *r, const char *name, bool by_state)
{
	struct instance i;
	bool known = conf_find(r->conf, name) != NULL;

	if (!known && by_state && instance_look(&i, r->run_dir, name) == 0) {
		known = i.is != INSTANCE_STOPPED;
		instance_free(&i);
	}
	return known;
}

/* The configured name that was probably meant, or NULL. */
static const char *name_meant(const struct conf *c, const char *typed)
{
	const char *best = NULL;
	size_t best_distance = NEAREST_MAX;

	for (size_t i = 0; i < c->n_milters; i++) {
		size_t distance = nearest_distance(typed, c->milters[i]->name);

		if (distance < best_distance) {
			best = c->milters[i]->name;
			best_distance = distance;
		}
	}
	return nearest_is_near(typed, best_distance) ? best : NULL;
}

static void say_unknown(const struct conf *c, const char *name)
{
	const char *meant = name_meant(c, name);

	if (meant != NULL)
		run_error("pmx-milter: unknown milter '%s': did you mean '%s'?\n", name, meant);
	else
		run_error("pmx-milter: unknown milter '%s'\n", name);
}

bool targets_are_known(const struct run *r, bool by_state)
{
	bool all = true;

	for (int i = 0; i < r->options->n_names; i++) {
		const char *name = r->options->names[i];

		/* Other names would lead out of run_dir. */
		if (conf_line_is_name(name) && is_known(r, name, by_state))
			continue;
		say_unknown(r->conf, name);
		all = false;
	}
	return all;
}

int targets_find(const struct run *r, struct instance **out, size_t *n)
{
	const struct options *o = r->options;
	int rc = 0;

	*n = 0;
	*out = NULL;
	if (o->n_names == 0) {
		rc = instances_find(r->run_dir, out, n);
		rc = rc == -ENOENT ? 0 : rc;
	} else if ((*out = calloc((size_t)o->n_names, sizeof(**out))) == NULL) {
		rc = -ENOMEM;
	}
	for (int i = 0; i < o->n_names && rc == 0; i++)
		rc = instance_look(&(*out)[(*n)++], r->run_dir, o->names[i]);
	if (rc == 0)
		return 0;
	run_error("pmx-milter: %s: %s\n", r->run_dir, strerror(-rc));
	instances_free(*out, *n);
	*out = NULL;
	*n = 0;
	return rc;
}
