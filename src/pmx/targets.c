#include "pmx/targets.h"

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

bool targets_are_known(const struct run *r, bool by_state)
{
	bool all = true;

	for (int i = 0; i < r->options->n_names; i++) {
		const char *name = r->options->names[i];

		if (strchr(name, '/') == NULL && is_known(r, name, by_state))
			continue;
		run_error("pmx-milter: unknown milter '%s'\n", name);
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
	if (rc < 0)
		run_error("pmx-milter: %s: %s\n", r->run_dir, strerror(-rc));
	return rc;
}
