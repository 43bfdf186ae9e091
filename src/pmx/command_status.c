#include "pmx/commands.h"
#include "pmx/gather.h"
#include "pmx/targets.h"
#include "pmx/view.h"
#include "proto/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- which --- */

static bool is_among(const struct instance *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return true;
	return false;
}

/* With --all, what is configured and does not run. */
static int add_others(const struct run *r, struct instance **all, size_t *n)
{
	const struct conf *c = r->conf;
	struct instance *grown = realloc(*all, (*n + c->n_milters + 1) * sizeof(**all));
	int rc = 0;

	if (grown == NULL)
		return -ENOMEM;
	*all = grown;
	for (size_t i = 0; i < c->n_milters && rc == 0; i++)
		if (!is_among(grown, *n, c->milters[i]->name))
			rc = instance_look(&grown[(*n)++], r->run_dir, c->milters[i]->name);
	return rc;
}

/* Those that should run, and do not: enabled or named. */
static size_t count_down(const struct run *r, const struct instance *all, size_t n)
{
	size_t down = 0;

	if (r->options->n_names > 0) {
		for (size_t i = 0; i < n; i++)
			down += !instance_has_process(&all[i]);
		return down;
	}
	for (size_t i = 0; i < r->conf->n_milters; i++) {
		const struct conf_milter *m = r->conf->milters[i];
		struct instance look;

		if (!conf_is_enabled(r->conf, m) || instance_look(&look, r->run_dir, m->name) < 0)
			continue;
		down += !instance_has_process(&look);
		instance_free(&look);
	}
	return down;
}

/* --- showing --- */

static void print_text(const struct run *r, const struct view *views, size_t n)
{
	struct buf out;
	bool shown = false;

	buf_init(&out, BUF_NO_LIMIT);
	for (size_t i = 0; i < n; i++) {
		if (views[i].instance->is == INSTANCE_STOPPED && !r->options->all && r->options->n_names == 0)
			continue;
		view_text(&views[i], &out);
		shown = true;
	}
	fputs(shown ? out.data : "no milters are running\n", stdout);
	buf_free(&out);
}

static const char *stamp_now(char stamp[32])
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return stamp;
}

/* Who reads JSON gets some even when nothing can be told. */
static void print_json_error(const char *error)
{
	char stamp[32];
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, BUF_NO_LIMIT);
	json_object(&j, NULL);
	json_int(&j, "format", 1);
	json_text(&j, "time", stamp_now(stamp));
	json_text(&j, "error", error);
	json_array(&j, "milters");
	json_end_array(&j);
	json_end_object(&j);
	puts(out.data);
	buf_free(&out);
}

static void print_json(const struct view *views, size_t n)
{
	char stamp[32];
	struct buf out;

	buf_init(&out, BUF_NO_LIMIT);
	view_json(views, n, stamp_now(stamp), &out);
	fputs(out.data, stdout);
	buf_free(&out);
}

static enum status show(const struct run *r, struct instance *found, size_t n)
{
	struct view *views = calloc(n + 1, sizeof(*views));
	enum status status;

	if (views == NULL)
		return STATUS_FAILED;
	gather(r, found, views, n);
	if (r->options->json)
		print_json(views, n);
	else
		print_text(r, views, n);
	status = view_status(views, n, count_down(r, found, n));
	for (size_t i = 0; i < n; i++)
		gather_free(&views[i]);
	free(views);
	return status;
}

enum status command_status(const struct run *r)
{
	struct instance *found;
	enum status status = STATUS_NOT_PERMITTED;
	size_t n;
	int rc;

	if (!targets_are_known(r, true))
		return STATUS_USAGE;
	if ((rc = targets_find(r, &found, &n)) < 0) {
		if (r->options->json)
			print_json_error(strerror(-rc));
		return STATUS_NOT_PERMITTED;
	}
	if (!r->options->all || add_others(r, &found, &n) == 0)
		status = show(r, found, n);
	instances_free(found, n);
	return status;
}
